"""The settings of trusts: what is taken, what is refused before anything is asked, and whom tokens are for."""

from __future__ import annotations

import json

import pytest

from registries.providers.checks import Unusable
from registries.providers.google_trust import read_settings
from registries.providers.trust_kinds import TRUST_KINDS, trust_kind_of

ECR, CHINA = "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"
GOV, EUROPE = "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com", "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu"
GAR, ACR = "europe-west1-docker.pkg.dev", "acme.azurecr.io"
POOL = "projects/1234/locations/global/workloadIdentityPools/drayage/providers/acme"
ACCOUNT = "puller@acme.iam.gserviceaccount.com"
TENANT, CLIENT = "72f988bf-86f1-41af-91ab-2d7cd011db47", "e61be6a0-1f10-4d3b-8a0e-0c3b5f1f4c8d"

APP = {"tenant_id": TENANT, "client_id": CLIENT}
STS = "sts.amazonaws.com"


def role(partition: str, name: str = "pull") -> dict[str, str]:
    return {"role_arn": f"arn:{partition}:iam::123456789012:role/{name}"}


@pytest.mark.parametrize(
    ("kind", "host", "given", "audience", "asked"),
    [
        ("ecr", ECR, role("aws"), STS, "sts.eu-west-1.amazonaws.com"),
        ("ecr", ECR, role("aws", "a/b/pull"), STS, "sts.eu-west-1.amazonaws.com"),
        ("ecr", CHINA, role("aws-cn"), STS, "sts.cn-north-1.amazonaws.com.cn"),
        ("ecr", CHINA, role("aws-cn") | {"audience": "mine"}, "mine", "sts.cn-north-1.amazonaws.com.cn"),
        ("ecr", GOV, role("aws-us-gov"), STS, "sts.us-gov-west-1.amazonaws.com"),
        ("ecr", EUROPE, role("aws-eusc"), STS, "sts.eusc-de-east-1.amazonaws.eu"),
        ("google", GAR, {"provider": POOL}, f"https://iam.googleapis.com/{POOL}", "sts.googleapis.com"),
        ("google", "gcr.io", {"provider": POOL}, f"https://iam.googleapis.com/{POOL}", "sts.googleapis.com"),
        ("acr", ACR, APP, "api://AzureADTokenExchange", "login.microsoftonline.com"),
        ("acr", "acme.azurecr.us", APP, "api://AzureADTokenExchangeUSGov", "login.microsoftonline.us"),
        ("acr", "acme.azurecr.cn", APP, "api://AzureADTokenExchangeChina", "login.partner.microsoftonline.cn"),
        ("quay", "quay.io", {"robot": "acme+drayage"}, "quay.io", "quay.io"),
        ("quay", "quay.acme.example:8443", {"robot": "acme+drayage"}, *["quay.acme.example:8443"] * 2),
    ],
)
def test_whom_a_token_is_for_and_who_is_asked(
    kind: str, host: str, given: dict[str, str], audience: str, asked: str
) -> None:
    trust = TRUST_KINDS[kind]

    assert trust.check(given, host) == given
    assert trust.audience(given, host) == audience
    assert trust.answers_at(given, host)[0] == asked


def test_only_a_quay_of_ones_own_limits_the_subject() -> None:
    hosts = {"ecr": ECR, "google": GAR, "acr": ACR, "quay": "quay.io"}

    assert {TRUST_KINDS[kind].subject_suffix(host) for kind, host in hosts.items()} == {""}
    assert TRUST_KINDS["quay"].subject_suffix("quay.acme.example:8443") == ":host:quay.acme.example:8443"
    assert TRUST_KINDS["quay"].subject_suffix("quay.io:443") == ""


