"""Pretended registries, reached by their real names over TLS, and AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from registries.oci.address_guard import AddressGuard
from registries.oci.client import RegistryClient
from registries.oci.login import Login
from registries.oci.transport import Session
from registries.providers import PROVIDERS, Provider
from registries.providers.ecr_token import get_authorization_token
from registries.providers.sign_in_hosts import sign_in_hosts
from tests.support.fakes.aws import FakeAws
from tests.support.fakes.certificates import Authority
from tests.support.fakes.registry import FakeRegistry
from tests.support.product_simulations import product_pretences
from tests.support.registry_simulations import CANARY, Pretence, PretendedRegistry, make_pretences

CDN = "cdn.acme.example"


@pytest.fixture(scope="session")
def aws() -> Iterator[FakeAws]:
    with FakeAws() as running:
        yield running


@pytest.fixture(scope="session")
def access_keys(aws: FakeAws) -> dict[str, dict[str, str]]:
    good = aws.add_user("puller", ["ecr:GetAuthorizationToken"])
    return {"good": good, "wrong": {**good, "secret_access_key": "wrong/" + good["secret_access_key"][6:]}}


@pytest.fixture(scope="session")
def google_key() -> Callable[[str], str]:
    """Make service-account keys as Google writes them, with an id to distinguish them."""
    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    def made(key_id: str) -> str:
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "acme-prod",
                "private_key_id": f"{key_id}-{CANARY}",
                "private_key": private.decode(),
                "client_email": "drayage@acme-prod.iam.gserviceaccount.com",
                "client_id": "104000000000000000001",
                "auth_uri": "https://accounts.google.com/o/oauth2/auth",
                "token_uri": "https://oauth2.googleapis.com/token",
                "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
                "universe_domain": "googleapis.com",
            }
        )

    return made


@pytest.fixture(scope="session")
def pretences(google_key: Callable[[str], str], access_keys: Mapping[str, Mapping[str, str]]) -> Mapping[str, Pretence]:
    return make_pretences(google_key, access_keys) | product_pretences()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@dataclass
class Place:
    """A pretended registry with its storage, and what it takes to reach them."""

    pretence: Pretence
    provider: Provider
    registry: PretendedRegistry
    storage: FakeRegistry
    guard: AddressGuard
    ca_file: Path
    aws_url: str
    stack: ExitStack

    @property
    def storage_host(self) -> str:
        """Where blobs are: of a kind that sends them itself, what somebody has put in front of it."""
        return self.pretence.storage or CDN

    def login(self, values: Mapping[str, str] | None = None) -> Login:
        """What the provider makes of the values that a member typed."""
        values = self.pretence.values if values is None else values
        if self.pretence.kind == "ecr":
            checked = self.provider.check(values, self.pretence.host)
            session = Session(self.pretence.host, AddressGuard([ip_network("127.0.0.0/8")]))
            return get_authorization_token(checked, self.pretence.host, session, endpoint=self.aws_url)
        return self.provider.login(values, self.pretence.host)

    def client(self, login: Login | None) -> RegistryClient:
        return self.stack.enter_context(
            RegistryClient(
                self.pretence.host,
                login=login,
                guard=self.guard,
                ca_file=self.ca_file,
                token_hosts=sign_in_hosts(self.pretence.host),
            )
        )


@pytest.fixture
def settle(authority: Authority, pretences: Mapping[str, Pretence], aws: FakeAws) -> Iterator[Callable[[str], Place]]:
    """Make the registry of a kind appear under its real names, which resolve to loopback."""
    with ExitStack() as stack:

        def made(kind: str) -> Place:
            pretence = pretences[kind]
            files = authority.issue(*sorted({*pretence.hosts, CDN}))
            registry = stack.enter_context(PretendedRegistry(pretence, tls=files))
            storage = stack.enter_context(FakeRegistry(tls=files))
            storage.blobs = registry.blobs
            ports = {name.partition(":")[0]: registry.port for name in (pretence.answering_host, pretence.token_host)}
            ports[(pretence.storage or CDN).partition(":")[0]] = storage.port

            def resolve(host: str, port: int) -> list[tuple[str, int]]:
                if host not in ports:
                    raise OSError(f"a test asked for {host}")
                return [("127.0.0.1", ports[host])]

            return Place(
                pretence=pretence,
                provider=PROVIDERS[kind],
                registry=registry,
                storage=storage,
                guard=AddressGuard([ip_network("127.0.0.0/8")], resolver=resolve),
                ca_file=authority.ca_file,
                aws_url=aws.url,
                stack=stack,
            )

        yield made
