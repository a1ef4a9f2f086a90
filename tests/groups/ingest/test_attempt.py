"""A pull and a check of the same image meet the same failure, at the same step, and mean the same by it."""

from __future__ import annotations

from typing import Any

import pytest

from groups.actions.checks import start_check
from groups.ingest import registry_access
from groups.ingest.attempt import Attempt
from groups.ingest.check import check
from groups.ingest.claim import Claim
from groups.ingest.steps import Name, PullSteps
from groups.models import Failure, ImageCheck
from portal.models import Project
from registries.failures import AuthenticationFailed, CredentialMalformed, RegistryResponse
from registries.foundation.actor import CONSOLE
from registries.oci.reference import parse
from registries.oci.timeouts import Timeouts
from tests.groups.ingest.conftest import HOST, again
from tests.support.fakes.registry import FakeRegistry
from tests.support.pulls import SECRET, USER, make_credential, make_group

DENIED = b'{"errors":[{"code":"DENIED","message":"denied"}]}'


@pytest.mark.parametrize(
    ("where", "response", "tag", "password", "step", "code", "public"),
    [
        ("/token", {"status": 403, "body": DENIED}, "1.0", SECRET, "authenticate", "access_denied", False),
        ("", {}, "1.0", "wrong", "authenticate", "authentication_failed", True),
        ("", {}, "2.0", SECRET, "manifest", "image_not_found", False),
        ("/manifests/", {"status": 403, "body": DENIED}, "1.0", SECRET, "manifest", "access_denied", False),
    ],
    ids=["token denied", "wrong password, public image", "no such tag", "manifest denied"],
)
def test_a_pull_and_a_check_agree_on_a_failure(
    shared: Project,
    where: str,
    response: dict[str, Any],
    tag: str,
    password: str,
    step: str,
    code: str,
    public: bool,
) -> None:
    with FakeRegistry(auth="bearer", users={USER: SECRET}, public=["team/app"] if public else []) as registry:
        registry.push_image("team/app", "1.0")
        if where:
            registry.fault(where, **response)
        reference = f"{registry.host}/team/app:{tag}"
        credential = make_credential(shared.organization, registry.host, password=password)
        row = start_check(
            organization_id=shared.organization_id, reference=parse(reference), credential=credential, by=CONSOLE
        )
        check(row.pk)
        again(make_group(shared, reference, credential=credential))

    failure, checked = Failure.objects.get(), ImageCheck.objects.get()
    assert (failure.step, failure.code, failure.params.pop("public", False)) == (step, code, public)
    assert (checked.code, checked.raw, checked.public) == (code, failure.raw, public)
    assert checked.params == failure.params
    failed = [(line["name"], line["detail"], line["raw"]) for line in checked.steps if line["outcome"] == "failed"]
    assert failed == [
        (line["name"], line["detail"], line["raw"]) for line in failure.trace if line["outcome"] == "failed"
    ]
    assert failed[0][0] == step


def test_a_failure_is_flagged_as_what_it_means_at_its_registry(held: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Google refuses a key that it can't read like any other; what members see says that the image is public."""
    hasty = Timeouts(connect=1.0)
    monkeypatch.setattr(registry_access, "_is_public", lambda image, timeouts: timeouts == hasty)
    held.image.provider = "google"
    refused = AuthenticationFailed(host=HOST)
    refused.response = RegistryResponse("token", 401, message="unable to parse json key", login=True, host=HOST)

    with (
        pytest.raises(CredentialMalformed) as failure,
        Attempt(held.image, PullSteps(held), timeouts=hasty).step(Name.AUTHENTICATE),
    ):
        raise refused

    assert failure.value.params["public"] is True
