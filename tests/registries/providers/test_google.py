"""Google's keys: repaired however they were pasted, checked, and written without the addresses in them."""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from registries.providers import PROVIDERS
from tests.registries.providers.test_checks import refused
from tests.support.provider_answers import Stage, means

GOOGLE = PROVIDERS["google"]
HOST = "europe-west1-docker.pkg.dev"

Make = Callable[[str], str]


@pytest.fixture(scope="session")
def key(google_key: Make) -> str:
    return google_key("good")


def sent(text: str) -> dict[str, object]:
    login = GOOGLE.login({"key": text}, HOST)
    assert login.username == "_json_key"
    document: dict[str, object] = json.loads(login.secret)
    return document


def flattened(key: str) -> str:
    document = json.loads(key)
    document["private_key"] = document["private_key"].replace("\n", " ")
    return json.dumps(document)


MANGLED: dict[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "indented": lambda key: json.dumps(json.loads(key), indent=2),
    "windows line ends": lambda key: json.dumps(json.loads(key), indent=2).replace("\n", "\r\n"),
    "blanks around": lambda key: f"\n\n  {key}\n\t",
    "byte order mark": lambda key: f"\ufeff{key}",
    "line breaks within strings": lambda key: key.replace("\\n", "\n"),
    "line breaks escaped twice": lambda key: key.replace("\\n", "\\\\n"),
    "line breaks lost": lambda key: key.replace("\\n", ""),
    "line breaks became blanks": flattened,
    "carriage returns": lambda key: key.replace("\\n", "\\r\\n"),
    "curly quotes": lambda key: key.replace('": "', "”: “").replace('", "', "”, “"),
    "shell quotes": lambda key: f"'{key}'",
    "backticks": lambda key: f"`{key}`",
    "a JSON string": json.dumps,
    "a JSON string twice": lambda key: json.dumps(json.dumps(key)),
    "quotes escaped": lambda key: key.replace("\\n", "\\\\n").replace('"', '\\"'),
    "without its braces": lambda key: key[1:-1],
    "hard blanks": lambda key: key.replace(": ", ":\u00a0"),
    "wrapped by a terminal": lambda key: "\n".join(textwrap.wrap(key, 80, break_on_hyphens=False)),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 in lines": lambda key: base64.encodebytes(key.encode()).decode(),
    "base64 without padding": lambda key: base64.b64encode(f"{key} ".encode()).decode().rstrip("="),
    "base64 for addresses": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
    "base64 in quotes": lambda key: f'"{base64.b64encode(key.encode()).decode()}"',
}


@pytest.mark.parametrize("how", MANGLED)
def test_a_mangled_key_is_repaired(how: str, key: str) -> None:
    assert sent(MANGLED[how](key)) == sent(key) == json.loads(key)


def test_it_is_one_line_and_the_same_each_time(key: str) -> None:
    once = GOOGLE.check({"key": json.dumps(json.loads(key), indent=4)}, HOST)
    assert "\n" not in once["key"]
    assert GOOGLE.check(once, HOST) == once


def test_no_address_of_the_key_is_kept(key: str) -> None:
    elsewhere = json.loads(key) | {
        "token_uri": "https://evil.example/token",
        "auth_uri": "http://169.254.169.254/",
        "universe_domain": "evil.example",
        "client_x509_cert_url": "https://evil.example/x",
        "credential_source": {"url": "https://evil.example"},
        "surprise": "https://evil.example",
    }
    assert sent(json.dumps(elsewhere)) == json.loads(key)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "authorized_user"}, "person's login"),
        ({"type": "external_account", "token_url": "https://evil.example"}, "external account"),
        ({"type": "impersonated_service_account"}, "type"),
        ({"type": None}, "type"),
        ({"type": ["service_account"]}, "type"),
        ({"private_key": None}, "private_key"),
        ({"private_key": ""}, "private_key"),
        ({"private_key": 7}, "private_key"),
        ({"client_email": None}, "client_email"),
        ({"client_email": "no address"}, "client_email"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nMIIE"}, "no end"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"}, "damaged"),
    ],
)
def test_keys_that_can_not_work(changes: dict[str, object], words: str, key: str) -> None:
    failure = refused(GOOGLE, HOST, {"key": json.dumps(json.loads(key) | changes)})
    assert failure.params["field"] == "key"
    assert words in str(failure.params["reason"])


def test_a_key_of_another_algorithm(key: str) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    refused(GOOGLE, HOST, {"key": json.dumps(json.loads(key) | {"private_key": pem.decode()})})


@pytest.mark.parametrize(
    "text",
    [
        *("{}", "[]", "null", "7", '"', '""', "'", "''", "hello", "eyJ0eXAi", '{"type": "service_account"'),
        *("-----BEGIN PRIVATE KEY-----", '{\\"{\\"', "{" * 60_000, "[" * 60_000, '{"a":' * 10_000, "1" * 60_000),
        *("\\" * 60_000, '"type"' + "," * 60_000, "-----BEGIN" * 6000),
    ],
)
def test_what_is_no_key(text: str) -> None:
    refused(GOOGLE, HOST, {"key": text})


def test_every_cut_of_a_key_is_refused(key: str) -> None:
    for end in range(1, len(key), 37):
        refused(GOOGLE, HOST, {"key": key[:end]})


def test_too_large(key: str) -> None:
    assert sent(key + " " * (64 * 1024 - len(key))) == json.loads(key)
    refused(GOOGLE, HOST, {"key": key + " " * (64 * 1024 - len(key) + 1)})
    refused(GOOGLE, HOST, {"key": "x" * 1_000_000})


def test_an_access_token() -> None:
    login = GOOGLE.login({"key": "ya29.a0AfB_example-token\n"}, HOST)
    assert (login.username, login.secret) == ("oauth2accesstoken", "ya29.a0AfB_example-token")


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.TOKEN, 403, 'Permission "downloadArtifacts" denied (or it may not exist)', "access_denied"),
        (Stage.TOKEN, 401, "Unable to parse json key.", "credential_malformed"),
        (Stage.TOKEN, 403, "Unable to parse json key.", "credential_malformed"),
        (Stage.TOKEN, 401, "invalid authentication credentials", "authentication_failed"),
        (Stage.TOKEN, 403, "This API method requires billing to be enabled on project #4711", "registry_refuses"),
        (
            Stage.MANIFEST,
            403,
            "Artifact Registry API has not been used in project 7 or it is disabled",
            "access_denied",
        ),
        (Stage.MANIFEST, 404, {"errors": [{"code": "NAME_UNKNOWN"}]}, "image_not_found"),
        (Stage.MANIFEST, 429, {"errors": [{"code": "RESOURCE_EXHAUSTED"}]}, "rate_limited"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    assert means("google", stage, status, body).code == code


def test_the_hint_names_role_and_parts_of_the_name() -> None:
    hint = GOOGLE.hints["access_denied"]
    assert "roles/artifactregistry.reader" in hint
    assert "LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE" in hint


def test_a_perimeter_is_a_policy_and_no_matter_of_roles() -> None:
    """VPC Service Controls: the role is right, and the portal's address is not let in."""
    said = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: abc"
    failure = means("google", Stage.MANIFEST, 403, said)
    assert (failure.code, failure.params["case"]) == ("registry_refuses", "policy")
    assert "ingress" in PROVIDERS["google"].hints["registry_refuses"]
