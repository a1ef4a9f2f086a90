"""Docker's config.json as the tools write it, and what people leave of it."""

from __future__ import annotations

import base64
import json

import pytest

from registries.forms.paste import Pasted, read, read_login
from registries.forms.paste.config_file import NO_LOGIN

SECRET = "canary-7f3a-secret"  # pragma: allowlist secret


def packed(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


def config(**auths: object) -> str:
    return json.dumps({"auths": auths})


@pytest.mark.parametrize(
    ("key", "scope"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("https://index.docker.io/v1", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("docker.io/acme", "docker.io/acme"),
        ("https://ghcr.io", "ghcr.io"),
        ("ghcr.io/v2/", "ghcr.io"),
        ("ghcr.io/v2/acme", "ghcr.io/acme"),
        ("quay.io/org2/", "quay.io/org2"),
        ("Registry.Example.com:5000/", "registry.example.com:5000"),
        ("https://registry.example.com:443/v2", "registry.example.com"),
        ("http://registry.example.com:5000/v1/", "registry.example.com:5000"),
        ("*.azurecr.io", "*.azurecr.io"),
    ],
)
def test_a_key_of_auths(key: str, scope: str) -> None:
    """buildpacks/lifecycle#608 (no slash at the end), docker/cli#987 (port 443), kurtosis#2937 (scheme),
    containers/image#981 (path), aquasecurity/starboard#1212 (pattern)."""
    login = read_login(config(**{key: {"auth": packed("alice:s3cret")}}))
    assert login is not None
    assert login.scope == scope


@pytest.mark.parametrize(
    ("entry", "pair"),
    [
        ({"auth": packed("a:b:c")}, ("a", "b:c")),
        ({"auth": packed("a:b\0\0")}, ("a", "b")),
        ({"auth": packed("a:ü b").rstrip("=")}, ("a", "ü b")),
        ({"auth": packed("a:????>>>>").replace("+", "-").replace("/", "_")}, ("a", "????>>>>")),
        ({"auth": packed("a:b" * 30)[:40] + "\n " + packed("a:b" * 30)[40:]}, ("a", ("a:b" * 30)[2:])),
        ({"auth": packed("a:b"), "username": "x", "password": "y", "email": ""}, ("a", "b")),
        ({"auth": "", "username": "x", "password": "y"}, ("x", "y")),
    ],
)
def test_an_entry(entry: dict[str, str], pair: tuple[str, str]) -> None:
    login = read_login(config(**{"ghcr.io": entry}))
    assert login is not None
    assert (login.username, login.secret) == pair


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"auths": {}, "credsStore": "desktop"}, "Docker Desktop keeps it"),
        ({"auths": {"https://index.docker.io/v1/": {}}, "credsStore": "desktop"}, "Docker Desktop keeps it"),
        ({"auths": {"ghcr.io": {}}, "credHelpers": {"ghcr.io": "osxkeychain"}}, "the macOS keychain keeps it"),
        ({"credHelpers": {"europe-docker.pkg.dev": "gcloud"}}, "gcloud keeps it"),
        ({"auths": {"ghcr.io": {}}}, "a credential store of your computer keeps it"),
        ({"auths": {"ghcr.io": {}}, "credsStore": "desktop.exe"}, "Docker Desktop keeps it"),
        ({"auths": {}}, NO_LOGIN),
        ({"auths": {"ghcr.io": {"registrytoken": SECRET}}}, "registry token"),
        ({"auths": {"ghcr.io": {"identitytoken": SECRET}}}, "identity token"),
        ({"auths": {"ghcr.io": {"auth": packed(f"<token>:{SECRET}")}}}, "identity token"),
        ({"auths": {"ghcr.io": {"auth": packed(SECRET)}}}, "isn't user:password"),
        ({"auths": {"ghcr.io": {"auth": "####"}}}, "isn't user:password"),
    ],
)
def test_what_has_no_login_says_what_it_is(document: dict[str, object], words: str) -> None:
    """rules_oci#124, docker/cli#3947, docker/for-mac#4100: with Docker Desktop a config.json has no passwords."""
    reading = read(json.dumps(document))
    assert reading.logins == ()
    said = reading.problem or reading.absent[0].note
    assert words in said
    assert SECRET not in said


def test_docker_desktop_s_own_tokens_are_no_logins() -> None:
    """oras-project/oras-py#231: beside the login there are keys for what the browser signed in with."""
    own = {f"https://index.docker.io/v1/{name}-token": {"auth": packed("a:eyJ")} for name in ("access", "refresh")}
    text = config(**own, **{"https://index.docker.io/v1/": {"auth": packed("alice:s3cret")}})
    assert read_login(text) == Pasted("docker.io", "alice", "s3cret")


@pytest.mark.parametrize(
    "text",
    [
        '"ghcr.io": {"auth": "%s"}',
        '$ cat ~/.docker/config.json\n{"auths": {"ghcr.io": {"auth": "%s"}}}',
        '\ufeff{"auths": {"ghcr.io": {"auth": "%s"}}}',
        'DOCKER_AUTH_CONFIG={"auths": {"ghcr.io": {"auth": "%s"}}}',
        '{"ghcr.io": {"auth": "%s"}}',
    ],
)
def test_around_it_there_may_be_more_or_less(text: str) -> None:
    assert read_login(text % packed("alice:s3cret")) == Pasted("ghcr.io", "alice", "s3cret")


def test_what_is_sent_to_docker_s_api() -> None:
    text = json.dumps({"username": "a", "password": "s3", "serveraddress": "https://index.docker.io/v1/"})
    assert read_login(text) == Pasted("docker.io", "a", "s3")


@pytest.mark.parametrize("text", ['{"auths": {"ghcr.io": {"auth": "x",}}}', '{"auths": {', '{“auths”: {"auths"'])
def test_a_config_that_is_no_json(text: str) -> None:
    assert "not valid JSON" in read(text).problem
