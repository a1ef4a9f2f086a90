"""Public registries: pulled without a credential, each with its own way of asking for a token and sending layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

import pytest

from registries.failures import PullFailed
from registries.oci.address_guard import AddressGuard
from registries.oci.client import RegistryClient
from registries.oci.reference import parse
from registries.providers import PROVIDERS
from registries.providers.recognise import recognise, recognise_for_credential, recognise_image
from tests.registries.oci.conftest import pull
from tests.support.fakes.certificates import Authority
from tests.support.fakes.registry import FakeRegistry


@dataclass(frozen=True)
class Anonymous:
    """A public registry: an image, its token service ("" where it asks for none), where it sends blobs from, and
    whether manifests come from there too."""

    image: str
    realm: str
    storage: str
    redirects_manifests: bool = False


ANONYMOUS = {
    "ecr_public": Anonymous(
        "public.ecr.aws/docker/library/nginx:1.27", "https://public.ecr.aws/token/", "d2glxqk2uabbnd.cloudfront.net"
    ),
    "mcr": Anonymous("mcr.microsoft.com/dotnet/aspnet:8.0", "", "westeurope.data.mcr.microsoft.com"),
    # As in cmd/archeio of kubernetes/registry.k8s.io: a token that only marks the pull, manifests from another host.
    "kubernetes": Anonymous(
        "registry.k8s.io/pause:3.10", "https://registry.k8s.io/token", "europe-west4-docker.pkg.dev", True
    ),
    "distroless": Anonymous("gcr.io/distroless/static-debian12:nonroot", "https://gcr.io/v2/token", "gcr.io"),
    "lscr": Anonymous(
        "lscr.io/linuxserver/nginx:latest", "https://ghcr.io/token", "pkg-containers.githubusercontent.com"
    ),
}


@dataclass
class Place:
    """The registry of a kind and its storage, as they answer, and a client for it."""

    anonymous: Anonymous
    registry: FakeRegistry
    storage: FakeRegistry
    client: RegistryClient


@pytest.fixture
def place(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Place]:
    anonymous: Anonymous = ANONYMOUS[request.param]
    image = parse(anonymous.image)
    realm_host = anonymous.realm.removeprefix("https://").partition("/")[0]
    files = authority.issue(*sorted({image.registry, anonymous.storage, realm_host or image.registry}))
    auth = "bearer" if anonymous.realm else "none"
    with FakeRegistry(tls=files, auth=auth, public=(image.repository,)) as registry, FakeRegistry(tls=files) as storage:
        registry.token_path = anonymous.realm.removeprefix(f"https://{realm_host}")
        registry.challenge = f'Bearer realm="{anonymous.realm}",service="{realm_host}"'
        storage.blobs, storage.manifests = registry.blobs, registry.manifests

        def resolve(host: str, port: int) -> list[tuple[str, int]]:
            is_storage = host == anonymous.storage and host != image.registry
            return [("127.0.0.1", storage.port if is_storage else registry.port)]

        guard = AddressGuard([ip_network("127.0.0.0/8")], resolver=resolve)
        with RegistryClient(image.registry, login=None, guard=guard, ca_file=authority.ca_file) as client:
            yield Place(anonymous, registry, storage, client)


@pytest.mark.slow
@pytest.mark.parametrize("place", ANONYMOUS, indirect=True)
def test_an_image_is_pulled_without_a_credential(place: Place) -> None:
    image = parse(place.anonymous.image)
    pushed = place.registry.push_image(image.repository, image.version)
    if place.anonymous.storage != image.registry:
        place.registry.fault("/blobs/", redirect=f"https://{place.anonymous.storage}{{path}}")
    if place.anonymous.redirects_manifests:
        place.registry.fault("/manifests/", redirect=f"https://{place.anonymous.storage}{{path}}?rid=1f3a")
    assert list(pull(place.client, image.repository, image.version)) == pushed.layer_digests
    assert not [one for one in place.registry.seen if one.kind == "basic"]
    assert not [one for one in place.storage.seen if "authorization" in one.headers]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["kubernetes"], indirect=True)
def test_a_name_that_is_missing_behind_a_redirect_is_missing(place: Place) -> None:
    """registry.k8s.io sends whoever asks for a manifest to its upstream, which says that there is none."""
    image = parse(place.anonymous.image)
    place.registry.push_image(image.repository, image.version)
    place.registry.fault("/manifests/", redirect=f"https://{place.anonymous.storage}{{path}}")
    with pytest.raises(PullFailed) as raised:
        pull(place.client, image.repository, "9.9")
    assert (raised.value.code, raised.value.retryable) == ("image_not_found", False)


@pytest.mark.parametrize("kind", ANONYMOUS)
def test_its_images_are_recognised_as_public(kind: str) -> None:
    provider = recognise_image(parse(ANONYMOUS[kind].image))
    assert (provider.kind, provider.is_public) == (kind, True)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("gcr.io/acme-prod/app", "google"),
        ("gcr.io/distroless-of-acme/app", "google"),
        ("eu.gcr.io/distroless/static", "google"),
        ("k8s.gcr.io/pause", "kubernetes"),
        ("public.ecr.aws.evil.example/x/y", "self_hosted"),
        ("mcr.microsoft.com:5000/x", "self_hosted"),
    ],
)
def test_what_is_beside_it(image: str, kind: str) -> None:
    assert recognise_image(parse(image)).kind == kind


def test_a_host_alone_is_not_the_part_of_it_that_is_public() -> None:
    assert recognise("gcr.io").kind == "google"


@pytest.mark.parametrize("kind", ANONYMOUS)
def test_a_credential_for_it_has_fields(kind: str) -> None:
    """Of somebody who enters one all the same, as for a mirror with the same name."""
    offered = recognise_for_credential(parse(ANONYMOUS[kind].image).registry)
    assert offered.fields
    assert PROVIDERS[kind].fields in ((), offered.fields)
