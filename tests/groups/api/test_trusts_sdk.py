"""SaladCloud's own SDK makes a group that is pulled with nothing secret, without a change."""

from __future__ import annotations

from typing import Any

import pytest

from groups import jobs
from groups.models import ContainerGroup
from portal.models import Project
from portal.organizations.api_keys import create_key
from registries.foundation.actor import CONSOLE
from registries.models import Credential
from tests.interop.sdks import PythonSdk
from tests.portal.api.conftest import a_group
from tests.support.fakes.clouds.server import Clouds
from tests.support.trusts import CASES, REPOSITORY, add_trust_of, presented

pytestmark = pytest.mark.slow
GROUP = ("acme", "default", "app")


def test_it_pulls_by_a_trust(shared: Project, reachable: Clouds, live_server: Any) -> None:
    case = CASES["ecr"]
    said = presented(add_trust_of(shared.organization, case), shared)
    case.allow(reachable, said.issuer, said.subject)
    _, key = create_key(organization_id=shared.organization_id, name="sdk", scope="write", by=CONSOLE)
    sdk = PythonSdk(f"{live_server.url}/api/public", key)

    sdk.call("create_container_group", *GROUP[:2], body=a_group(container={"image": f"{case.host}/{REPOSITORY}:1.0"}))
    jobs.pull(str(ContainerGroup.objects.get().image_id))

    found = sdk.call("get_container_group", *GROUP)
    assert found["current_state"]["status"] == "stopped"
    assert not Credential.objects.exists()


def test_a_refusal_says_whose_move_it_is(shared: Project, reachable: Clouds, live_server: Any) -> None:
    case = CASES["acr"]
    add_trust_of(shared.organization, case)
    _, key = create_key(organization_id=shared.organization_id, name="sdk", scope="write", by=CONSOLE)
    sdk = PythonSdk(f"{live_server.url}/api/public", key)

    sdk.call("create_container_group", *GROUP[:2], body=a_group(container={"image": f"{case.host}/{REPOSITORY}:1.0"}))
    jobs.pull(str(ContainerGroup.objects.get().image_id))

    state = sdk.call("get_container_group", *GROUP)["current_state"]
    assert state["status"] == "failed"
    assert state["description"].startswith("trust_refused: ")
