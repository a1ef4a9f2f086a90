"""Logins in lines of names and values, each with what belongs to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registries.forms.paste import Pasted, is_login_text, read, read_login
from registries.forms.paste.variables import VARIABLE
from tests.registries.forms.paste.test_reading import packed

HOST = "registry.example.com"
BASIC = packed("alice", "s3cret")["auth"]

FILES = {
    "environment": f"REGISTRY={HOST}\nREGISTRY_USER=alice\nREGISTRY_PASSWORD=s3cret\n",
    "joined": f"REGISTRY={HOST} REGISTRY_USER=alice REGISTRY_PASSWORD=s3cret",
    "joined YAML": f"registry: {HOST} username: alice password: s3cret",
    "beginnings": f"ACR_LOGIN_SERVER={HOST}\nACR_USERNAME=alice\nACR_PASSWORD=s3cret",
    "PowerShell": f'$Env:REGISTRY_HOST = "{HOST}"\n$env:REGISTRY_USERNAME = "alice"\n$env:REGISTRY_TOKEN = "s3cret"',
    "cmd": f"SET REGISTRY={HOST}\r\nSET REGISTRY_USER=alice\r\nSET REGISTRY_PASSWORD=s3cret",
    "GitLab": f"CI_REGISTRY={HOST}\nCI_DEPLOY_USER=alice\nCI_DEPLOY_PASSWORD=s3cret",
    "Helm": f"imageCredentials:\n  registry: {HOST}\n  username: alice\n  password: s3cret\n  email: a@example.com",
    "GitHub": (
        f"- uses: docker/login-action@v3\n  with:\n    registry: {HOST}\n    username: alice\n    password: s3cret"
    ),
    "Ansible": f"- docker_login:\n    registry_url: https://{HOST}\n    username: alice\n    password: 's3cret'",
    "k3s": (
        f'mirrors:\n  docker.io:\n    endpoint:\n      - "https://{HOST}"\nconfigs:\n  "{HOST}":\n    auth:\n'
        "      username: alice # this is the registry username\n      password: s3cret\n    tls:\n      ca_file: /x\n"
    ),
    "k3s in base64": f"configs:\n  {HOST}:\n    auth:\n      auth: {BASIC}\n",
    "k3s in one line": f"configs:\n  {HOST}:\n    auth: {{ username: alice, password: s3cret }}\n",
    "containerd": (
        f'[plugins."io.containerd.grpc.v1.cri".registry.configs."{HOST}".auth]\n  username = "alice"\n'
        '  password = "s3cret"\n'
    ),
    "hosts.toml": (
        f'server = "https://{HOST}"\n[host."https://{HOST}"]\n  capabilities = ["pull"]\n'
        f'  [host."https://{HOST}".header]\n    authorization = "Basic {BASIC}"\n'
    ),
    "Terraform": (
        f'provider "docker" {{\n  registry_auth {{\n    address  = "{HOST}"\n    username = "alice"\n'
        '    password = "s3cret"\n  }\n}'
    ),
    "Nomad": f'auth {{\n  server_address = "{HOST}"\n  username = "alice"\n  password = "s3cret"\n}}',
    "a database beside it": (
        f"postgres:\n  username: pg\n  password: other\nregistry:\n  server: {HOST}\n  username: alice\n"
        "  password: s3cret\n"
    ),
    "a password beside it": f"REGISTRY={HOST}\nPASSWORD=other\nREGISTRY_USER=alice\nREGISTRY_PASSWORD=s3cret",
    "other beginnings": (
        f"DB_USER=pg\nDB_PASSWORD=other\nREGISTRY={HOST}\nREGISTRY_USER=alice\nREGISTRY_PASSWORD=s3cret"
    ),
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_file(text: str) -> None:
    """Documentation: docs.k3s.io/installation/private-registry, containerd's docs/cri/registry.md and docs/hosts.md,
    docker/login-action, community.docker."""
    assert read(text).logins == (Pasted(HOST, "alice", "s3cret"),)
    assert is_login_text(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("DOCKERHUB_USERNAME=alice\nDOCKERHUB_TOKEN=s3cret", "docker.io"),
        ("- uses: docker/login-action@v3\n  with:\n    username: alice\n    password: s3cret", "docker.io"),
        ("GHCR_USER=alice\nGHCR_TOKEN=s3cret", "ghcr.io"),
        ("DOCKER_USERNAME=alice\nDOCKER_PASSWORD=s3cret", ""),
        ("registryCredentials:\n  username: alice\n  password: s3cret\nimage:\n  tag: '1'", ""),
        ("Username: alice\nPassword: s3cret", ""),
    ],
)
def test_without_a_host(text: str, host: str) -> None:
    assert read(text).logins == (Pasted(host, "alice", "s3cret"),)


def test_each_of_several() -> None:
    text = f"configs:\n  {HOST}:\n    auth:\n      username: a\n      password: x\n  ghcr.io:\n    auth:\n"
    text += "      username: b\n      password: y\n"
    assert read(text).logins == (Pasted(HOST, "a", "x"), Pasted("ghcr.io", "b", "y"))
    text = f"registry: {HOST}\nusername: a\npassword: x\nregistry: ghcr.io\nusername: b\npassword: y"
    assert read_login(text, "ghcr.io") == Pasted("ghcr.io", "b", "y")


def test_profiles_of_aws_can_be_told_apart() -> None:
    text = "\n".join(
        f"[{name}]\naws_access_key_id = AKIA{name.upper()}\naws_secret_access_key = x" for name in ("default", "prod")
    )
    assert [login.label for login in read(text).logins] == ["default", "prod"]
    assert read_login(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "AWS Access Key ID [None]: AKIAX\nAWS Secret Access Key [None]: s3cret\nDefault region name [None]: eu-west-1",
        "Access key ID: AKIAX\nSecret access key: s3cret",
        '$Env:AWS_ACCESS_KEY_ID="AKIAX"\n$Env:AWS_SECRET_ACCESS_KEY="s3cret"',
        "SET AWS_ACCESS_KEY_ID=AKIAX\nSET AWS_SECRET_ACCESS_KEY=s3cret",
    ],
)
def test_keys_of_aws_as_they_are_shown(text: str) -> None:
    login = read_login(text)
    assert login is not None
    assert (login.kind, login.values) == ("ecr", {"access_key_id": "AKIAX", "secret_access_key": "s3cret"})


def test_names_of_robots_are_no_variables() -> None:
    """harbor: `robot$project+name` in an environment file, which docker doesn't expand."""
    login = read_login("HARBOR_HOST=harbor.example.com\nHARBOR_USERNAME=robot$ci+app\nHARBOR_PASSWORD=s3cret")
    assert login == Pasted("harbor.example.com", "robot$ci+app", "s3cret")


def test_a_variable_is_said() -> None:
    text = "with:\n  registry: ghcr.io\n  username: ${{ github.actor }}\n  password: ${{ secrets.GITHUB_TOKEN }}\n"
    login = read_login(text)
    assert login is not None
    assert (login.host, login.secret, login.note) == ("ghcr.io", "", VARIABLE)


@pytest.mark.parametrize(
    "text",
    [
        "services:\n  app:\n    image: registry.example.com/a/b\n    environment:\n      PASSWORD: s3cret",
        "DB_USER=pg\nDB_PASSWORD=s3cret",
        "host: db.internal\nport: 5432",
        "postgres:\n  username: pg\n  password: s3cret\nimage:\n  repository: registry.example.com/a/b",
        "a: b: c",
    ],
)
def test_another_password_is_no_login(text: str) -> None:
    assert not read(text).is_recognized


@given(st.text(alphabet="regist:=-{}[]\"'#$.\n \tpasword", max_size=300))
def test_any_text_ends(text: str) -> None:
    read(text)
