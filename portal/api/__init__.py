"""The API put together: which routers stand where, who asks, how often, and how errors read.

`public` speaks SaladCloud's public API, `v1` what Drayage tells beyond it. What is done stands in `groups.api`.
"""

from __future__ import annotations

from typing import Any

from groups.api import checks, container_groups, instances, quotas, records
from portal.api import problems, webhooks
from portal.api.access import SaladApiKey
from portal.api.description import DescribedAPI
from portal.api.reading import StrictParser

_OPTIONS: dict[str, Any] = {"docs_url": None, "parser": StrictParser(), "auth": SaladApiKey(), "version": "1.0"}

public = DescribedAPI(
    title="Drayage, SaladCloud's public API",
    description="Container groups, instances and quotas, as the SDKs of SaladCloud speak it.",
    urls_namespace="api-public",
    **_OPTIONS,
)
for _router in (container_groups.router, instances.router, quotas.router):
    public.add_router("", _router)

v1 = DescribedAPI(
    title="Drayage",
    description="Checks of images, the steps of pulls, failures, the delivery ledger, receipts of credentials, and "
    "webhooks.",
    urls_namespace="api-v1",
    **_OPTIONS,
)
for _router in (checks.router, records.router, webhooks.router):
    v1.add_router("", _router)

for _api in (public, v1):
    problems.handle_in(_api)