@pytest.mark.parametrize(
    ("kind", "host", "given", "field"),
    [
        ("ecr", ECR, {}, "role_arn"),
        ("ecr", ECR, {"role_arn": "drayage"}, "role_arn"),
        ("ecr", ECR, {"role_arn": "arn:aws:iam::123456789012:user/pull"}, "role_arn"),
        ("ecr", ECR, {"role_arn": "arn:aws:sts::123456789012:assumed-role/pull/x"}, "role_arn"),
        ("ecr", ECR, {"role_arn": "arn:aws-cn:iam::123456789012:role/pull"}, "role_arn"),
        ("ecr", ECR, {"role_arn": "arn:aws:iam::123456789012:role/pull*"}, "role_arn"),
        ("ecr", ECR, {"role_arn": "arn:aws:iam::123456789012:role/pull\n"}, None),
        ("ecr", ECR, {"role_arn": "arn:aws:iam::123456789012:role/pull", "audience": "a b"}, "audience"),
        ("ecr", ECR, {"role_arn": "arn:aws:iam::123456789012:role/pull", "policy": "{}"}, "policy"),
        ("ecr", "ecr.example", {"role_arn": "arn:aws:iam::123456789012:role/pull"}, "host"),
        ("ecr", "public.ecr.aws", {"role_arn": "arn:aws:iam::123456789012:role/pull"}, "host"),
        ("google", GAR, {"provider": "drayage"}, "provider"),
        ("google", GAR, {"provider": POOL.replace("1234", "acme")}, "provider"),
        ("google", GAR, {"provider": f"{POOL}/keys/x"}, "provider"),
        ("google", GAR, {"provider": "{not json"}, "provider"),
        ("google", GAR, {"provider": POOL, "service_account": "alice@acme.example"}, "service_account"),
        ("google", GAR, {"provider": POOL, "service_account": "x/../../y"}, "service_account"),
        ("google", "pkg.dev.example", {"provider": POOL}, "host"),
        ("acr", ACR, {"tenant_id": "../x", "client_id": CLIENT}, "tenant_id"),
        ("acr", ACR, {"tenant_id": "a.b/x", "client_id": CLIENT}, "tenant_id"),
        ("acr", ACR, {"tenant_id": TENANT, "client_id": "app"}, "client_id"),
        ("acr", "registry.acme.example", {"tenant_id": TENANT, "client_id": CLIENT}, "host"),
        ("acr", "acme.azurecr.io.evil.example", {"tenant_id": TENANT, "client_id": CLIENT}, "host"),
        ("quay", "quay.io", {"robot": "drayage"}, "robot"),
        ("quay", "ghcr.io", {"robot": "acme+drayage"}, "host"),
        ("quay", ECR, {"robot": "acme+drayage"}, "host"),
        ("quay", "acme.azurecr.io:443", {"robot": "acme+drayage"}, "host"),
        ("quay", "quay.io", {"robot": "acme+drayage:x"}, "robot"),
        ("quay", "quay.io", {"robot": "x" * 3000}, "robot"),
    ],
)
def test_what_is_refused(kind: str, host: str, given: dict[str, str], field: str | None) -> None:
    if field is None:  # a blank at the end is no part of it
        assert TRUST_KINDS[kind].check(given, host) == {name: text.strip() for name, text in given.items()}
        return
    with pytest.raises(Unusable) as raised:
        TRUST_KINDS[kind].check(given, host)
    assert raised.value.field == field
    assert len(raised.value.reason) <= 80


@pytest.mark.parametrize("prefix", ["//iam.googleapis.com/", "https://iam.googleapis.com/", ""])
def test_google_provider_is_taken_in_each_form_that_google_shows(prefix: str) -> None:
    assert TRUST_KINDS["google"].check({"provider": prefix + POOL}, GAR) == {"provider": POOL}


def test_of_googles_configuration_file_only_names_are_read() -> None:
    """Its addresses would say where the token is sent."""
    text = json.dumps(
        {
            "type": "external_account",
            "audience": f"//iam.googleapis.com/{POOL}",
            "token_url": "https://evil.example/v1/token",
            "credential_source": {"url": "https://evil.example/"},
            "service_account_impersonation_url": f"https://evil.example/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken",
        }
    )

    assert read_settings(text) == {"provider": POOL, "service_account": ACCOUNT}
    assert TRUST_KINDS["google"].check({"provider": text}, GAR) == read_settings(text)
    assert TRUST_KINDS["google"].answers_at(read_settings(text), GAR) == (
        "sts.googleapis.com",
        "iamcredentials.googleapis.com",
    )


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"type": "service_account"}', '{"type": "external_account"}', "[" * 9000]
)
def test_other_files_are_none(text: str) -> None:
    assert read_settings(text) == {}


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        (ECR, "ecr"), (CHINA, "ecr"), (GAR, "google"), ("eu.gcr.io", "google"), (ACR, "acr"), ("quay.io", "quay"),
        ("quay.io:443", "quay"), ("ghcr.io", None), ("docker.io", None), ("registry.example:5000", None),
        ("evilquay.io", None), ("ＱＵＡＹ.io", None),
    ],
)  # fmt: skip
def test_which_kind_a_host_has(host: str, kind: str | None) -> None:
    found = trust_kind_of(host)

    assert (found.provider.kind if found else None) == kind


@pytest.mark.parametrize("kind", TRUST_KINDS)
def test_nothing_of_a_trust_is_secret(kind: str) -> None:
    assert not any(field.secret for field in TRUST_KINDS[kind].fields)
    assert all(field.help.endswith(".") and field.placeholder for field in TRUST_KINDS[kind].fields)
