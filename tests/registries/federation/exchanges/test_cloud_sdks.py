"""The clouds' own libraries get in at the fakes too, with a token of the portal: what the fakes demand is no invention
of ours."""

from __future__ import annotations

import socket
from typing import Any

import boto3
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientAssertionCredential
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from google.auth import identity_pool
from google.auth.exceptions import OAuthError
from google.auth.transport.requests import Request

from registries.federation.identities import Identity
from tests.support.fakes.clouds.server import Clouds
from tests.support.trusts import CASES, REPOSITORY, token_for

REGION = "eu-west-1"


@pytest.fixture(autouse=True)
def _real_names(clouds: Clouds, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clouds' names lead to loopback in this process, and its authority is the only one."""
    really = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host in clouds.names:
            return really("127.0.0.1", clouds.port, *rest, **more)
        return really(host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    for name in ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(clouds.ca_file))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


class TestBoto3:
    def assume(self, token: str, **options: Any) -> Any:
        client = boto3.session.Session().client("sts", region_name=REGION, config=Config(signature_version=UNSIGNED))
        role = CASES["ecr"].settings["role_arn"]
        named = {"RoleArn": role, "RoleSessionName": "pull-7", "WebIdentityToken": token}
        return client.assume_role_with_web_identity(**named, **options)["Credentials"]

    def test_it_gets_a_login(self, clouds: Clouds, identity: Identity) -> None:
        token = token_for(identity, CASES["ecr"])
        CASES["ecr"].allow(clouds, token.issuer, token.subject)

        keys = self.assume(token.text, DurationSeconds=900)
        ecr = boto3.session.Session().client(
            "ecr",
            region_name=REGION,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

        assert ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]

    @pytest.mark.parametrize(
        ("subject", "audience", "code"),
        [("organization:x", "sts.amazonaws.com", "AccessDenied"), (None, "other", "InvalidIdentityToken")],
    )
    def test_it_is_refused_in_the_codes_that_the_portal_reads(
        self, clouds: Clouds, identity: Identity, subject: str | None, audience: str, code: str
    ) -> None:
        token = token_for(identity, CASES["ecr"], audience=audience)
        CASES["ecr"].allow(clouds, token.issuer, subject or token.subject)

        with pytest.raises(ClientError) as raised:
            self.assume(token.text)
        assert raised.value.response["Error"]["Code"] == code


class _Supplier(identity_pool.SubjectTokenSupplier):
    def __init__(self, token: str) -> None:
        self.token = token

    def get_subject_token(self, context: object, request: Request) -> str:
        return self.token


class TestGoogleAuth:
    def refreshed(self, token: str, account: str = "") -> Any:
        url = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{account}:generateAccessToken"
        credentials: Any = identity_pool.Credentials(  # type: ignore[no-untyped-call]
            audience=f"//iam.googleapis.com/{CASES['google'].settings['provider']}",
            subject_token_type="urn:ietf:params:oauth:token-type:jwt",
            token_url="https://sts.googleapis.com/v1/token",
            subject_token_supplier=_Supplier(token),
            service_account_impersonation_url=url if account else None,
            scopes=["https://www.googleapis.com/auth/cloud-platform"],
        )
        credentials.refresh(Request())
        return credentials

    @pytest.mark.parametrize("name", ["google", "google account"])
    def test_it_gets_a_login(self, clouds: Clouds, identity: Identity, name: str) -> None:
        case = CASES[name]
        token = token_for(identity, case)
        case.allow(clouds, token.issuer, token.subject)

        access = self.refreshed(token.text, case.settings.get("service_account", "")).token

        assert clouds.google.reads(access) == {REPOSITORY}

    def test_it_is_refused(self, clouds: Clouds, identity: Identity) -> None:
        token = token_for(identity, CASES["google"], audience="other")
        CASES["google"].allow(clouds, token.issuer, token.subject)

        with pytest.raises(OAuthError, match="audience"):
            self.refreshed(token.text)


class TestAzureIdentity:
    def access(self, token: str) -> str:
        settings = CASES["acr"].settings
        credential = ClientAssertionCredential(
            settings["tenant_id"], settings["client_id"], lambda: token, disable_instance_discovery=True
        )
        return credential.get_token("https://containerregistry.azure.net/.default").token

    def test_it_gets_a_token_for_the_registry(self, clouds: Clouds, identity: Identity) -> None:
        token = token_for(identity, CASES["acr"])
        CASES["acr"].allow(clouds, token.issuer, token.subject)

        assert self.access(token.text) in clouds.azure.tokens

    @pytest.mark.parametrize(
        ("subject", "audience", "code"), [("organization:x", None, "700213"), (None, "other", "700212")]
    )
    def test_it_is_refused(
        self, clouds: Clouds, identity: Identity, subject: str | None, audience: str | None, code: str
    ) -> None:
        token = token_for(identity, CASES["acr"], **({"audience": audience} if audience else {}))
        CASES["acr"].allow(clouds, token.issuer, subject or token.subject)

        with pytest.raises(ClientAuthenticationError, match=f"AADSTS{code}"):
            self.access(token.text)
