"""What a text gets on its way from where it was copied."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registries.forms.paste import Pasted, read_login
from registries.forms.paste.wrapping import unwrapped
from tests.registries.forms.paste.test_reading import packed

HOST = "registry.example.com"
LOGIN = f"docker login {HOST} -u alice -p s3cret"
CONFIG = json.dumps({"auths": {HOST: packed("alice", "s3cret")}})
BASE64 = base64.b64encode(CONFIG.encode()).decode()
ESCAPED = CONFIG.replace('"', '\\"')


@pytest.mark.parametrize(
    "text",
    [
        f"```\n{LOGIN}\n```",
        f"```bash\n$ {LOGIN}\n```\n",
        f"`{LOGIN}`",
        f"~~~\n{CONFIG}\n~~~",
        f"```json\n{CONFIG}\n```",
        LOGIN.replace(" ", "\u00a0"),
        f"\u200b{LOGIN}\u200b",
        LOGIN.replace("-u", "—username").replace("-p", "–p"),
        json.dumps(CONFIG),
        f"DOCKER_AUTH_CONFIG={json.dumps(CONFIG)}",
        f'echo "{ESCAPED}" > /kaniko/.docker/config.json',
        f"{CONFIG}\nalice@box:~$ ",
        f"$ cat ~/.docker/config.json\n{CONFIG}\n$ ",
        f"kubectl get secret pull -o jsonpath='{{.data.\\.dockerconfigjson}}'\n{BASE64}",
        f'echo "{BASE64}" | base64 -d > config.json',
        f"DOCKER_CONFIG_B64: {BASE64}",
    ],
)
def test_what_is_around_a_login(text: str) -> None:
    assert read_login(text) == Pasted(HOST, "alice", "s3cret")


def test_a_document_after_what_az_says() -> None:
    """azure-cli: `az acr login --expose-token` begins with a sentence that has a docker login in it."""
    text = "You can perform manual login using: 'docker login loginServer -u x -p accessToken'\n"
    text += json.dumps({"loginServer": "acme.azurecr.io", "accessToken": "t0ken"}, indent=2)
    login = read_login(text)
    assert login is not None
    assert (login.host, login.secret) == ("acme.azurecr.io", "t0ken")


def test_a_key_of_google_in_base64() -> None:
    key = json.dumps({"type": "service_account", "private_key": "x", "client_email": "a@b.iam.gserviceaccount.com"})
    login = read_login(base64.b64encode(key.encode()).decode())
    assert login is not None
    assert (login.kind, login.values) == ("google", {"key": key})


def test_letters_of_a_password_stay() -> None:
    assert read_login(f"docker login {HOST} -u alice -p a—b`c") is None  # a backtick is open
    assert read_login(f"docker login {HOST} -u alice -p 'a—b`c'") == Pasted(HOST, "alice", "a—b`c")
    document = json.dumps({"auths": {HOST: {"username": "alice", "password": "a\u00a0b"}}}, ensure_ascii=False)
    assert read_login(document) == Pasted(HOST, "alice", "a\u00a0b")


@given(st.text(alphabet='`~{}"\\ \n—\u00a0ab', max_size=300))
def test_any_text_ends(text: str) -> None:
    unwrapped(text)
