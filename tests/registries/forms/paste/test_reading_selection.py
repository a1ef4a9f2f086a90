"""Which login of a paste is meant: the longest match for the image, the kind of registry, or whichever is chosen."""

from __future__ import annotations

import json

import pytest

from registries.forms.credential import CredentialForm
from registries.forms.paste import read, select
from registries.providers import PROVIDERS

SECRET = "canary-7f3a-secret"  # pragma: allowlist secret


def config(*keys: str) -> str:
    return json.dumps({"auths": {key: {"username": f"user{n}", "password": SECRET} for n, key in enumerate(keys)}})


def chosen(text: str, **wanted: str) -> str:
    login = select(read(text), **wanted).login  # type: ignore[arg-type]
    return login.username if login else ""


@pytest.mark.parametrize(
    ("keys", "repository", "user"),
    [
        (("quay.io", "quay.io/org2"), "org2/app", "user1"),
        (("quay.io/org2", "quay.io"), "org1/app", "user1"),
        (("quay.io/org2", "quay.io/org2/app", "quay.io"), "org2/app", "user1"),
        (("quay.io/org2", "quay.io/org"), "org/app", "user1"),
        (("quay.io/org2", "quay.io/org3"), "org1/app", ""),
        (("quay.io", "https://quay.io/v2/"), "org1/app", ""),
        (("*.io", "quay.io/org2"), "org2/app", "user1"),
    ],
)
def test_the_longest_match_for_an_image(keys: tuple[str, ...], repository: str, user: str) -> None:
    """containers/image#981, go-containerregistry#1329, oras-project/oras#1597: several keys of one registry."""
    assert chosen(config(*keys), host="quay.io", repository=repository) == user


def test_an_entry_that_is_nearer_and_has_no_password_is_not_passed_over() -> None:
    """oras-project/oras-go#1431: the most specific match has no credential."""
    auths = {"reg.example.com": {"username": "a", "password": SECRET}, "reg.example.com/public": {}}
    text = json.dumps({"auths": auths, "credsStore": "desktop"})
    assert chosen(text, host="reg.example.com", repository="private/app") == "a"
    assert chosen(text, host="reg.example.com", repository="public/app") == ""


def test_the_same_login_twice_is_one() -> None:
    entry = {"username": "a", "password": SECRET}
    text = json.dumps({"auths": {"quay.io": entry, "https://quay.io/v2/": entry}})
    assert chosen(text, host="quay.io", repository="a/b") == "a"


@pytest.mark.parametrize(("kind", "user"), [("docker_hub", "user0"), ("ghcr", "user1"), ("self_hosted", "user2")])
def test_the_one_that_fits_the_kind(kind: str, user: str) -> None:
    text = config("https://index.docker.io/v1/", "ghcr.io", "registry.example.com")
    form = CredentialForm({"paste": text, "hold": "pull"}, provider=PROVIDERS[kind])
    assert form.is_valid(), form.errors
    assert form.new_credential().values == {"username": user, "password": SECRET}


def test_where_several_fit_the_form_asks() -> None:
    text = config("quay.io/org1", "quay.io/org2")
    asked = CredentialForm({"paste": text, "hold": "pull"}, provider=PROVIDERS["quay"])

    assert not asked.is_valid()
    assert "quay.io/org1, quay.io/org2" in str(asked.errors["paste"])
    assert "quay.io/org2, user user1" in str(asked["login"])
    assert set(asked.errors) == {"paste", "login"}, "nothing else is asked for"
    assert SECRET not in "".join(str(field) for field in asked) + str(asked.errors)

    answered = {"paste": text, "hold": "pull", "login": "quay.io/org2, user user1"}
    form = CredentialForm(answered, provider=PROVIDERS["quay"])
    assert form.is_valid(), form.errors
    assert form.new_credential().values["username"] == "user1"
    assert "login" not in form.fields


def test_a_user_name_that_is_a_token_is_in_no_choice() -> None:
    token = "ghp_" + "CANARY7f3aCANARY7f3a" + "CANARY7f3aCANARY"
    auths = {f"ghcr.io/{name}": {"username": token, "password": "x"} for name in "ab"}
    form = CredentialForm({"paste": json.dumps({"auths": auths}), "hold": "pull"}, provider=PROVIDERS["ghcr"])
    assert token not in "".join(str(field) for field in form) + str(form.errors)


def test_beside_an_image_it_has_to_be_for_the_image() -> None:
    paste = {"paste": config("quay.io/org2")}
    right = CredentialForm(paste, provider=PROVIDERS["quay"], host="quay.io", repository="org2/app")
    wrong = CredentialForm(paste, provider=PROVIDERS["quay"], host="quay.io", repository="org1/app")
    assert right.is_valid(), right.errors
    assert "for quay.io/org2, and the image is at quay.io/org1/app" in str(wrong.errors["paste"])


def test_what_was_offered_gives_way_to_a_paste_and_what_was_entered_does_not() -> None:
    paste = {"paste": "docker login -u bob -p x registry.example.com", "username": "alice", "password": ""}
    kind = PROVIDERS["self_hosted"]
    host = "registry.example.com"
    offered = CredentialForm(paste, provider=kind, host=host, initial={"username": "alice"})
    entered = CredentialForm(paste, provider=kind, host=host)
    assert offered.is_valid(), offered.errors
    assert offered.new_credential().values["username"] == "bob"
    assert "user name differ" in str(entered.errors["paste"])


def test_a_pattern_of_hosts_takes_the_host_that_is_entered() -> None:
    """kubernetes#119941, enix/kube-image-keeper#92: a pattern as a key."""
    paste = {"paste": config("*.azurecr.io"), "hold": "pull", "host": ""}
    assert "Enter the host" in str(CredentialForm(paste, provider=PROVIDERS["acr"]).errors["paste"])
    form = CredentialForm(paste | {"host": "acme.azurecr.io"}, provider=PROVIDERS["acr"])
    assert form.is_valid(), form.errors
    assert form.new_credential().host == "acme.azurecr.io"


def test_a_host_of_azure_without_its_domain_is_asked_for() -> None:
    typed = {"host": "acme", "username": "a", "password": SECRET, "hold": "pull"}
    form = CredentialForm(typed, provider=PROVIDERS["acr"])
    assert list(form.errors) == ["host"]
    assert "acme.azurecr.io or acme.azurecr.cn" in str(form.errors["host"])


def test_what_only_a_variable_says_is_asked_for() -> None:
    line = 'docker login -u alice -p "$T" registry.example.com'
    form = CredentialForm({"paste": line, "hold": "pull"}, provider=PROVIDERS["self_hosted"])
    filled = CredentialForm({"paste": line, "hold": "pull", "password": "x"}, provider=PROVIDERS["self_hosted"])
    assert "Enter the password itself" in str(form.errors["paste"])
    assert filled.is_valid(), filled.errors
