"""An OpenID Connect provider that lies as a test asks: a process of its own, without a login form.

    python -m tests.support.fakes.lying_provider 9401

`PUT /lie` with `{"lie": …, "claims": {…}}` says what it does from now on. Without a lie it is honest.
"""

from __future__ import annotations

import base64
import hmac
import json
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import RSAKey

KEY = RSAKey.generate_key(2048, parameters={"kid": "first", "use": "sig"})
OTHER = RSAKey.generate_key(2048, parameters={"kid": "first", "use": "sig"})
SMALL = RSAKey.generate_key(1024, parameters={"kid": "first", "use": "sig"})
CLIENT = "drayage"


class State:
    """What it was told, and what it was asked."""

    lie = ""
    claims: dict[str, Any] = {}
    nonce: dict[str, str] = {}
    asked: list[dict[str, Any]] = []


class LyingProvider(BaseHTTPRequestHandler):
    """Answers as an OpenID Connect provider would, but for the lie."""

    protocol_version = "HTTP/1.1"

    @property
    def issuer(self) -> str:
        assert isinstance(self.server, ThreadingHTTPServer)
        return f"http://localhost:{self.server.server_port}"

    def log_message(self, *_: object) -> None:
        """Be silent."""

    def do_PUT(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        State.lie, State.claims = told.get("lie", ""), told.get("claims", {})
        State.asked.clear()
        self._json({})

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path == "/asked":
            self._json({"asked": State.asked})
        elif path.endswith("/.well-known/openid-configuration"):
            self._discovery()
        elif path == "/authorize":
            code = base64.urlsafe_b64encode(query["nonce"][0].encode()).decode()
            answer = {"code": code, "state": query["state"][0]}
            self._redirect(f"{query['redirect_uri'][0]}?{urlencode(answer)}")
        elif path == "/jwks":
            self._jwks()
        elif path == "/userinfo":
            subject = "somebody-else" if State.lie == "userinfo_other" else "s-1"
            self._json({"sub": subject, "email": "bob@acme.example", "email_verified": True})
        elif path == "/logout-token":
            self._json({"logout_token": self._sign(self._logout_claims())})
        else:
            self._json({}, 404)

    def do_POST(self) -> None:
        form = {name: values[0] for name, values in parse_qs(self._body()).items()}
        State.asked.append(form | {"authorization": self.headers.get("Authorization", "")})
        if State.lie == "token_redirects":
            self._redirect("http://localhost:1/elsewhere")
        elif State.lie == "token_endless":
            self._endless()
        elif State.lie == "token_not_json":
            self._send(b"<html>", 200)
        elif State.lie == "token_deep":
            self._send(b'{"a":' * 100_000, 200)
        elif State.lie in ("invalid_grant", "invalid_client", "server_error"):
            self._json({"error": State.lie, "error_description": "<script>alert(1)</script> secret-text"}, 400)
        elif form.get("grant_type") == "refresh_token":
            self._json({"access_token": "a", "refresh_token": "r-2", "token_type": "Bearer"})
        else:
            nonce = base64.urlsafe_b64decode(form["code"]).decode()
            tokens = {"access_token": "a", "refresh_token": "r-1", "token_type": "Bearer"}
            if State.lie != "no_id_token":
                tokens["id_token"] = self._id_token(nonce)
            self._json(tokens)

    def _discovery(self) -> None:
        if State.lie == "discovery_redirects":
            self._redirect(f"{self.issuer}/elsewhere/.well-known/openid-configuration")
        elif State.lie == "discovery_missing":
            self._json({}, 404)
        elif State.lie == "discovery_endless":
            self._endless()
        else:
            self._json(self._document())

    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
        }
        changes: dict[str, dict[str, Any]] = {
            "discovery_issuer": {"issuer": "https://other.example"},
            "discovery_slash": {"issuer": f"{self.issuer}/"},
            "jwks_private": {"jwks_uri": "https://10.1.2.3/jwks"},
            "jwks_metadata": {"jwks_uri": "https://169.254.169.254/latest"},
            "token_insecure": {"token_endpoint": "http://8.8.8.8/token"},
            "authorize_script": {"authorization_endpoint": "javascript:alert(1)"},
            "authorize_user": {"authorization_endpoint": "https://user:secret@login.example/"},
            "no_jwks": {"jwks_uri": None},
            "names_issuer": {"authorization_response_iss_parameter_supported": True},
            "secret_in_body": {"token_endpoint_auth_methods_supported": ["client_secret_post"]},
        }
        return document | changes.get(State.lie, {})

    def _jwks(self) -> None:
        key = SMALL if State.lie == "small_key" else KEY
        keys = [key.as_dict(private=False)]
        if State.lie == "two_keys":
            keys.append(OTHER.as_dict(private=False))
        self._json({"keys": [] if State.lie == "no_keys" else keys})

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": "s-1",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "email": "bob@acme.example",
            "email_verified": True,
            "auth_time": now,
        }
        changes: dict[str, dict[str, Any]] = {
            "issuer": {"iss": "https://other.example"},
            "issuer_slash": {"iss": f"{self.issuer}/"},
            "audience": {"aud": "another-client"},
            "audiences": {"aud": [CLIENT, "another-client"]},
            "party": {"azp": "another-client"},
            "nonce": {"nonce": "n" * 43},
            "no_nonce": {"nonce": None},
            "expired": {"exp": now - 3600, "iat": now - 7200},
            "no_expiry": {"exp": None},
            "issued_later": {"iat": now + 3600, "exp": now + 7200},
            "not_before": {"nbf": now + 3600},
            "no_subject": {"sub": None},
            "long_subject": {"sub": "s" * 256},
            "no_issued": {"iat": None},
            "unverified": {"email_verified": False},
            "verified_as_text": {"email_verified": "true"},
            "no_email": {"email": None, "email_verified": None},
            "userinfo_other": {"email": None, "email_verified": None},
        }
        claims |= changes.get(State.lie, {}) | State.claims
        return self._sign({name: value for name, value in claims.items() if value is not None})

    def _logout_claims(self) -> dict[str, Any]:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": "s-1",
            "aud": CLIENT,
            "iat": now,
            "jti": "j-1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        return {name: value for name, value in (claims | State.claims).items() if value is not None}

    def _sign(self, claims: Mapping[str, Any]) -> str:
        payload = json.dumps(claims).encode()
        if State.lie == "alg_none":
            parts = (json.dumps({"alg": "none", "kid": "first"}).encode(), payload)
            return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."
        if State.lie == "alg_public_key":
            parts = (json.dumps({"alg": "HS256", "kid": "first"}).encode(), payload)
            signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
            made = hmac.digest(KEY.as_pem(private=False), signed, "sha256")
            return f"{signed.decode()}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"
        if State.lie == "crit":
            header = {"alg": "RS256", "kid": "first", "crit": ["exp"], "exp": 1}
            protected = base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
            return f"{protected}.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.AAAA"
        kid = "unknown" if State.lie == "unknown_key" else "first"
        key = {"other_key": OTHER, "small_key": SMALL}.get(State.lie, KEY)
        return jws.serialize_compact({"alg": "RS256", "kid": kid}, payload, key)

    def _body(self) -> str:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" " * 65536)
        except OSError:
            pass

    def _redirect(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, document: Mapping[str, Any], status: int = 200) -> None:
        self._send(json.dumps(document).encode(), status)

    def _send(self, body: bytes, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), LyingProvider).serve_forever()
