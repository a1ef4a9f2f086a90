"""What is pasted whole: login commands, docker's config, images with something before them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from portal.models import Project, User
from registries.forms.paste import MAX_PASTE_LENGTH, Pasted, read_image, read_login, read_logins
from registries.models import Credential
from registries.providers.acr import REFRESH_TOKEN_USER
from tests.support.seals import unsealed

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

SECRET = "canary-7f3a-secret"  # pragma: allowlist secret
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
NEW = "/o/acme/registries/new/"


def packed(user: str, secret: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{secret}".encode()).decode()}


def config(**auths: object) -> str:
    return json.dumps({"auths": auths, "credsStore": "desktop"})


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("docker login -u alice -p s3cret registry.example.com:5000",
         Pasted("registry.example.com:5000", "alice", "s3cret")),
        ("docker login --username=alice --password='a b$c' https://Registry.Example.com/v2/",
         Pasted("registry.example.com", "alice", "a b$c")),
        ("sudo docker login ghcr.io -ualice -ps3cret", Pasted("ghcr.io", "alice", "s3cret")),
        ("$ docker login -u alice -p s3cret", Pasted("docker.io", "alice", "s3cret")),
        ("echo s3cret | docker login ghcr.io -u alice --password-stdin", Pasted("ghcr.io", "alice", "s3cret")),
        ("printf %s 's3 cret' | sudo podman login quay.io -u 'acme+robot' --password-stdin",
         Pasted("quay.io", "acme+robot", "s3 cret")),
        ("echo $CR_PAT | docker login ghcr.io -u alice --password-stdin", Pasted("ghcr.io", "alice", "")),
        ("docker login -u alice -p \"$(cat token)\" ghcr.io", Pasted("ghcr.io", "alice", "")),
        ("cat key.json | docker login -u _json_key --password-stdin \\\n  https://europe-west1-docker.pkg.dev",
         Pasted("europe-west1-docker.pkg.dev", "_json_key", "")),
        (f"aws ecr get-login-password --region eu-west-1 | docker login --username AWS --password-stdin {ECR}",
         Pasted(ECR, "AWS", "")),
        ("docker login -u '$oauthtoken' -p s3cret quay.io", Pasted("quay.io", "$oauthtoken", "s3cret")),
        (config(**{"https://index.docker.io/v1/": packed("alice", "a:b")}), Pasted("docker.io", "alice", "a:b")),
        (config(**{"ghcr.io": {"username": "alice", "password": "s3cret"}}), Pasted("ghcr.io", "alice", "s3cret")),
        (json.dumps({"ghcr.io": packed("alice", "s3cret")}), Pasted("ghcr.io", "alice", "s3cret")),
        (config(**{"x.azurecr.io": {**packed(REFRESH_TOKEN_USER, ""), "identitytoken": "t0ken"}}),
         Pasted("x.azurecr.io", REFRESH_TOKEN_USER, "t0ken")),
        (config(**{"x.azurecr.io": {"identitytoken": "t0ken"}}), Pasted("x.azurecr.io", REFRESH_TOKEN_USER, "t0ken")),
    ],
)  # fmt: skip
def test_a_login_is_read(text: str, read: Pasted) -> None:
    assert read_login(text) == read
    assert "s3cret" not in repr(read)


@pytest.mark.parametrize(
    "text",
    ["", "alice", "docker pull ubuntu", "docker login 'x", "docker login a.example b.example", "docker login ..@y",
     "{", "{}", "[]", config(), config(**{"ghcr.io": {}}), config(**{"ghcr.io": {"auth": "###"}}),
     config(**{"ghcr.io": {"auth": "////"}}), config(**{"ghcr.io": {"auth": 7}}), '{"auths": []}',
     '{"auths": ' + '{"a":' * 5000, "docker login -u a -p b " + "x" * MAX_PASTE_LENGTH],
)  # fmt: skip
def test_what_is_no_login(text: str) -> None:
    assert read_logins(text) == []
    assert read_login(text) is None


def test_of_several_the_one_that_is_asked_for() -> None:
    text = config(**{"ghcr.io": packed("alice", "one"), "quay.io": packed("bob", "two")})
    assert read_login(text) is None
    assert read_login(text, "quay.io") == Pasted("quay.io", "bob", "two")


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("https://ghcr.io/acme/app:1", "ghcr.io/acme/app:1"),
        ("HTTPS://registry.example.com:5000/a/b@sha256:0/", "registry.example.com:5000/a/b@sha256:0"),
        (" docker pull ghcr.io/acme/app:1\n", "ghcr.io/acme/app:1"),
        ("$ sudo docker pull --platform linux/amd64 -q ubuntu", "ubuntu"),
        ("docker image pull ubuntu", "ubuntu"),
        ("docker pull https://ghcr.io/acme/app", "ghcr.io/acme/app"),
        ("docker://quay.io/acme/app", "quay.io/acme/app"),
        ("https://hub.docker.com/r/acme/app", "acme/app"),
        ("https://hub.docker.com/_/nginx/", "nginx"),
    ],
)
def test_an_image_is_read(text: str, image: str) -> None:
    assert read_image(text) == image


@pytest.mark.parametrize("text", ["", "ubuntu", " ubuntu", "http://ghcr.io/a", "https://", "docker pull",
                                  "docker pull a b", "docker exec ubuntu sh", "ftp://x/y", "https://a b"])  # fmt: skip
def test_what_stays_as_it_is(text: str) -> None:
    assert read_image(text) is None


@given(st.text(alphabet="dockerlgin -up'\"\\|${}:/@.=\n", max_size=400))
def test_nothing_pasted_breaks_it(text: str) -> None:
    for whole in (text, f"docker login {text}", f"docker pull {text}", '{"auths":{"a.b":' + json.dumps(text) + "}}"):
        assert all(login.host for login in read_logins(whole))
        read_image(whole)


class TestOnThePage:
    def post(self, browser: Client, paste: str, query: str = "", **typed: str) -> Response:
        blank = {"host": "", "username": "", "password": "", "name": "", "hold": "pull"}
        return browser.post(f"{NEW}{query}", blank | typed | {"paste": paste}, follow=True)

    def test_the_kind_and_all_fields_come_from_it(self, browser: Client) -> None:
        answer = self.post(browser, f"echo {SECRET} | docker login ghcr.io -u alice --password-stdin")

        row = Credential.objects.get()
        assert (row.provider, row.host, row.fields) == ("ghcr", "ghcr.io", {"username": "alice"})
        assert unsealed(row) == {"password": SECRET}
        assert "Read as ghcr.io, user alice" in answer.text
        assert SECRET not in answer.text

    def test_a_key_goes_into_the_field_of_that_kind(self, browser: Client) -> None:
        answer = self.post(browser, config(**{"europe-west1-docker.pkg.dev": packed("_json_key", "no key " + SECRET)}))

        assert answer.status_code == 422
        assert list(answer.context["form"].errors) == ["key"]
        assert SECRET not in answer.text

    def test_of_several_the_one_for_the_typed_host_decides_the_kind(self, browser: Client) -> None:
        paste = config(**{"ghcr.io": packed("octocat", SECRET), "quay.io": packed("acme+robot", SECRET)})
        self.post(browser, paste, host="GHCR.io")

        assert Credential.objects.get().provider == "ghcr"

    def test_of_several_the_one_for_the_only_host_of_the_chosen_kind(self, browser: Client) -> None:
        paste = config(**{"ghcr.io": packed("octocat", SECRET), "registry.example.com": packed("me", "another")})
        answer = self.post(browser, paste, "?kind=ghcr")

        row = Credential.objects.get()
        assert (row.provider, row.fields) == ("ghcr", {"username": "octocat"})
        assert unsealed(row) == {"password": SECRET}
        assert "Read as ghcr.io, user octocat" in answer.text

    def test_what_is_not_shown_again_is_asked_for_again(self, browser: Client) -> None:
        login = f"docker login registry.example.com -u alice -p {SECRET}"
        answer = self.post(browser, login, "?kind=self_hosted", name="ghp_" + "CANARY7f3aCANARY7f3a" * 2)

        assert "Paste it again: secrets are never shown." in answer.text
        assert SECRET not in answer.text

    def test_what_it_only_points_to_is_asked_for(self, browser: Client) -> None:
        answer = self.post(browser, "docker login registry.example.com -u alice", "?kind=self_hosted")

        assert list(answer.context["form"].errors) == ["password"]
        assert 'value="registry.example.com"' in answer.text
        assert 'value="alice"' in answer.text

    @pytest.mark.parametrize(
        ("paste", "query", "typed", "words"),
        [
            (f"my password is {SECRET}", "", {}, "No login could be read"),
            (f"docker login quay.io -u a -p {SECRET}", "?kind=ghcr", {}, "is for quay.io: choose Quay"),
            (f"docker login quay.io -u a -p {SECRET}", "?kind=self_hosted", {}, "This is Quay"),
            (f"docker login a.example -u a -p {SECRET}", "?kind=self_hosted", {"host": "b.example"}, "a.example"),
            (config(**{"a.example": packed("a", SECRET), "b.example": packed("b", SECRET)}), "", {}, "a.example, b.ex"),
            (
                config(**{"a.example": packed("a", SECRET), "b.example": packed("b", SECRET)}),
                "?kind=ghcr",
                {},
                "none for ghcr.io. Paste that login, or choose another kind",
            ),
        ],
    )
    def test_what_does_not_fit(
        self, paste: str, query: str, typed: dict[str, str], words: str, browser: Client
    ) -> None:
        answer = self.post(browser, paste, query, **typed)

        assert answer.status_code == 422
        errors = answer.context["form"].errors
        assert words in str(errors.get("paste", "")) + str(errors.get("host", ""))
        assert SECRET not in answer.text
        assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("host", "name"), [("docker.io", "Docker Hub"), ("index.docker.io", "Docker Hub"), ("ghcr.io", "GitHub"),
                       ("QUAY.io.", "Quay")],
)  # fmt: skip
def test_a_host_that_is_another_kind_s_own(host: str, name: str, as_user: Callable[[User], Client], bob: User) -> None:
    answer = as_user(bob).post(
        f"{NEW}?kind=self_hosted", {"host": host, "username": "a", "password": SECRET, "hold": "pull"}
    )

    assert f"This is {name}" in str(answer.context["form"].errors["host"])


def test_the_kind_is_known_from_the_host(as_user: Callable[[User], Client], bob: User) -> None:
    browser = as_user(bob)

    assert browser.get(f"{NEW}?host=acme.azurecr.io").context["provider"].kind == "acr"
    assert browser.get(f"{NEW}?host=acme.azurecr.io&kind=self_hosted").context["provider"].kind == "self_hosted"


@pytest.mark.parametrize("typed", ["https://ghcr.io/acme/app:1", "docker pull ghcr.io/acme/app:1"])
def test_an_image_as_it_was_copied(typed: str, project: Project, as_user: Callable[[User], Client], bob: User) -> None:
    browser = as_user(bob)

    read = browser.get("/o/acme/default/groups/new/read/", {"image": typed})
    browser.post("/o/acme/default/groups/new/", {"image": typed, "name": "app", "replicas": 1, "cpu": 1,
                                                 "memory_mb": 128, "restart_policy": "always"})  # fmt: skip

    assert ">acme/app<" in read.text
    assert project.groups.get().image.reference == "ghcr.io/acme/app:1"
