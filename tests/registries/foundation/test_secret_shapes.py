"""What looks like a secret, and what does not. The secrets here are made up."""

from __future__ import annotations

import base64
import json
import random
import string
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registries.foundation.secret_patterns import TOKEN_PATTERN
from registries.foundation.secret_shapes import (
    REMOVED,
    find_lone_token,
    find_secret,
    find_secrets,
    redact,
    secret_in_command,
)

_CHANCE = random.Random(7)
_LETTERS_AND_DIGITS = string.ascii_letters + string.digits


def some(length: int, alphabet: str = _LETTERS_AND_DIGITS) -> str:
    return "".join(_CHANCE.choice(alphabet) for _ in range(length))


HEX = "0123456789abcdef"
JWT = ".".join(["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N"])
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"  # pragma: allowlist secret
PEM = "-----BEGIN {}PRIVATE KEY-----\nMIIE\n-----END {}PRIVATE KEY-----"
CERTAIN = {
    "GitHub, classic": f"ghp_{some(36)}",
    "GitHub, OAuth": f"gho_{some(36)}",
    "GitHub, user to server": f"ghu_{some(36)}",
    "GitHub, server to server": f"ghs_{some(36)}",
    "GitHub, fine-grained": f"github_pat_{some(22)}_{some(59)}",
    "Docker Hub, personal": f"dckr_pat_{some(27)}",
    "Docker Hub, organization": f"dckr_oat_{some(27)}",
    "GitLab": f"glpat-{some(20)}",
    "AWS key id": "AKIAIOSFODNN7EXAMPLE",
    "AWS temporary key id": "ASIAIOSFODNN7EXAMPLE",
    "AWS credentials file": f"[default]\naws_secret_access_key = {AWS_SECRET}",
    "AWS environment": f"AWS_SECRET_ACCESS_KEY={AWS_SECRET}",
    "Google key": '{"type": "service_account", "project_id": "acme"}',
    "Google private key": '"private_key_id": "0123456789abcdef"',
    "Google access token": f"ya29.{some(60)}",
    "Azure registry password": f"{some(42)}+ACR{some(6)}",
    "Azure client secret": f"abc8Q~{some(34)}",
    "Quay robot token": some(64, string.ascii_uppercase + string.digits),
    "JWT": JWT,
    "bearer": f"Authorization: Bearer {some(30)}",
    "basic": "authorization: basic YWxpY2U6aHVudGVyMg==",
    "curl header": f"curl -H 'Salad-Api-Key: {some(20)}' x",
    "RSA key": PEM.format("RSA ", "RSA "),
    "key": PEM.format("", ""),
    "SSH key, cut off": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk",
    "login with -p": "docker login -u alice -p hunter2 ghcr.io",
    "login with -p, long": "sudo docker login ghcr.io --username alice --password=hunter2",
    "login with a plain word": "$ podman login -u alice -p hunter quay.io",
    "login with a pipe": "echo s3cret | docker login ghcr.io -u alice --password-stdin",
    "login over two lines": "docker login ghcr.io \\\n  -u alice -phunter2",
    "login in a text": "I ran docker login -u alice -p hunter2 and it failed",
    "option": "deploy --password hunter2",
    "option with =": "deploy --password=hunter",
    "token option": f"serve --api-key {some(20)}",
    "config.json": '{"auths": {"ghcr.io": {"auth": "YWxpY2U6aHVudGVyMg=="}}}',
    "config.json with a password": '{"auths": {"ghcr.io": {"username": "alice", "password": "hunter2"}}}',
    "Kubernetes secret": "  .dockerconfigjson: eyJhdXRocyI6eyJnaGNyLmlvIjp7fX19",
    "address": "https://alice:hunter2@registry.example.com/x",
    "database": "postgres://app:hunter2@db.example.com/app",
    "image with a login": "alice:hunter2@ghcr.io/acme/app:1.0",
    "Slack webhook": f"https://hooks.slack.com/services/T024BE7LD/B01ABCDEF/{some(24)}",
    "node token": f"drt_{some(43)}",
    "session": f"drs_{some(32, HEX)}_{some(43)}",
    "enrolment": f"dre_{some(43)}",
    "invitation": f"dri_{some(43)}",
    "API key": f"drayage_{some(43)}",
    "webhook secret": f"whsec_{some(32)}",
    "curl": "curl -fsS -u alice:hunter2 https://registry.example.com/v2/",
    "curl, long": "curl --user=alice:hunter2 https://registry.example.com/v2/",
    "with a character that nobody sees": f"ghp_{some(4)}\u200b{some(32)}",
    "with a soft hyphen": f"dckr_pat_{some(9)}\u00ad{some(18)}",
    "with a byte order mark within": f"gh\ufeffp_{some(36)}",
    "full-width": "".join(chr(ord(char) + 0xFEE0) for char in f"ghp_{some(36)}"),
    "JSON in JSON": json.dumps({"data": json.dumps({"auths": {"ghcr.io": {"auth": "YWxpY2U6aHVudGVyMg=="}}})}),
    "a password in JSON in a command": 'echo "{\\"password\\": \\"hunter2\\"}"',
    "Python": "{'username': 'alice', 'password': 'hunter'}",
    "JavaScript": "login({user: 'alice', password: 'hunter'})",
    "YAML": "registry:\n  username: alice\n  password: hunter2\n",
    "YAML in a list": "- name: x\n- password: hunter2",
    "YAML, quoted": 'secret: "hunter"',
    "YAML, a longer name": "REGISTRY_PASSWORD: hunter2",
    "YAML with line ends of Windows": "username: alice\r\npassword: hunter2\r\n",
    "Basic alone": "Basic YWxpY2U6aHVudGVyMg==",
    "basic alone, short": "use basic YTpwdzE= for it",
    "user and password in base64": "YWxpY2U6aHVudGVyMg==",
    "user and password in base64, without padding": "auth YWxpY2U6aHVudGVyMg please",
    "login in capitals": "DOCKER LOGIN -U ALICE -P HUNTER2 GHCR.IO",
    "login with a capital": "Docker login -u alice -p hunter2",
    "pipe in capitals": "ECHO hunter2 | DOCKER LOGIN --password-stdin",
    "em dash": "deploy \u2014password hunter2",
    "en dash": "docker login -u alice \u2013password=hunter2",
    "non-breaking hyphens": "deploy \u2011\u2011password hunter2",
    "login with a here-string": "docker login ghcr.io -u alice --password-stdin <<< hunter2",
    "login with a quoted here-string": "docker login ghcr.io -u alice --password-stdin <<<'hunter2'",
    "login with a substitution": "docker login -u alice --password-stdin < <(echo hunter2)",
    "RSA key without header": "MIIEpAIBAAKCAQEA" + some(48) + "\n" + some(64) + "\n" + some(20) + "==",
    "PKCS #8 without header": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC" + some(13),
    "encrypted key without header": "MIIFHDBOBgkqhkiG9w0BBQ0wQTApBgkqhkiG9w0BBQwwHAQI" + some(16),
    "EC key without header": "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg" + some(16),
    "SEC 1 key without header": "MHcCAQEEI" + some(55),
    "Ed25519 key without header": "MC4CAQAwBQYDK2VwBCIEI" + some(43),
    "SSH key without header": "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
    "within a sentence": f"my token ghp_{some(36)}, does it work?",
    "in a tag": f"ghcr.io/acme/app:ghp_{some(36)}",
}
LIKELY = {
    "AWS secret": AWS_SECRET,
    "random letters and digits": "Zk3rT9wQx7LmB2vNc8YhJ4pD",
    "random small letters and digits": "k3rt9wqx7lmb2vnc8yhj4pd5f6",
    "base64url": base64.urlsafe_b64encode(bytes(range(7, 250, 9))).decode(),
    "variable": "DB_PASSWORD=hunter22",
    "YAML, a plain word": "password: hunter",
    "YAML, one letter": "  password: x",
    "query": "https://example.com/hook?token=hunter22",
}
HARMLESS = [
    "ubuntu",
    "registry.example.com:5000/team/app:1.0",
    "ghcr.io/acme/app@sha256:" + some(64, HEX),
    "ghcr.io/acme/app:1.0@sha256:" + some(64, HEX),
    "ghcr.io/acme/app:" + some(40, HEX),
    "europe-west1-docker.pkg.dev/my-project-123456/repository/llama-3.1-8b-instruct-q4_k_m:2026-01-01T00-00-00Z",
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/a-very-long-name-of-an-image-that-goes-on/and-on:latest",
    "acme.azurecr.io/samples/nginx:v1.2.3-RC1-20260101T120000Z-Build42",
    "pytorch/pytorch:2.3.0-cuda12.1-cudnn8-runtime",
    "nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04",
    "e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d",
    "00000000-0000-0000-0000-000000000000",
    "a.very.long.hostname.internal.example.com",
    some(64, HEX).upper(),  # as Windows writes a digest
    "serve --eos-token=eos --bos-token=bos1 --pad-token=pad --cancel-token=abc",
    "sk-learn-pipeline-2024-with-long-name-v2",
    "sk-image-processing-service-production-eu1",
    "github_pat_rotation_job_2026",
    "dckr_pat_rotation",
    "xoxo-chat-service",
    "ya29.example-host-name-2026.internal",
    "hvs.internal-vault-agent-injector-2026",
    "dra_pod_claims_controller_2026_v1",
    "drayage_portal_worker_zone_2026",
    'curl -u "$USER:$PASSWORD" https://registry.example.com/v2/',
    "curl -u alice:$PASSWORD https://registry.example.com/v2/",
    "curl https://registry.example.com/v2/ | sort -u a:b",
    "我的镜像无法拉取,错误是权限不足",
    "パスワードが間違っています",
    "alice@a-company-with-a-very-long-name.example.com",
    "Donaudampfschifffahrtsgesellschaftskapitaen",
    "MyVeryLongApplicationNameForProduction2026",
    "acme+drayage_robot",
    "robot$team+builder",
    "$oauthtoken",
    "_json_key",
    "oauth2accesstoken",
    "gitlab+deploy-token-1234567",
    "ASIAPACIFICREGIONALTEAM",
    "gpu-rtx4090",
    "node-eu-west-1a-0001",
    "sk-learn-pipeline-with-a-very-long-name",
    "It begins with dckr_pat_ or, of an organization, dckr_oat_; ghp_… is GitHub's, AKIA… is Amazon's.",
    "python app.py --port 80 --workers=4 --max-tokens 4096 --model meta-llama/Meta-Llama-3.1-8B-Instruct",
    "python -m vllm.entrypoints.openai.api_server --tokenizer hf-internal-testing/llama-tokenizer",
    "serve --password-file /run/secrets/db --token=$TOKEN --api-key ${KEY} --eos_token=</s> --password $DB_PASSWORD",
    "sh -c 'echo aGVsbG8gd29ybGQ= | base64 -d'",
    "docker login ghcr.io -u alice --password-stdin",
    "echo $CR_PAT | docker login ghcr.io -u alice --password-stdin",
    "docker login -u alice -p $TOKEN ghcr.io",
    "docker login\ndocker run -p 8080:80 nginx",
    "I used docker login and it worked, but --password is not read.",
    "My password does not work: unauthorized: authentication required. What is --token for?",
    "password: required\npassword: wrong.\npassword: $PASSWORD\npassword: {{ password }}\npassword: ${PASSWORD}",
    "password: <your password>\npassword: !vault |\nsecret: |\n  see the vault\npassword: ***",
    "Password: it does not work\nMy token: what is it for?\nAPI key:\nsecretName: registry",
    "imagePullSecret: regcred-1\nimagePullSecrets:\n  - name: registry\nsecretKeyRef: {name: x}\ntokens: 12345",
    "max_tokens: 4096\npad_token_id: 0\nautomountServiceAccountToken: false",
    "{'username': 'alice', 'password': '$PASSWORD', 'secret': ''}",
    "basic authentication is not enough, basic understanding of it, Basic information",
    "I can't pull \u2014 password is right, login\u2014password\u2014token all work",
    "from 3\u20134 to 7\u20138, pre\u2011built",
    "docker login ghcr.io -u alice --password-stdin <<< $CR_PAT",
    'docker login ghcr.io -u alice --password-stdin <<< "$CR_PAT"',
    "docker login ghcr.io -u alice --password-stdin < <(echo $CR_PAT)",
    "docker login ghcr.io && echo done",
    "DOCKER LOGIN GHCR.IO -U ALICE --PASSWORD-STDIN",
    "aGVsbG86IHdvcmxk",  # hello: world
    "secret: registry-credentials\ntoken: https://example.com/token/1\napi_key: vault/data/ghcr.io",
    "https://hooks.example.com/drayage",
    "https://example.com:8443/path@x",
    "mailto:alice@example.com",
    "Request id 7f3a9c1d2b4e5f60718293a4b5c6d7e8 failed at 2026-11-30T09:00:00.123456+00:00",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "It is neither https://user:…@host nor https://user:$PASSWORD@host",
    "",
]


