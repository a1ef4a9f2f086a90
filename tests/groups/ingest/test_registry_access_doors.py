"""What a client is given, and whether an image could be had without the credentials that failed. No registry."""

from __future__ import annotations

from typing import Any, Self

import pytest
from pytest_django.fixtures import Settings

from groups.ingest import registry_access
from groups.ingest.opened_credential import OpenedCredential
from groups.ingest.registry_access import flag_if_public, open_client
from groups.ingest.tls_hosts import StoredTlsHosts
from groups.models import Image
from portal.models import Project
from registries.failures import (
    AuthenticationFailed,
    ImageNotFound,
    PullFailed,
)
from registries.models import Credential
from registries.oci.login import Login
from registries.oci.timeouts import Timeouts
from tests.groups.ingest.conftest import HOST
from tests.support.pulls import SECRET, USER, make_credential, make_group


@pytest.fixture
def image(project: Project, woken: object) -> Image:
    """An image that is pulled with a credential."""
    return make_group(project, f"{HOST}/team/app:1.0", credential=make_credential(project.organization, HOST)).image


class Client:
    """Takes the place of a registry's client: `made` are the options of each; it answers as `answers` says."""

    made: list[dict[str, Any]]
    answers: dict[str, Exception]
    asked: list[tuple[str, ...]]

    def __init__(self, host: str, **options: Any) -> None:
        self.made.append({"host": host, **options})

    def authenticate(self, repository: str) -> None:
        self.answer("authenticate", repository)

    def fetch_manifest(self, repository: str, version: str) -> None:
        self.answer("manifest", repository, version)

    def answer(self, *asked: str) -> None:
        self.asked.append(asked)
        if asked[0] in self.answers:
            raise self.answers[asked[0]]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.asked.append(("close",))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> type[Client]:
    class Mine(Client):
        made, answers, asked = [], {}, []

    monkeypatch.setattr(registry_access, "RegistryClient", Mine)
    monkeypatch.setattr(registry_access, "address_guard", lambda: "the operator's rules")
    return Mine


def test_a_client_is_made_within_the_operators_rules_and_notes_who_is_shown_the_secret(
    image: Image, client: type[Client], settings: Settings, tmp_path: Any
) -> None:
    settings.PORTAL_REGISTRY_CA_FILE = tmp_path / "ca.pem"
    Image.objects.update(registry="thief.example.com", provider="docker_hub")
    Credential.objects.update(ca="what the row says")
    image = Image.objects.get()
    opened = OpenedCredential(Login(USER, SECRET), HOST, "self_hosted", "its own authorities", "git.example.com")
    timeouts = Timeouts(connect=1.0)

    open_client(image, opened, timeouts)

    (made,) = client.made
    note = made.pop("before_login_sent")
    assert isinstance(made.pop("tls_hosts"), StoredTlsHosts)
    assert made == {
        "host": HOST,
        "login": opened.login,
        "guard": "the operator's rules",
        "ca_file": tmp_path / "ca.pem",
        "ca": "its own authorities",
        "token_hosts": (),
        "sign_in_host": "git.example.com",
        "timeouts": timeouts,
    }
    note("auth.example.com")
    note("auth.example.com")
    note(HOST)
    assert Credential.objects.get().used_hosts == ["auth.example.com", HOST]


def test_a_client_of_an_image_without_a_credential_notes_nothing(image: Image, client: type[Client]) -> None:
    Image.objects.update(credential=None, provider="")

    open_client(Image.objects.get(), None)

    assert client.made[0]["ca"] == ""
    client.made[0]["before_login_sent"](HOST)
    assert Credential.objects.get().used_hosts == []


def test_the_credential_of_docker_hub_may_go_to_its_token_service(image: Image, client: type[Client]) -> None:
    open_client(image, OpenedCredential(Login(USER, SECRET), "docker.io", "docker_hub", ""))
    assert client.made[0]["token_hosts"] == ("auth.docker.io",)


class TestPublic:
    """Whether the image could be had without the credentials that failed."""

    FAILURE = AuthenticationFailed(host=HOST)

    def failed(self, image: Image, failure: PullFailed) -> object:
        with pytest.raises(type(failure)), flag_if_public(image, Timeouts(connect=1.0)):
            raise failure
        return failure.params.get("public")

    def test_it_is_asked_without_them(self, image: Image, client: type[Client]) -> None:
        assert self.failed(image, AuthenticationFailed(host=HOST)) is True

        assert (client.made[0]["login"], client.made[0]["timeouts"]) == (None, Timeouts(connect=1.0))
        assert client.asked == [("authenticate", "team/app"), ("manifest", "team/app", "1.0"), ("close",)]

    @pytest.mark.parametrize("asked", ["authenticate", "manifest"])
    def test_it_is_not_public_if_that_fails(self, image: Image, client: type[Client], asked: str) -> None:
        client.answers[asked] = AuthenticationFailed(host=HOST)
        assert self.failed(image, AuthenticationFailed(host=HOST)) is None

    def test_nothing_is_asked_where_no_credentials_were_sent_or_they_are_not_the_reason(
        self, image: Image, client: type[Client]
    ) -> None:
        assert self.failed(image, ImageNotFound(host=HOST, repository="team/app", version="1.0")) is None
        image.provider = ""
        assert self.failed(image, AuthenticationFailed(host=HOST)) is None
        with flag_if_public(image):
            pass
        assert client.made == []
