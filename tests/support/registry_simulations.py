"""Pretends to be the registries of the world: their names, challenges, token services, status codes, bodies, storage.

What each of them answers is in `make_pretences`, and for products in `tests.support.product_simulations`, one entry for
each kind of registry; how they all work is `tests.support.fakes`'.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.fakes.faults import Fault
from tests.support.fakes.registry import FakeRegistry
from tests.support.fakes.registry_http import Seen

CANARY = "canary-5b1e-secret"  # pragma: allowlist secret


@dataclass(frozen=True)
class Reply:
    """An answer of the registry's own making."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    def fault(self) -> Fault:
        raw = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        return Fault("/", status=self.status, body=raw, headers={"Content-Type": "application/json", **self.headers})


def errors(code: str, message: str, **more: Any) -> dict[str, Any]:
    """An error body as in the distribution specification."""
    return {"errors": [{"code": code, "message": message, **more}]}


@dataclass(frozen=True)
class Pretence:
    """One registry. `realm` is its token service; empty where it asks for Basic. `values` are what a member types,
    `username` and `secret` what then arrives. Where `no_token` is set, the token service itself refuses a repository
    that may not be read; else it gives a token that opens nothing, and `denied` is what that meets. With
    `wrong_gets_token` a wrong login gets such a token too, unless no scope is asked for."""

    kind: str
    host: str
    repository: str
    values: Mapping[str, str]
    wrong_values: Mapping[str, str]
    username: str
    secret: str
    challenge: str
    realm: str
    storage: str
    wrong: Reply | None
    denied: Reply
    missing: Reply
    limited: Reply
    no_token: Reply | None = None
    wrong_gets_token: bool = False
    token_field: str = "token"
    api_host: str = ""

    @property
    def answering_host(self) -> str:
        return self.api_host or self.host

    @property
    def token_host(self) -> str:
        return urlsplit(self.realm).netloc

    @property
    def hosts(self) -> set[str]:
        """Host names without ports."""
        return {name.partition(":")[0] for name in (self.answering_host, self.token_host, self.storage) if name}


class PretendedRegistry(FakeRegistry):
    """Answers as the registry of a pretence does. The repository may be read, `…-secret` beside it may not."""

    def __init__(self, pretence: Pretence, **options: Any) -> None:
        super().__init__(
            auth="bearer" if pretence.realm else "basic",
            users={pretence.username: pretence.secret},
            grants={pretence.username: {pretence.repository}},
            **options,
        )
        self.pretence = pretence
        self.challenge = pretence.challenge
        self.token_field = pretence.token_field

    def log(self, seen: Seen) -> Fault:
        fault = super().log(seen)
        return fault if fault.where else self._answer(seen) or fault

    def _answer(self, seen: Seen) -> Fault | None:
        pretence = self.pretence
        realm = urlsplit(pretence.realm)
        if pretence.realm and seen.path == realm.path and seen.headers["host"] == realm.netloc:
            return self._token(seen)
        if seen.headers["host"] != pretence.answering_host:
            return Reply(421, b"another host's business").fault()
        if "/manifests/" not in seen.path:
            return None
        repository, _, version = seen.path.removeprefix("/v2/").partition("/manifests/")
        if not self.admits(seen, repository):
            known = seen.kind == "bearer" or self.users.get(seen.username) == seen.secret
            return pretence.denied.fault() if known else None
        return None if (repository, version) in self.manifests else pretence.missing.fault()

    def _token(self, seen: Seen) -> Fault:
        pretence = self.pretence
        scope = parse_qs(seen.query).get("scope", [""])[0].split(":")
        repository = scope[1] if len(scope) == 3 and scope[2] == "pull" else ""
        if seen.kind == "basic" and self.users.get(seen.username) != seen.secret:
            if not (pretence.wrong_gets_token and repository):
                assert pretence.wrong is not None
                return pretence.wrong.fault()
            seen = replace(seen, kind="", username="", secret="")
        if pretence.no_token is not None and not self._may_read(seen.username, repository):
            return pretence.no_token.fault()
        token = self.issue_token(seen, repository)
        return Reply(200, {pretence.token_field: token, "expires_in": 300}).fault()


