"""What is fuzzed: functions that read what strangers send, each with what it may refuse and what holds otherwise.

A target takes bytes. It ends well, or raises one of its own refusals; everything else is a crash.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from django.core.exceptions import ValidationError
from joserfc import jws
from joserfc.jwk import ECKey

from groups.delivery.ranges import Unsatisfiable, read_range
from groups.nodes import authentication
from groups.nodes.enrolment import NameInvalid, check_name
from groups.nodes.keys import KeyUnsupported, read_public_key
from groups.nodes.report import ReportInvalid, read_report
from groups.nodes.views import MAX_ENROLMENT_BYTES, MAX_POLL_BYTES
from groups.rules.group_settings import read_environment
from portal.notifications.webhook_address import AddressRefused, check_address
from registries import hosts
from registries.failures import CredentialMalformed, PullFailed
from registries.forms import paste
from registries.foundation.ids import NodeId
from registries.oci import challenge, errors, location, manifest, rate_limits, strict_json, tags, tokens
from registries.oci.choice import choose
from registries.oci.config import read_config
from registries.oci.platform import Platform
from registries.oci.reference import ReferenceInvalid, is_repository, is_tag, parse, parse_host
from registries.providers import PROVIDERS
from registries.secrets.node_vouchers import call_mark_of
from tests.fuzz import seeds

AMD64 = Platform("linux", "amd64")


@dataclass(frozen=True)
class Target:
    """`read` is what is fuzzed, `refusals` what it may raise; `corpus` are inputs to begin with."""

    name: str
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()
    corpus: list[bytes] = field(default_factory=list)
    is_json: bool = False

    def __call__(self, data: bytes) -> None:
        try:
            self.read(data)
        except self.refusals as refusal:
            said = str(refusal)
        else:
            return
        assert len(said) < 4000, "a refusal repeats no more than a line"


def text_of(data: bytes) -> str:
    """As forms and headers arrive: any text, without halves of surrogates."""
    return data.decode("utf-8", "replace")


def reference(data: bytes) -> None:
    found = parse(text_of(data))
    assert parse(str(found)) == found
    assert is_repository(found.repository)
    assert found.tag is None or is_tag(found.tag)


def host(data: bytes) -> None:
    text = text_of(data)
    found = hosts.read_host(text)
    assert parse_host(found) == found
    assert found.isascii()
    assert not set(found) & set(" @/\\?#\t\r\n")


def address(data: bytes) -> None:
    found = location.read(text_of(data), "https://registry.example/v2/")
    assert location.read(found.url) == found
    assert "@" not in found.authority


def webhook(data: bytes) -> None:
    found = check_address(text_of(data))
    assert found.lower().startswith(("https://", "http://")), "the tests' settings open a network for plain HTTP"
    assert check_address(found) == found


def image_manifest(data: bytes) -> None:
    for media_type in (manifest.OCI_MANIFEST, manifest.OCI_INDEX, seeds.DOCKER_MANIFEST, seeds.DOCKER_LIST):
        try:
            found = manifest.read_document(data, media_type)
        except PullFailed:
            continue
        if isinstance(found, manifest.Index):
            entry = choose(found.entries, AMD64)
            with suppress(PullFailed):
                assert entry is None or entry.descriptor.size >= 0
        else:
            assert 0 < len(found.layers) <= 1000
            assert all(0 <= layer.size < 2**53 for layer in (*found.layers, found.config))


def image_config(data: bytes) -> None:
    found = read_config(data, seeds.IMAGE, AMD64)
    assert len(found.diff_ids) == len(found.created_by) == len(seeds.IMAGE.layers)


def www_authenticate(data: bytes) -> None:
    for text in (data.decode("latin-1"), text_of(data)):
        found = challenge.parse(text)
        assert len(found) <= 8
        assert all(len(offer.parameters) <= 16 for offer in found)


def token_answer(data: bytes) -> None:
    token = tokens.read_token(data, 1000.0, {"host": "registry.example", "service": "sign_in", "met": "auth.example"})
    assert 1000 < token.valid_until <= 1000 + 3600
    assert token.text.isascii()
    assert token.text.isprintable()


def error_answer(data: bytes) -> None:
    assert len(errors.error_code(data)) <= 40
    assert len(errors.error_message(data)) <= 500
    text = data.decode("latin-1")
    seconds = errors.retry_after({"Retry-After": text})
    assert seconds is None or 1 <= seconds <= 3600
    rate_limits.read_limits({"ratelimit-limit": text, "ratelimit-remaining": text, "docker-ratelimit-source": text})
    here = location.read("https://registry.example/v2/app/tags/list")
    following = tags.next_page(text, here.url, here)
    assert following is None or following.startswith("https://registry.example/")


def byte_range(data: bytes) -> None:
    text = data.decode("latin-1")
    for size in (0, 1, 10, 10**12):
        for header in (text, f"bytes={text}"):
            try:
                span = read_range(header, size)
            except Unsatisfiable:
                continue
            assert (size == 0 and not span.is_part) or 0 <= span.first <= span.last < size


def pasted(data: bytes) -> None:
    """As it is, or as what follows one of two commands, by the first byte."""
    text = ("", "docker login ", "docker pull ")[data[0] % 3 if data else 0] + text_of(data[1:])
    assert all(login.label for login in paste.read_logins(text))
    paste.read_image(text)


def google_key(data: bytes) -> None:
    text = text_of(data)
    login = PROVIDERS["google"].login({"key": text}, "gcr.io")
    assert login.username in {"_json_key", "oauth2accesstoken"}


def environment(data: bytes) -> None:
    found = read_environment(text_of(data))
    assert all("\0" not in name + value for name, value in found.items())


class _OneNode:
    """Stands for the table of nodes, in which this one is enrolled, and its key accepted, under whichever id."""

    key = ECKey.import_key(seeds.pem(ec.derive_private_key(7, ec.SECP256R1())))
    public_key = seeds.public_pem(ec.derive_private_key(7, ec.SECP256R1()))

    def first(self, node: NodeId) -> tuple[str, str, str, int, str]:
        return self.public_key, "active", "[]", 0, call_mark_of(node_id=node, public_key=self.public_key)


def _authenticate(header: str) -> None:
    really = authentication._caller
    authentication._caller = _OneNode()  # type: ignore[assignment]
    try:
        call = authentication.authenticate(header)
    finally:
        authentication._caller = really
    assert len(call.jti_hash) == 24


def node_token(data: bytes) -> None:
    """The Authorization header of a node's call, and its first part signed as it should be."""
    text = data.decode("latin-1")
    for header in (text, f"Bearer {text}", f"Bearer {_part(data)}.{_part(seeds.CLAIMS)}.{_part(b'x' * 64)}"):
        try:
            _authenticate(header)
        except authentication.NotAuthenticated:
            continue


