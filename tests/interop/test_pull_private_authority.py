"""Pulling from Debian's docker-registry behind TLS of a private authority, and as ECR with moto for AWS."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from groups import jobs
from groups.models import ContainerGroup, Failure
from registries.credential_rows import NewCredential, store_credential
from registries.models import Credential
from registries.oci.address_guard import AddressGuard
from registries.providers.ecr_token import get_authorization_token
from tests.interop.docker_registry import DockerRegistry, write_layout
from tests.support.fakes.aws import ACCOUNT, FakeAws
from tests.support.fakes.certificates import Authority
from tests.support.fakes.images import Built, build_image, make_layer
from tests.support.pulls import decrypted, make_group

pytestmark = [pytest.mark.interop, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("blobs")]

ECR_HOST = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
AWS_TOKEN = f"{ACCOUNT}-auth-token"
AWS_BCRYPT = "$2b$04$abcdefghijklmnopqrstuu/cMn6kFoLFEf9ShbIPSVtJoiKQtizZG"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def image() -> Built:
    return build_image([make_layer({"text": b"over TLS " * 10_000})])


@pytest.fixture
def registry(authority: Authority, image: Built, tmp_path: Path) -> Iterator[DockerRegistry]:
    (tmp_path / "registry").mkdir()
    with DockerRegistry(tmp_path / "registry", tls=authority.issue("127.0.0.1")) as running:
        running.push("team/app", "1.0", write_layout(tmp_path / "layout", image))
        yield running


def pulled(project: Any, credential: Credential, repository: str) -> ContainerGroup:
    group = make_group(project, f"{credential.host}/{repository}:1.0", credential=credential)
    jobs.pull(str(group.image_id))
    return ContainerGroup.objects.select_related("image__credential").get(pk=group.pk)


def entered(project: Any, registry: DockerRegistry, ca: str = "") -> Credential:
    return store_credential(
        NewCredential(
            provider="self_hosted",
            name="registry",
            host=registry.host,
            values={"username": registry.user, "password": registry.password},
            ca=ca,
        ),
        organization_id=project.organization_id,
        created_by_id=None,
    )


@pytest.mark.parametrize("trusted_by", ["credential", "operator"])
def test_a_private_authority(
    trusted_by: str, project: Any, registry: DockerRegistry, authority: Authority, image: Built, settings: Any
) -> None:
    own = trusted_by == "credential"
    settings.PORTAL_REGISTRY_CA_FILE = None if own else authority.ca_file

    group = pulled(project, entered(project, registry, authority.ca_file.read_text() if own else ""), "team/app")

    assert (group.status, group.image.digest) == ("stopped", image.digest)
    credential = Credential.objects.get()
    assert (credential.sealed, credential.used_hosts) == (None, [registry.host])


def test_an_authority_that_nobody_trusts(project: Any, registry: DockerRegistry, settings: Any, tmp_path: Path) -> None:
    settings.PORTAL_REGISTRY_CA_FILE = None
    other = Authority(tmp_path, "Other").ca_file.read_text()

    group = pulled(project, entered(project, registry, other), "team/app")

    failure = Failure.objects.get()
    assert (group.status, failure.step, failure.code) == ("failed", "connect", "tls_invalid")
    assert "certificate (PEM)" in failure.words.remedy
    credential = Credential.objects.get()
    # It was shown to nobody, and is kept until the authority was entered.
    assert (credential.is_live, credential.used_count) == (True, 0)


def test_ecr(
    project: Any,
    authority: Authority,
    image: Built,
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """AWS mints the password, docker-registry takes it."""
    settings.PORTAL_REGISTRY_CA_FILE = authority.ca_file
    (tmp_path / "registry").mkdir()
    ecr = DockerRegistry(
        tmp_path / "registry", tls=authority.issue(ECR_HOST), user="AWS", password=AWS_TOKEN, bcrypt=AWS_BCRYPT
    )
    with FakeAws() as aws, ecr:
        ecr.push("team/app", "1.0", write_layout(tmp_path / "layout", image))
        port = int(ecr.host.partition(":")[2])
        guard = AddressGuard([ip_network("127.0.0.0/8")], resolver=lambda host, _: [("127.0.0.1", port)])
        monkeypatch.setattr("groups.ingest.registry_access.address_guard", lambda: guard)
        aws_guard = AddressGuard([ip_network("127.0.0.0/8")])
        monkeypatch.setattr("groups.ingest.opened_credential.address_guard", lambda: aws_guard)
        monkeypatch.setattr(
            "registries.providers.ecr_token.get_authorization_token",
            partial(get_authorization_token, endpoint=aws.url),
        )
        credential = store_credential(
            NewCredential(
                provider="ecr",
                name="ecr",
                host=ECR_HOST,
                values=aws.add_user("puller", ["ecr:GetAuthorizationToken"]),
            ),
            organization_id=project.organization_id,
            created_by_id=None,
        )

        group = pulled(project, credential, "team/app")

    assert (group.status, group.image.digest) == ("stopped", image.digest)
    assert decrypted(group.image.layers.get()) == next(iter(image.blobs[d] for d in image.layer_digests))
    credential.refresh_from_db()
    assert (credential.sealed, credential.used_count) == (None, 1)
    assert credential.used_hosts == ["api.ecr.eu-west-1.amazonaws.com", ECR_HOST]