@pytest.mark.parametrize("text", CERTAIN.values(), ids=CERTAIN.keys())
def test_what_certainly_is_a_secret(text: str) -> None:
    secret = find_secret(text, likely=False)

    assert secret is not None
    assert secret.is_certain
    assert secret.kind.split()[0] in ("a", "an", "the")


@pytest.mark.parametrize("text", LIKELY.values(), ids=LIKELY.keys())
def test_what_may_be_one(text: str) -> None:
    secret = find_secret(text)

    assert secret is not None
    assert not secret.is_certain
    assert find_secret(text, likely=False) is None


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_none(text: str) -> None:
    assert find_secrets(text) == []
    assert redact(text) == text


@pytest.mark.parametrize("length", [24, 32, 43, 64])
@pytest.mark.parametrize(
    "alphabet", [_LETTERS_AND_DIGITS, _LETTERS_AND_DIGITS + "-_", string.ascii_lowercase + "0123456789"]
)
def test_most_random_words_are_found(length: int, alphabet: str) -> None:
    words = [some(length, alphabet) for _ in range(200)]

    assert sum(find_secret(word) is not None for word in words) >= 170


@pytest.mark.parametrize(
    ("words", "is_found"),
    [
        (["serve", "--password", "hunter"], True),
        (["serve", "--password=hunter"], True),
        (["serve", "--password", "$PASSWORD"], False),
        (["serve", "--password", "--verbose"], False),
        (["serve", "--password"], False),
        (["sh", "-c", "redis-server --requirepass $REDIS_PASSWORD"], False),
        (["psql", "postgres://app:hunter2@db/app"], True),
        (["Zk3rT9wQx7LmB2vNc8YhJ4pD"], False),
        ([], False),
    ],
)
def test_a_command(words: list[str], is_found: bool) -> None:
    assert (secret_in_command(words) is not None) is is_found


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d", True),
        ("e61be6a0\u200b-1f10-4d3b-8a0e-0c3b5f1f4c8d\n", True),
        (40 * "a", True),
        ("0123456789ABCDEF" * 2, True),
        ("0123456789abcdef" * 12, True),
        ("0123456789abcdef", False),
        ("0123456789abcdef" * 4 + "0", True),
        ("0123456789abcdef" * 4 + "-build", False),
        ("app e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d", False),
        ("e61be6a0-1f10-4d3b-8a0e", False),
        ("", False),
    ],
)
def test_a_text_that_is_an_id_alone(text: str, is_found: bool) -> None:
    found = find_lone_token(text)
    assert (found is not None) == is_found
    assert found is None or (found.start, found.end, found.is_certain) == (0, len(text), False)


