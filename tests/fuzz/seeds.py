"""What fuzzing begins with: good inputs and odd ones, from which others are made."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.conf import settings

from registries.oci.manifest import OCI_MANIFEST, Manifest, read_document
from tests.support.fakes.images import DOCKER, as_json, build_image, build_index, descriptor

DOCKER_MANIFEST, DOCKER_LIST = DOCKER["manifest"], DOCKER["index"]
NODE = "6f1c0f5e-7f0a-4c0e-9b8e-0f4f7c0b5a11"
DIGEST = "sha256:" + "0123456789abcdef" * 4


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _lines(*texts: str) -> list[bytes]:
    return [text.encode("utf-8", "surrogatepass") for text in texts]


REFERENCES = _lines(
    "ubuntu", "acme/app:1.0", "ghcr.io/acme/app__x/y--z:_tag.1-A", f"quay.io/acme/app:1.0@{DIGEST}", "a//b", "../x",
    "[2001:4860::1]:5000/app", "registry.example:65536/app", "app@md5:d41d8cd98f00b204e9800998ecf8427e", "a:b:c",
    "127.1/app", "user@registry.example/app", "app:\uff11\uff12", "app\u202e", "ghcr.io\\acme", "%2e%2e/app",
)  # fmt: skip
HOSTS = _lines(
    "Registry.Example.:5000", "B\u00fccher.example", "[::ffff:127.0.0.1]", "[fe80::1%eth0]", "2130706433", "0x7f.1",
    "127\u30020\u30020\u30021", "\u2460\u2461\u2466.0.0.1", "xn--bcher-kva.example", "a" * 63 + ".example",
    "8.8.8.8:443",
    "good.io\\@evil.io", "localhost.", "metadata.google.internal",
)  # fmt: skip
ADDRESSES = _lines(
    "https://hooks.example.com/drayage?a=b#top", "https://good.io\\@evil.io/", "https://[::1]:8443/",
    "//other.example/x",
    "https://user:secret@host.example/", "https://registry.example:65536/", "https://reg\tistry.example/", "/v2/x?y#z",
    "https://[fe80::1%25eth0]/", "javascript:alert(1)", "https://registry%2eexample/", "HTTPS://Host.Example.:443",
)  # fmt: skip

_image = build_image([b"one", b"two"])
_document = read_document(_image.manifest, OCI_MANIFEST)
assert isinstance(_document, Manifest)
IMAGE = _document
_item = descriptor(OCI_MANIFEST, b"x", platform={"os": "linux", "architecture": "arm64", "variant": "v8"})
_inline = descriptor("application/vnd.oci.image.layer.v1.tar", b"two", data=base64.b64encode(b"two").decode())
MANIFESTS = [
    _image.manifest,
    build_image([b"one"], docker_types=True).manifest,
    build_index({"linux/amd64": _image}),
    build_index({"linux/amd64": _image}, docker_types=True),
    as_json({"schemaVersion": 2, "manifests": [_item, {**_item, "annotations": {"a": "b"}}]}),
    as_json({**json.loads(_image.manifest), "layers": [_inline] * 3, "urls": ["https://elsewhere.example/layer"]}),
]
CONFIGS = [_image.blobs[_image.config_digest]]
CHALLENGES = _lines(
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"',
    'Basic realm="a, b=c", Negotiate dG9rZW4=, BEARER Realm = "https://x/" , scope=pull,, Digest',
    'Bearer realm="a\\"b\\\\c",realm="other"', 'Bearer realm="https://x', "Bearer realm=x y=z", "=,,\"",
)  # fmt: skip
TOKENS = _lines(
    '{"token": "abc.def", "expires_in": 300, "issued_at": "2026-11-29T00:00:00Z"}',
    '{"access_token": "x", "expires_in": -1}',
    '{"token": "a", "expires_in": 1e300}', '{"token": 5, "access_token": "\\u0000"}',
)  # fmt: skip
ERRORS = _lines(
    '{"errors": [{"code": "DENIED", "message": "<b>no</b>", "detail": {"a": [1]}}]}', '{"message": "x", "error": []}',
    "Fri, 31 Dec 2999 23:59:59 GMT", "Wed, 99 Oct 999999999999999999 07:28:00 GMT", "100;w=21600", "3599",
    '</v2/app/tags/list?n=100&last=z>; rel="next"', '<https://evil.example/v2/>; rel="next"',
    "<//evil.example/>; rel=next",
)  # fmt: skip
RANGES = _lines("bytes=0-0", "bytes=5-", "-3", "9-1", "1-2,4-5", "0-99999999999999999999", "\uff11-2", "bytes = 0 - 1")
PASTES = _lines(
    "docker login -u alice -p s3cret registry.example.com:5000", "$ sudo docker pull --platform linux/amd64 -q ubuntu",
    "echo s3cret | docker login ghcr.io -u alice --password-stdin", "-u 'a b' --password=\"x\\\"y\" https://Host/v2/",
    "aws ecr get-login-password --region eu-west-1 | docker login --username AWS --password-stdin 1.dkr.ecr.a.example",
    json.dumps({"auths": {"ghcr.io": {"auth": "YWxpY2U6czNjcmV0"}, "quay.io": {"username": "a", "password": "b"}}}),
    "echo s3 | docker login -u a --password-stdin ghcr.io <<< 's$3'", "docker run -itd -p 80:80 -e A=b acme/app:1",
    "https://github.com/acme/app/pkgs/container/app/1?tag=1.0", "docker login -u a -p $'s\\x41' \"$A\" ghcr.io # b",
    "https://hub.docker.com/r/acme/app", "printf %s 's3 cret' | podman login quay.io -u x --password-stdin \\\n",
)  # fmt: skip
GOOGLE_KEYS = _lines(
    json.dumps(
        {
            "type": "service_account",
            "client_email": "puller@acme.iam.gserviceaccount.com",
            "private_key": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
            "token_uri": "https://evil.example/token",
        }
    ),
    "ya29.a0AfB_example-token", "\ufeff'{\"type\": \"service_account\"}'", "eyJ0eXAi",
)  # fmt: skip
ENVIRONMENTS = _lines(
    'LOG_LEVEL=info\r\n\r\n# a remark\r\nURL=https://x/?a=b\n_EMPTY=\nQ="as is"', "A=1\nA=2", "1A=x", "="
)

_now = int(time.time())
CLAIMS = json.dumps(
    {
        "iss": NODE,
        "sub": NODE,
        "aud": settings.PORTAL_PUBLIC_URL,
        "exp": _now + 60,
        "iat": _now,
        "nbf": _now,
        "jti": "a",
    }
).encode()
_part = base64.urlsafe_b64encode(CLAIMS).rstrip(b"=").decode()
JWTS = _lines(
    f"eyJhbGciOiJFUzI1NiJ9.{_part}.AAAA", f"eyJhbGciOiJub25lIn0.{_part}.AA", "a.b.c", '{"alg":"ES256","crit":["b64"]}',
    '{"alg":"ES256","jwk":{}}', '{"alg":["ES256"],"typ":5,"kid":[{}]}',
)  # fmt: skip
POLLS = [
    as_json(
        {
            "capacity": {"cpu": 8, "memory_mb": 16384, "gpu": "rtx4090"},
            "instances": [
                {"id": NODE, "state": "downloading", "progress": 40, "message": "layer 2 of 3"},
                {"id": NODE[::-1], "state": "exited", "exit_code": 137, "message": "\x1b[31mkilled"},
            ],
        }
    ),
    b'{"capacity":{"cpu":1e400,"memory_mb":NaN},"instances":[[]]}',
]
_keys: list[Any] = [ec.derive_private_key(7, curve) for curve in (ec.SECP256R1(), ec.SECP384R1())]
ENROLMENTS = [as_json({"code": "dre_" + "A" * 43, "name": "node 1", "public_key": public_pem(key)}) for key in _keys]