def bearer(realm: str, service: str) -> str:
    """The challenge of a registry whose token service is at `realm`."""
    return f'Bearer realm="{realm}",service="{service}"'


ECR_HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
GOOGLE_HOST = "europe-west1-docker.pkg.dev"
OWN_HOST = "registry.acme.example:5000"
ROLE = "arn:aws:iam::123456789012:user/puller"


def make_pretences(google_key: Callable[[str], str], aws: Mapping[str, Mapping[str, str]]) -> dict[str, Pretence]:
    """Return all of them by kind. `google_key` makes a service-account key with a given id; `aws` holds a `good` and
    a `wrong` access key."""
    good_key = google_key("good")
    made = (
        Pretence(
            kind="docker_hub",
            host="docker.io",
            api_host="registry-1.docker.io",
            repository="acme/billing",
            values={"username": "acmebuilds", "password": f"dckr_pat_{CANARY}"},
            wrong_values={"username": "acmebuilds", "password": f"dckr_pat_other-{CANARY}"},
            username="acmebuilds",
            secret=f"dckr_pat_{CANARY}",
            realm="https://auth.docker.io/token",
            challenge=bearer("https://auth.docker.io/token", "registry.docker.io"),
            storage="production.cloudflare.docker.com",
            wrong=Reply(401, {"details": "incorrect username or password"}),
            denied=Reply(
                401,
                errors("UNAUTHORIZED", "authentication required", detail=[{"Type": "repository", "Action": "pull"}]),
                {
                    "WWW-Authenticate": bearer("https://auth.docker.io/token", "registry.docker.io")
                    + ',scope="repository:acme/billing-secret:pull",error="insufficient_scope"'
                },
            ),
            missing=Reply(404, errors("MANIFEST_UNKNOWN", "manifest unknown", detail="unknown tag=9.9")),
            limited=Reply(
                429,
                errors("TOOMANYREQUESTS", "You have reached your pull rate limit."),
                {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600", "Retry-After": "60"},
            ),
        ),
        Pretence(
            kind="ghcr",
            host="ghcr.io",
            repository="acme/billing",
            values={"username": "acme-builds", "password": f"ghp_{CANARY}"},
            wrong_values={"username": "acme-builds", "password": f"ghp_other-{CANARY}"},
            username="acme-builds",
            secret=f"ghp_{CANARY}",
            realm="https://ghcr.io/token",
            challenge=bearer("https://ghcr.io/token", "ghcr.io") + ',scope="repository:user/image:pull"',
            storage="pkg-containers.githubusercontent.com",
            wrong=Reply(403, errors("DENIED", "denied")),
            denied=Reply(403, errors("DENIED", "permission_denied: read_package")),
            missing=Reply(404, errors("MANIFEST_UNKNOWN", "manifest unknown")),
            limited=Reply(429, errors("TOOMANYREQUESTS", "retry later"), {"Retry-After": "5"}),
        ),
        Pretence(
            kind="ecr",
            host=ECR_HOST,
            repository="billing",
            values=aws["good"],
            wrong_values=aws["wrong"],
            username="AWS",
            secret="123456789012-auth-token",
            realm="",
            challenge=f'Basic realm="https://{ECR_HOST}/",service="ecr.amazonaws.com"',
            storage="prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com",
            wrong=None,  # AWS refuses, before the registry is asked
            denied=Reply(
                403,
                errors("DENIED", f"User: {ROLE} is not authorized to perform: ecr:BatchGetImage on resource: billing"),
            ),
            missing=Reply(404, errors("MANIFEST_UNKNOWN", "Requested image not found")),
            limited=Reply(429, errors("TOOMANYREQUESTS", "Rate exceeded")),
        ),
        Pretence(
            kind="google",
            host=GOOGLE_HOST,
            repository="acme-prod/apps/billing",
            values={"key": good_key},
            wrong_values={"key": google_key("deleted")},
            username="_json_key",
            secret=good_key,
            realm=f"https://{GOOGLE_HOST}/v2/token",
            challenge=bearer(f"https://{GOOGLE_HOST}/v2/token", GOOGLE_HOST),
            storage="storage.googleapis.com",
            wrong=Reply(401, errors("UNAUTHORIZED", "The request does not have valid authentication credentials.")),
            no_token=Reply(
                403,
                errors(
                    "DENIED",
                    'Permission "artifactregistry.repositories.downloadArtifacts" denied on resource '
                    '"projects/acme-prod/locations/europe-west1/repositories/apps" (or it may not exist)',
                ),
            ),
            denied=Reply(401, b""),  # without a challenge, as gcr.io does
            missing=Reply(404, errors("MANIFEST_UNKNOWN", 'Failed to fetch "9.9"')),
            limited=Reply(429, errors("TOOMANYREQUESTS", "Quota exceeded for quota metric 'Requests per minute'")),
        ),
        Pretence(
            kind="acr",
            host="acme.azurecr.io",
            repository="billing",
            values={"username": "drayage-pull", "password": f"{CANARY}+ACRDm2c"},
            wrong_values={"username": "drayage-pull", "password": f"other-{CANARY}+ACRDm2c"},
            username="drayage-pull",
            secret=f"{CANARY}+ACRDm2c",
            realm="https://acme.azurecr.io/oauth2/token",
            challenge=bearer("https://acme.azurecr.io/oauth2/token", "acme.azurecr.io"),
            token_field="access_token",
            storage="acme.westeurope.data.azurecr.io",
            wrong=Reply(
                401,
                errors("UNAUTHORIZED", "authentication required, visit https://aka.ms/acr/authorization.", detail=None),
            ),
            denied=Reply(
                401,
                errors("UNAUTHORIZED", "authentication required", detail=[{"Type": "repository", "Action": "pull"}]),
                {
                    "WWW-Authenticate": bearer("https://acme.azurecr.io/oauth2/token", "acme.azurecr.io")
                    + ',scope="repository:billing-secret:pull",error="insufficient_scope"'
                },
            ),
            missing=Reply(404, errors("MANIFEST_UNKNOWN", 'manifest tagged by "9.9" is not found')),
            limited=Reply(429, errors("TOOMANYREQUESTS", "too many requests"), {"Retry-After": "10"}),
        ),
        Pretence(
            kind="quay",
            host="quay.io",
            repository="acme/billing",
            values={"username": "acme+drayage", "password": CANARY.upper()},
            wrong_values={"username": "acme+drayage", "password": f"OTHER{CANARY.upper()}"},
            username="acme+drayage",
            secret=CANARY.upper(),
            realm="https://quay.io/v2/auth",
            challenge=bearer("https://quay.io/v2/auth", "quay.io"),
            storage="cdn01.quay.io",
            wrong=Reply(401, errors("UNAUTHORIZED", "Could not find robot with specified username")),
            denied=Reply(401, errors("UNAUTHORIZED", "access to the requested resource is not authorized")),
            missing=Reply(404, errors("MANIFEST_UNKNOWN", "manifest unknown")),
            limited=Reply(429, b"<html>Too Many Requests</html>"),
        ),
        Pretence(
            kind="self_hosted",
            host=OWN_HOST,
            repository="team/billing",
            values={"username": "robot$team+drayage", "password": CANARY},
            wrong_values={"username": "robot$team+drayage", "password": f"other-{CANARY}"},
            username="robot$team+drayage",
            secret=CANARY,
            realm=f"https://{OWN_HOST}/service/token",
            challenge=bearer(f"https://{OWN_HOST}/service/token", "harbor-registry"),
            storage="minio.acme.example:9000",
            wrong=Reply(401, errors("UNAUTHORIZED", "unauthorized: invalid user name or password")),
            denied=Reply(401, errors("UNAUTHORIZED", "unauthorized to access repository: team/billing-secret")),
            missing=Reply(404, errors("MANIFEST_UNKNOWN", "manifest unknown")),
            limited=Reply(429, errors("TOOMANYREQUESTS", "slow down")),
        ),
    )
    return {simulation.kind: simulation for simulation in made}
