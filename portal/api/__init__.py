"""The two APIs: their routers, authentication, rate limits and errors.

`public` is compatible with SaladCloud's public API, `v1` is Drayage's own. The operations are in `groups.api`.
"""

from __future__ import annotations

from typing import Any

from groups.api import checks, container_groups, deploy, instances, quotas, records, trusts
from portal.api import problems, webhooks
from portal.api.access import SaladApiKey
from portal.api.description import DescribedAPI
from portal.api.reading import StrictParser

_OPTIONS: dict[str, Any] = {"docs_url": None, "parser": StrictParser(), "auth": SaladApiKey(), "version": "1.0"}

public = DescribedAPI(
    title="Drayage, compatible with SaladCloud",
    description="Container groups, instances and quotas, for programs that use the SaladCloud SDKs.",
    urls_namespace="api-public",
    **_OPTIONS,
)
for _router in (container_groups.router, instances.router, quotas.router):
    public.add_router("", _router)

v1 = DescribedAPI(
    title="Drayage",
    description="Image checks, deploys, trusts, the steps of pulls, failures, the delivery ledger, credential receipts "
    "and webhooks.",
    urls_namespace="api-v1",
    **_OPTIONS,
)
for _router in (checks.router, deploy.router, trusts.router, records.router, webhooks.router):
    v1.add_router("", _router)

for _api in (public, v1):
    problems.handle_in(_api)
