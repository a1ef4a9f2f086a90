"""Alibaba Cloud: its endpoints, of which some answer within its own network only."""

from __future__ import annotations

import pytest

from registries.providers import PROVIDERS
from tests.registries.providers.test_checks import refused
from tests.support.provider_answers import Stage, means

ALIBABA = PROVIDERS["alibaba"]
VALUES = {"username": "drayage@acme", "password": "example"}


@pytest.mark.parametrize(
    "host",
    [
        "registry.cn-hangzhou.aliyuncs.com",
        "registry.cn-north-2-gov-1.aliyuncs.com",
        "registry-intl.ap-southeast-1.aliyuncs.com",
        "acme-registry.eu-central-1.cr.aliyuncs.com",
        "crpi-0vsre5argteykh9m.cn-guangzhou.personal.cr.aliyuncs.com",
        "registry.acme.example",
    ],
)
def test_public_endpoints_and_own_domains(host: str) -> None:
    assert ALIBABA.login(VALUES, host).username == "drayage@acme"


@pytest.mark.parametrize(
    "host",
    [
        "registry-vpc.cn-hangzhou.aliyuncs.com",
        "registry-internal.cn-hangzhou.aliyuncs.com",
        "registry-intl-vpc.ap-southeast-1.aliyuncs.com",
        "acme-registry-vpc.eu-central-1.cr.aliyuncs.com",
        "crpi-0vsre5argteykh9m-vpc.cn-hangzhou.personal.cr.aliyuncs.com",
    ],
)
def test_endpoints_within_alibabas_network(host: str) -> None:
    assert ALIBABA.recognises(host)
    assert refused(ALIBABA, host, VALUES).params["field"] == "host"


@pytest.mark.parametrize(
    ("stage", "status", "body", "code"),
    [
        (Stage.TOKEN, 401, "authentication required", "authentication_failed"),
        (Stage.MANIFEST, 401, "requested access to the resource is denied", "access_denied"),
        (Stage.MANIFEST, 404, {"errors": [{"code": "NAME_UNKNOWN"}]}, "image_not_found"),
    ],
)
def test_answers(stage: Stage, status: int, body: object, code: str) -> None:
    assert means("alibaba", stage, status, body).code == code
