"""All clouds and their registries in one server with TLS, each under its real name.

    with Clouds(authority) as clouds:
        clouds.publish(issuer documents)         # as portal.example serves them, or a portal that runs is asked itself
        clouds.aws.trust(role, issuer, conditions, {"shop/web"})
        clouds.push_image("shop/web", "1.0")
        guard = AddressGuard([ip_network("127.0.0.0/8")], resolver=clouds.resolve)

`names` are the hosts that lead here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3

from tests.support.fakes.certificates import Authority
from tests.support.fakes.clouds.aws import Aws
from tests.support.fakes.clouds.azure import Azure
from tests.support.fakes.clouds.google import Google
from tests.support.fakes.clouds.quay import Quay
from tests.support.fakes.faults import Fault
from tests.support.fakes.registry import FakeRegistry
from tests.support.fakes.registry_http import Seen
from tests.support.registry_simulations import Reply

ECR_HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
GOOGLE_HOST = "europe-west1-docker.pkg.dev"
ACR_HOST = "acme.azurecr.io"
QUAY_HOST = "quay.io"
OWN_QUAY_HOST = "quay.acme.example"
PORTAL = "portal.example"
REGISTRIES = (ECR_HOST, GOOGLE_HOST, ACR_HOST, QUAY_HOST, OWN_QUAY_HOST)
SERVICES = (
    "sts.eu-west-1.amazonaws.com",
    "api.ecr.eu-west-1.amazonaws.com",
    "sts.googleapis.com",
    "iamcredentials.googleapis.com",
    "login.microsoftonline.com",
)
Page = tuple[int, bytes]


class Clouds(FakeRegistry):
    """The clouds, their registries, and the documents that `portal.example` serves."""

    def __init__(self, authority: Authority, **options: Any) -> None:
        self.names = {*REGISTRIES, *SERVICES, PORTAL}
        super().__init__(auth="basic", tls=authority.issue(*sorted(self.names)), **options)
        self.ca_file = authority.ca_file
        self.aws, self.google, self.azure, self.quay = Aws(), Google(), Azure(), Quay()
        self.documents: dict[str, Page] = {}
        """What the portal serves, by path."""
        self.fetched: list[str] = []
        """Addresses of issuers that were fetched."""
        self.instead: dict[str, Fault] = {}
        """What a host answers instead of its own answer."""

    def publish(self, documents: Mapping[str, Page]) -> None:
        """Serve these documents at `portal.example`."""
        self.documents = dict(documents)

    def resolve(self, name: str, port: int) -> list[tuple[str, int]]:
        """Resolve names for an AddressGuard: all of the clouds' lead here, and no other leads anywhere."""
        if name not in self.names:
            raise OSError(f"no such host: {name}")
        return [("127.0.0.1", self.port)]

    def fetch(self, url: str) -> Page:
        """Get a document as a cloud does, with verified TLS for the names that lead here."""
        self.fetched.append(url)
        place = urlsplit(url)
        if place.hostname not in self.names:
            response = urllib3.request("GET", url, redirect=False, retries=False, timeout=5.0)
            return response.status, response.data
        with urllib3.HTTPSConnectionPool(
            "127.0.0.1",
            self.port,
            server_hostname=place.hostname,
            assert_hostname=place.hostname,
            ca_certs=str(self.ca_file),
            headers={"Host": place.hostname or ""},
        ) as pool:
            try:
                found = pool.request("GET", place.path, redirect=False, retries=False, timeout=5.0)
            except urllib3.exceptions.HTTPError as error:
                raise OSError(str(error)) from None
            return found.status, found.data

    def log(self, seen: Seen) -> Fault:
        fault = super().log(seen)
        host = seen.headers.get("host", "").removesuffix(":443")
        if host in self.instead:
            return self.instead[host]
        return fault if fault.where else self._answer(host, seen) or fault

    def _answer(self, host: str, seen: Seen) -> Fault | None:
        answers: dict[str, Callable[[], Reply]] = {
            "sts.eu-west-1.amazonaws.com": lambda: self.aws.sts(seen, self.fetch),
            "api.ecr.eu-west-1.amazonaws.com": lambda: self.aws.ecr(seen),
            "sts.googleapis.com": lambda: self.google.sts(seen, self.fetch),
            "iamcredentials.googleapis.com": lambda: self.google.impersonate(seen),
            "login.microsoftonline.com": lambda: self.azure.entra(seen, self.fetch),
            PORTAL: lambda: self._document(seen),
        }
        if host in answers:
            return answers[host]().fault()
        if host == ACR_HOST and seen.path == "/oauth2/exchange":
            return self.azure.exchange(host, seen).fault()
        if host in {QUAY_HOST, OWN_QUAY_HOST} and seen.path == "/oauth2/federation/robot/token":
            return self.quay.token(host, seen, self.fetch).fault()
        return None if host in REGISTRIES else Reply(421, b"another host's business").fault()

    def _document(self, seen: Seen) -> Reply:
        status, body = self.documents.get(seen.path, (404, b"not found"))
        return Reply(status, body)

    def admits(self, seen: Seen, repository: str | None) -> bool:
        """Whether a login may read the repository at the host that it is for."""
        host = seen.headers.get("host", "").removesuffix(":443")
        reads = {
            ECR_HOST: lambda: self.aws.reads(seen.secret) if seen.username == "AWS" else set(),
            GOOGLE_HOST: lambda: self.google.reads(seen.secret) if seen.username == "oauth2accesstoken" else set(),
            ACR_HOST: lambda: self.azure.reads(host, seen.secret),
        }
        if seen.kind != "basic" or not seen.secret:
            return False
        found = reads.get(host, lambda: self.quay.reads(seen.secret))()
        return repository in found if repository is not None else bool(found)
