"""A failure of each of a registry's services, while many meet it: read, and tried again with one click."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from groups.models import Failure, Image
from registries.failures import HostUnknown, PullFailed, RegistryUnreachable, Service, TlsInvalid, Where
from registries.foundation.clock import database_now
from tests.browser.conftest import picture, violations
from tests.browser.pages import no_sideways, sign_in
from tests.support.group_progress import failed
from tests.support.outages import make_outage
from tests.support.pulls import make_credential, make_group

HOST = "registry.example.com"
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def where(service: Service, met: str) -> Where:
    return {"host": HOST, "service": service, "met": met}


FAILURES: dict[str, tuple[PullFailed, str]] = {
    "registry": (
        RegistryUnreachable(reason="it refused the connection", **where(Service.REGISTRY, HOST)),
        "The registry can't be reached",
    ),
    "sign-in": (
        TlsInvalid(case="unknown_authority", **where(Service.SIGN_IN, "git.example:8443")),
        "The certificate of the registry's sign-in service is from an unknown authority",
    ),
    "storage": (
        HostUnknown(case="service", **where(Service.STORAGE, "minio.harbor.internal:9000")),
        "The registry's storage has an unknown host name",
    ),
}


@pytest.mark.parametrize(("width", "scheme"), [("desk", "light"), ("phone", "dark")])
def test_a_failure_of_each_service(
    open_context: Callable[..., BrowserContext], project: Any, bob: Any, width: str, scheme: Any
) -> None:
    page = open_context(width, color_scheme=scheme, bypass_csp=True).new_page()
    sign_in(page, bob)
    now = database_now()
    make_outage(HOST, began_at=now - timedelta(minutes=26), last_failed_at=now)
    found: dict[str, list[str]] = {}
    for name, (failure, title) in FAILURES.items():
        group = make_group(project, f"{HOST}/team/app:1", name=name)
        Image.objects.filter(pk=group.image_id).update(
            status="failed", keeps_credential=True, credential=make_credential(project.organization, HOST)
        )
        row = failed(group, step="connect", code=failure.code, params=failure.params, raw=failure.raw)
        page.goto(f"/o/acme/default/groups/{name}/failures/{row.pk}/")
        expect(page.get_by_role("heading", name=title)).to_be_visible()
        expect(page.get_by_text("is failing for many since")).to_be_visible()
        no_sideways(page)
        found[name] = violations(page)
        picture(page, f"failure-{name}-{width}")
        page.get_by_role("button", name="Try again", exact=True).click()
        expect(page.locator(".hero .state-pending")).to_be_visible()
        picture(page, f"again-{name}-{width}")
    assert not any(found.values()), found
    assert Failure.objects.count() == len(FAILURES)