def test_what_is_hidden_in_a_secret_is_removed_with_it() -> None:
    token = f"ghp_{some(9)}\u200b{some(27)}"
    assert redact(f"“it” is {token}, really") == f"“it” is {REMOVED}, really"
    assert redact(f"\u200b{token}\u200b end").startswith(f"\u200b{REMOVED}")


def test_only_the_secret_is_removed() -> None:
    token = CERTAIN["GitHub, classic"]

    assert redact(f"I tried {token} twice.\n{token}") == f"I tried {REMOVED} twice.\n{REMOVED}"
    assert redact("a " + CERTAIN["RSA key"] + " b") == f"a {REMOVED} b"
    assert redact("before\ndocker login -u a -p hunter2 x\nafter") == f"before\n{REMOVED}\nafter"


@given(st.text(max_size=500))
def test_any_text_can_be_read(text: str) -> None:
    for likely in (True, False):
        secrets = find_secrets(text, likely=likely)
        assert all(first.end <= second.start for first, second in pairwise(secrets))
        assert find_secret(redact(text, likely=likely), likely=False) is None or REMOVED in text


@given(st.sampled_from(sorted(CERTAIN)), st.text(max_size=50), st.text(max_size=50))
def test_a_secret_is_not_hidden_by_lines_around_it(name: str, before: str, after: str) -> None:
    if name == "image with a login":
        return
    assert find_secret(f"{before}\n{CERTAIN[name]}\n{after}", likely=False) is not None


