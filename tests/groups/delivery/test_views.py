"""The registry side over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from groups.delivery.transfers import TransferStopped
from groups.models import Image, LayerDelivery, NodeManifest, NodeToken
from portal.models import Organization
from tests.support.delivery_requests import NAME, body, over, refusals
from tests.support.delivery_setup import NodeInHand, Source, blob_of, make_source, store_image


def test_whoever_comes_first_is_sent_to_the_token_endpoint(client: Client, db: None) -> None:
    response = client.get("/v2/")
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="http://localhost:8000/v2/token",service="localhost:8000"'
    assert response["Docker-Distribution-Api-Version"] == "registry/2.0"
    of_layers = client.get("/v2/", headers={"Host": "localhost:8001"})
    assert of_layers["WWW-Authenticate"] == 'Bearer realm="http://localhost:8001/v2/token",service="localhost:8001"'
    assert "8000" in client.get("/v2/", headers={"Host": "localhost:6666"})["WWW-Authenticate"]
    error = {"code": "UNAUTHORIZED", "message": "authentication required", "detail": None}
    assert response.json() == {"errors": [error]}
    refused = client.get("/v2/token")
    said = "the token is not good: each is redeemed once, by the node it was given"
    assert (refused.status_code, refused["WWW-Authenticate"]) == (401, 'Basic realm="Drayage"')
    assert refused.json() == {"errors": [{"code": "UNAUTHORIZED", "message": said, "detail": None}]}
    scoped = client.get(f"{NAME}/manifests/latest")["WWW-Authenticate"]
    assert scoped.endswith(',scope="repository:acme/default/app:pull"')
    for name, is_named in {"a" * 255: True, "a" * 256: False, "a//b": True, "A": False, "a/": False}.items():
        answer = client.get(f"/v2/{name}/manifests/latest")
        assert answer.status_code == 401
        assert (f'scope="repository:{name}:pull"' in answer["WWW-Authenticate"]) == is_named, name


def test_an_image_is_fetched_with_its_session(
    client: Client, given: dict[str, Any], bearer: dict[str, str], manifest: Any, source: Source, image: Image
) -> None:
    assert client.get("/v2/", headers=bearer).status_code == 200
    assert manifest.status_code == 200
    assert manifest["Content-Type"] == "application/vnd.oci.image.manifest.v1+json"
    assert manifest["Docker-Content-Digest"] == (digest := given["image"].partition("@")[2])
    assert (manifest["ETag"], manifest["Content-Length"]) == (f'"{digest}"', str(len(manifest.content)))
    assert manifest["Cache-Control"] == "private, no-store"
    config = client.get(f"{NAME}/blobs/{manifest.json()['config']['digest']}", headers=bearer)
    assert body(config) == source.config
    for listed, (_, plain) in zip(manifest.json()["layers"], source.layers, strict=True):
        response = client.get(f"{NAME}/blobs/{listed['digest']}", headers=bearer)
        cipher = body(response)
        assert response.status_code == 200
        assert len(cipher) == listed["size"] == len(plain)
        assert cipher != plain
        assert response["Docker-Content-Digest"] == listed["digest"]
        assert response["ETag"] == f'"{listed["digest"]}"'
        assert response["Cache-Control"] == "private, no-store"
        assert response["Content-Type"] == config["Content-Type"] == "application/octet-stream"
        assert response["Accept-Ranges"] == "bytes"
        assert response["Docker-Distribution-Api-Version"] == "registry/2.0"
    middle = client.get(f"{NAME}/blobs/{manifest.json()['config']['digest']}", headers=bearer | {"Range": "bytes=3-5"})
    assert (middle.status_code, body(middle)) == (206, source.config[3:6])
    beyond = client.get(
        f"{NAME}/blobs/{manifest.json()['layers'][1]['digest']}", headers=bearer | {"Range": "bytes=9-1"}
    )
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{len(source.layers[1][1])}")
    assert beyond.json()["errors"][0]["code"] == "RANGE_INVALID"
    token = NodeToken.objects.get()
    assert token.manifest_sent_at is not None
    assert [delivery.sent_whole for delivery in token.layer_deliveries.all()] == [1, 1, 1]
    assert sum(delivery.sent_bytes for delivery in token.layer_deliveries.all()) == sum(
        len(raw) for _, raw in source.layers
    )
    assert refusals() == []


def test_head_says_how_much_and_sends_nothing(
    client: Client, bearer: dict[str, str], layers: list[str], manifest: Any
) -> None:
    response = client.head(f"{NAME}/blobs/{layers[0]}", headers=bearer)
    assert (response.status_code, response.content) == (200, b"")
    assert int(response["Content-Length"]) == manifest.json()["layers"][0]["size"]
    assert response["Accept-Ranges"] == "bytes"
    assert (response["ETag"], response["Docker-Content-Digest"]) == (f'"{layers[0]}"', layers[0])
    response = client.head(f"{NAME}/manifests/{manifest['Docker-Content-Digest']}", headers=bearer)
    assert (response.status_code, response["Content-Length"]) == (200, manifest["Content-Length"])
    assert not LayerDelivery.objects.exists()


def test_a_manifest_is_sent_once_it_is_fetched(client: Client, given: dict[str, Any], bearer: dict[str, str]) -> None:
    address = f"{NAME}/manifests/{given['image'].partition('@')[2]}"
    client.head(address, headers=bearer)
    assert NodeToken.objects.get().manifest_sent_at is None
    client.get(address, headers=bearer)
    assert NodeToken.objects.get().manifest_sent_at is not None


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
def test_no_other_method_does_anything(
    client: Client, bearer: dict[str, str], layers: list[str], method: str, given: dict[str, Any]
) -> None:
    reference = given["image"].partition("@")[2]
    for address in ("/v2/", f"{NAME}/blobs/{layers[0]}", f"{NAME}/manifests/{reference}", f"{NAME}/blobs/uploads/"):
        response = getattr(client, method)(address, headers=bearer)
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"
        assert response.json()["errors"][0]["code"] == "UNSUPPORTED"


@pytest.mark.parametrize(
    "address",
    [
        f"{NAME}/manifests/latest",
        f"{NAME}/manifests/sha256:{'0' * 64}",
        f"{NAME}/blobs/sha256:{'0' * 64}",
        f"{NAME}/blobs/sha256:..%2f..%2fetc%2fpasswd",
        f"{NAME}/blobs/..%2f..%2f..%2fetc%2fpasswd",
        f"{NAME}/tags/list",
        "/v2/_catalog",
        "/v2/%2e%2e/%2e%2e/admin/",
    ],
)
def test_what_the_session_does_not_open_is_not_there(client: Client, bearer: dict[str, str], address: str) -> None:
    assert client.get(address, headers=bearer).status_code == 404
    assert client.get(address).status_code == 401
    # What isn't of the registry's is not even looked for, and is no sign of anything.
    assert refusals() == ([] if "%2" in address or address.endswith(("list", "_catalog")) else ["not_listed"])


def test_an_image_has_one_name(
    client: Client, given: dict[str, Any], bearer: dict[str, str], layers: list[str]
) -> None:
    reference = given["image"].partition("@")[2]
    for name in ("acme/default/other", "umbrella/default/app", "acme/app", "ACME/default/app"):
        assert client.get(f"/v2/{name}/manifests/{reference}", headers=bearer).status_code == 404
        assert client.get(f"/v2/{name}/blobs/{layers[0]}", headers=bearer).status_code == 404


def test_another_organizations_digest_is_not_there(
    client: Client, bearer: dict[str, str], mallory: Any, blobs: Any
) -> None:
    theirs = store_image(Organization.objects.get(slug="umbrella"), make_source(b"theirs"))
    digest = blob_of(theirs, 0).cipher_digest
    missing = client.get(f"{NAME}/blobs/sha256:{'0' * 64}", headers=bearer)
    foreign = client.get(f"{NAME}/blobs/{digest}", headers=bearer)
    assert foreign.status_code == 404
    assert foreign.content == missing.content
    assert client.get(f"{NAME}/blobs/{theirs.config_digest}", headers=bearer).content == missing.content


def test_another_image_of_the_same_organization_is_not_there(
    client: Client, bearer: dict[str, str], image: Image, node: NodeInHand, other_node: NodeInHand
) -> None:
    """Nor is the manifest that another node has of this image: a session opens what its token was made for."""
    other = store_image(image.organization, make_source(b"another"))
    for number, (of, holder) in enumerate([(other, node), (image, other_node), (other, other_node)]):
        NodeManifest.objects.create(image=of, node=holder.row, digest=f"sha256:{number:064x}", body=b"{}")
    assert client.get(f"{NAME}/blobs/{blob_of(other, 0).cipher_digest}", headers=bearer).status_code == 404
    assert client.get(f"{NAME}/blobs/{other.config_digest}", headers=bearer).status_code == 404
    for number in range(3):
        assert client.get(f"{NAME}/manifests/sha256:{number:064x}", headers=bearer).status_code == 404
    assert refusals() == ["not_listed"] * 5


def test_bearers_that_are_none_look_alike(client: Client, bearer: dict[str, str], node: NodeInHand) -> None:
    genuine = bearer["Authorization"]
    turned = genuine[:-1] + ("A" if genuine[-1] != "A" else "B")
    other_row = genuine.replace(genuine.split("_")[1], "0" * 32)
    answers = []
    for value in (
        "",
        "Bearer",
        "Bearer x",
        turned,
        other_row,
        genuine[:-1],
        f"{genuine},{genuine}",
        genuine + "\n",
        genuine.replace("Bearer", "Basic"),
        f"Bearer {node.signed()}",
    ):
        response = client.get("/v2/", headers={"Authorization": value} if value else {})
        answers.append((response.status_code, response.content, response["WWW-Authenticate"]))
    assert len(set(answers)) == 1
    assert answers[0][0] == 401
    assert client.get(f"/v2/?token={genuine[7:]}").status_code == 401
    assert client.get("/v2/", headers={"Authorization": genuine}).status_code == 200


@pytest.mark.parametrize("how", ["ended", "expired", "stopping", "instance gone", "node removed", "image gone"])
def test_a_session_that_is_over_opens_nothing(
    client: Client, bearer: dict[str, str], layers: list[str], how: str
) -> None:
    over(how)
    for address in ("/v2/", f"{NAME}/blobs/{layers[0]}"):
        assert client.get(address, headers=bearer).status_code == 401
    reason = {"expired": "expired", "stopping": "expired", "node removed": "expired"}.get(how, "revoked")
    assert refusals() == [reason] * 2


def test_a_blob_that_is_lost_is_an_error_of_ours_and_not_a_crash(
    client: Client, bearer: dict[str, str], layers: list[str], image: Image, blobs: Any
) -> None:
    (blobs / blob_of(image, 0).name).unlink()
    response = client.get(f"{NAME}/blobs/{layers[0]}", headers=bearer)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (503, "UNAVAILABLE")
    assert LayerDelivery.objects.get().sent_bytes == 0, "what was not sent can be fetched once it is back"
    with open(blobs / blob_of(image, 1).name, "r+b") as file:
        file.truncate(1000)
    with pytest.raises(TransferStopped):
        body(client.get(f"{NAME}/blobs/{layers[1]}", headers=bearer))


def test_errors_of_ours_are_for_a_while(
    client: Client, bearer: dict[str, str], image: Image, manifest: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client asks again; the message does not say what is broken."""
    config = f"{NAME}/blobs/{manifest.json()['config']['digest']}"
    # The config of another image: it is encrypted like ours, and bound to its own row.
    theirs = store_image(image.organization, make_source(b"another"))
    Image.objects.filter(pk=image.pk).update(config=theirs.config)
    answers = [client.get(config, headers=bearer)]

    def away(*arguments: object, **values: object) -> None:
        raise DatabaseError("column")

    monkeypatch.setattr("groups.delivery.views.open_session", away)
    answers.append(client.get(config, headers=bearer))
    for response in answers:
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert response.json()["errors"][0]["code"] == "UNAVAILABLE"
    assert answers[0].content == answers[1].content


def test_how_long_credentials_may_be(node: NodeInHand, given: dict[str, Any]) -> None:
    scheme, _, value = node.basic(given["token"])["Authorization"].partition(" ")
    too_long, longest = (f"{scheme}{' ' * (length - len(scheme + value))}{value}" for length in (1025, 1024))
    assert Client().get("/v2/token", headers={"Authorization": too_long}).status_code == 401
    assert Client().get("/v2/token", headers={"Authorization": longest}).status_code == 200


def test_other_methods_are_refused_as_such_to_programs(db: None) -> None:
    """Not by the protection of forms: a client that tries POST first has to see that it is to use GET."""
    programs = Client(enforce_csrf_checks=True)
    for address in ("/v2/", "/v2/token", f"{NAME}/manifests/latest", f"{NAME}/blobs/sha256:0", "/v2/other"):
        response = programs.post(address)
        assert (response.status_code, response.json()["errors"][0]["code"]) == (405, "UNSUPPORTED"), address
