"""Files that people paste whole instead of a credential."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registries.forms.credential import CredentialForm
from registries.forms.paste import Pasted, is_login_text, read, read_login, read_logins
from registries.providers import PROVIDERS

SECRET = "canary-7f3a-secret"  # pragma: allowlist secret
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # pragma: allowlist secret
CONFIG = json.dumps({"auths": {"ghcr.io": {"username": "alice", "password": SECRET}}})
PACKED = base64.b64encode(CONFIG.encode()).decode()
AWS = {"access_key_id": KEY_ID, "secret_access_key": KEY}
SESSION = AWS | {"access_key_id": "ASIAIOSFODNN7EXAMPLE", "session_token": "IQoJb3JpZ2luX2VjEXAMPLE"}

OF_GHCR = [
    f"apiVersion: v1\nkind: Secret\ntype: kubernetes.io/dockerconfigjson\ndata:\n  .dockerconfigjson: {PACKED}\n",
    f"data:\n  .dockerconfigjson: >-\n    {PACKED[:60]}\n    {PACKED[60:]}\n",
    f"stringData:\n  .dockerconfigjson: |\n    {CONFIG}\n",
    json.dumps({"kind": "Secret", "data": {".dockerconfigjson": PACKED}}),
    json.dumps({"kind": "Secret", "stringData": {".dockerconfigjson": CONFIG}}),
    PACKED,
    (
        f"kubectl create secret docker-registry pull \\\n --docker-server=https://ghcr.io \\\n --docker-username alice"
        f" --docker-password='{SECRET}'"
    ),
    f"REGISTRY=ghcr.io\nREGISTRY_USER=alice\nREGISTRY_PASSWORD={SECRET}\n",
    f"# CI\nexport DOCKER_REGISTRY='ghcr.io'\nexport DOCKER_USERNAME=alice\nexport DOCKER_PASSWORD=\"{SECRET}\"\n",
    f"registry: ghcr.io\nusername: alice\npassword: {SECRET}",
]
OF_AWS = [
    (f"Access key ID,Secret access key\n{KEY_ID},{KEY}\n", AWS),
    (f"\ufeffUser name,Access key ID,Secret access key\r\npuller,{KEY_ID},{KEY}\r\n", AWS),
    (f"[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {KEY}\n", AWS),
    (f"export AWS_ACCESS_KEY_ID={KEY_ID}\nexport AWS_SECRET_ACCESS_KEY={KEY}\n", AWS),
    (json.dumps({"AccessKey": {"UserName": "x", "AccessKeyId": KEY_ID, "SecretAccessKey": KEY}}), AWS),
    (
        json.dumps(
            {
                "Version": 1,
                "AccessKeyId": SESSION["access_key_id"],
                "SecretAccessKey": KEY,
                "SessionToken": SESSION["session_token"],
            }
        ),
        SESSION,
    ),
]


GUID = "e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d"
REFRESH = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("document", "login"),
    [
        ({"appId": GUID, "displayName": "x", "password": SECRET, "tenant": GUID}, Pasted("", GUID, SECRET, "acr")),
        ({"loginServer": "acme.azurecr.io", "accessToken": SECRET}, Pasted("acme.azurecr.io", REFRESH, SECRET, "acr")),
        ({"username": "acme", "passwords": [{"name": "password", "value": SECRET}]}, Pasted("", "acme", SECRET, "acr")),
        (
            {"name": "t", "credentials": {"username": "t", "passwords": [{"name": "password1", "value": SECRET}]}},
            Pasted("", "t", SECRET, "acr"),
        ),
        ({"name": "robot$ci+app", "secret": SECRET, "expires_at": 1}, Pasted("", "robot$ci+app", SECRET)),
    ],
)
def test_what_az_and_harbor_give(document: dict[str, object], login: Pasted) -> None:
    assert read_login(json.dumps(document)) == login


def test_a_password_of_aws_for_docker_is_refused_in_words() -> None:
    text = json.dumps({"authorizationData": [{"authorizationToken": PACKED, "proxyEndpoint": "https://x.example"}]})
    assert "12 hours" in read(text).problem


def test_several_secrets_in_one_manifest() -> None:
    other = base64.b64encode(b'{"auths": {"quay.io": {"username": "b", "password": "x"}}}').decode()
    yaml = f"data:\n  .dockerconfigjson: {PACKED}\n---\ndata:\n  .dockerconfigjson: {other}\n"
    items = [{"data": {".dockerconfigjson": packed}} for packed in (PACKED, other)]
    for text in (yaml, json.dumps({"kind": "List", "items": items})):
        assert [login.host for login in read_logins(text)] == ["ghcr.io", "quay.io"]


@pytest.mark.parametrize(
    ("value", "secret"),
    [("'s$x'", "s$x"), ('"s3" # mine', "s3"), ("s3 # mine", "s3"), ("s$x", ""), ("${X}", ""), ("s#3", "s#3")],
)
def test_a_value_in_a_line(value: str, secret: str) -> None:
    login = read_login(f"REGISTRY=ghcr.io\nREGISTRY_USER=alice\nREGISTRY_PASSWORD={value}\n")
    assert login is not None
    assert login.secret == secret
    assert bool(login.note) is not bool(secret)


@pytest.mark.parametrize("text", OF_GHCR)
def test_a_login_with_its_host(text: str) -> None:
    assert read_login(text) == Pasted("ghcr.io", "alice", SECRET)
    assert is_login_text(text)
    assert is_login_text(text, in_secret=True)


@pytest.mark.parametrize(("text", "values"), OF_AWS)
def test_a_key_of_aws(text: str, values: dict[str, str]) -> None:
    login = read_login(text)

    assert login is not None
    assert (login.host, login.kind, dict(login.values)) == ("", "ecr", values)
    assert KEY not in repr(login)


def test_a_key_of_google_is_a_login_but_not_in_a_field_for_secrets() -> None:
    text = json.dumps({"type": "service_account", "private_key": "x", "client_email": "a@b.example"})

    login = read_login(text)

    assert login is not None
    assert (login.kind, dict(login.values)) == ("google", {"key": text})
    assert is_login_text(text)
    assert not is_login_text(text, in_secret=True)


@pytest.mark.parametrize("field", ["paste", "access_key_id", "secret_access_key"])
@pytest.mark.parametrize(("text", "values"), OF_AWS)
def test_a_key_of_aws_fills_the_form(text: str, values: dict[str, str], field: str) -> None:
    typed = {"host": "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "hold": "pull", field: text}

    form = CredentialForm(typed, provider=PROVIDERS["ecr"])

    assert form.is_valid(), form.errors
    assert {name: value for name, value in form.new_credential().values.items() if value} == values


def test_a_key_of_aws_is_of_no_other_kind() -> None:
    form = CredentialForm({"paste": OF_AWS[0][0], "hold": "pull"}, provider=PROVIDERS["ghcr"])

    assert "AWS" in str(form.errors["paste"])


@pytest.mark.parametrize(
    "text",
    [
        "registry.example.com",
        "a password: it may look like this = yes",
        "REGISTRY_PASSWORD=only-this",
        "REGISTRY=..\nREGISTRY_PASSWORD=x",
        "kubectl get secrets",
        "kubectl create secret docker-registry x",
        "Access key ID,Secret access key",
        f"Access key ID\n{KEY_ID}",
        "a,b\nc,d",
        base64.b64encode(b"\xff" * 40).decode(),
        json.dumps({"data": 7, "Credentials": [1]}),
    ],
)
def test_what_is_no_login(text: str) -> None:
    assert read_logins(text) == []
    assert not is_login_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "kubectl create secret docker-registry 'x",
        ".dockerconfigjson: " + base64.b64encode(b"no json at all").decode(),
        ".dockerconfigjson: {",
        json.dumps({"data": {".dockerconfigjson": "###"}}),
    ],
)
def test_what_is_damaged_is_known_and_said(text: str) -> None:
    assert read_logins(text) == []
    assert read(text).problem
    assert is_login_text(text)


@given(st.text(alphabet='AKIA_aws:=,"{}[]. \n-|dockercfgjson', max_size=300))
def test_nothing_pasted_breaks_it(text: str) -> None:
    for whole in (text, f".dockerconfigjson: {text}", f"kubectl create secret docker-registry {text}", f"A,B\n{text}"):
        read_logins(whole)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"clientId": GUID, "clientSecret": SECRET, "subscriptionId": "s", "tenantId": "t"}),
        f"USERNAME  PASSWORD            PASSWORD2\n--------  ------------------  -------\n{GUID}  {SECRET}  other\n",
    ],
)
def test_what_az_prints_otherwise(text: str) -> None:
    """`az ad sp create-for-rbac --sdk-auth`, `az acr credential show --output table`."""
    assert read_login(text) == Pasted("", GUID, SECRET, "acr")


@pytest.mark.parametrize("kind", ["authorized_user", "external_account"])
def test_another_login_of_google_is_said(kind: str) -> None:
    text = json.dumps({"type": kind, "client_secret": SECRET})
    reading = read(text)
    assert "not the key of a service account" in reading.problem
    assert SECRET not in reading.problem
    assert is_login_text(text)
    assert not is_login_text(text, in_secret=True)


def test_what_quay_offers_for_rkt() -> None:
    """The credential file of a robot account."""
    text = {"rktKind": "dockerAuth", "registries": ["quay.io"], "credentials": {"user": "acme+ci", "password": SECRET}}
    assert read_login(json.dumps(text)) == Pasted("quay.io", "acme+ci", SECRET)


def test_names_of_settings_are_no_hosts() -> None:
    assert not read(json.dumps({"basic": {"username": "alice", "password": SECRET}})).is_recognized