UNITS = [
    "a", "aA1", " ", "\n", "ghp_", "eyJ.", "eyJaaaaaaaa.", "aaaaaaaaaa.eyJ", "://a:", "docker login ",
    "docker login -p ", "docker a a a ", "echo ", "-----BEGIN PRIVATE KEY-----", '"auth":"', "--password ", "token=",
    "a:b@", "sk-", "glpat-", "_", "Q~", "authorization: ", "a-", "\\\n", "?key=", "+ACR", "Ab1/", "PASSWORD=", "a_",
    '"password":"', "password: a", "password: \n", "Basic ", "Basic YTpi", "YWxpY2U6aHVudGVyMg== ", "MHcCAQEEI",
    "MIIEpAIBAAKCAQEAaaaaaaaaaaaaaaaa\n", "docker login <<<", "docker login <(echo ", "\u2014password ",
    "'password': '",
]  # fmt: skip


def _is_linear(unit: str) -> bool:
    """Whether a hundred times the text takes less than a thousand times the time: of a quadratic search it were ten
    thousand times."""

    def seconds(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        begin = time.process_time()
        find_secrets(text)
        return time.process_time() - begin

    short = min(seconds(2_000) for _ in range(3))
    return seconds(200_000) < max(short, 0.0005) * 1000


@pytest.mark.parametrize("unit", UNITS)
def test_the_time_is_linear(unit: str) -> None:
    assert _is_linear(unit)


@settings(max_examples=8, deadline=None)
@given(st.text(alphabet="aA1 \n:/@-_.=\"'?&+~$eyJghpQ", min_size=1, max_size=24))
def test_the_time_is_linear_whatever_is_repeated(unit: str) -> None:
    assert _is_linear(unit)


def test_a_megabyte_is_read() -> None:
    text = f"{'lorem ipsum dolor sit amet ' * 40_000}ghp_{some(36)}"

    assert [secret.kind for secret in find_secrets(text)] == ["a GitHub token"]


def test_the_pattern_for_pages_is_javascript_too() -> None:
    assert "(?i" not in TOKEN_PATTERN
    assert "(?P" not in TOKEN_PATTERN
    assert "\\Z" not in TOKEN_PATTERN