def node_claims(data: bytes) -> None:
    """What a node itself claims, well signed."""
    token = jws.serialize_compact({"alg": "ES256"}, data, _OneNode.key, algorithms=["ES256"])
    _authenticate(f"Bearer {token}")


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def poll(data: bytes) -> None:
    report = read_report(strict_json.read_object(data, MAX_POLL_BYTES))
    assert len(report.instances) <= 1000
    assert all(instance.message.isprintable() or not instance.message for instance in report.instances)


def enrolment(data: bytes) -> None:
    body = strict_json.read_object(data, MAX_ENROLMENT_BYTES)
    name, key = body.get("name"), body.get("public_key")
    if isinstance(name, str):
        check_name(name)
    if isinstance(key, str):
        assert read_public_key(key).signs_with in {"ES256", "PS256"}


NOT_READ = (strict_json.JsonInvalid,)
TARGETS = {
    target.name: target
    for target in (
        Target("reference", reference, (ReferenceInvalid,), seeds.REFERENCES),
        Target("host", host, (ReferenceInvalid,), seeds.HOSTS),
        Target("address", address, (location.LocationInvalid,), seeds.ADDRESSES),
        Target("webhook", webhook, (AddressRefused,), seeds.ADDRESSES),
        Target("manifest", image_manifest, (PullFailed,), seeds.MANIFESTS, is_json=True),
        Target("config", image_config, (PullFailed,), seeds.CONFIGS, is_json=True),
        Target("challenge", www_authenticate, (), seeds.CHALLENGES),
        Target("token", token_answer, (PullFailed,), seeds.TOKENS, is_json=True),
        Target("error", error_answer, (), seeds.ERRORS, is_json=True),
        Target("range", byte_range, (), seeds.RANGES),
        Target("paste", pasted, (), seeds.PASTES),
        Target("google", google_key, (CredentialMalformed,), seeds.GOOGLE_KEYS, is_json=True),
        Target("environment", environment, (ValidationError,), seeds.ENVIRONMENTS),
        Target("jwt", node_token, (), seeds.JWTS),
        Target("claims", node_claims, (authentication.NotAuthenticated,), [seeds.CLAIMS], is_json=True),
        Target("poll", poll, (*NOT_READ, ReportInvalid), seeds.POLLS, is_json=True),
        Target("enrolment", enrolment, (*NOT_READ, NameInvalid, KeyUnsupported), seeds.ENROLMENTS, is_json=True),
    )
}
