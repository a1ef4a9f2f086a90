"""Which failure an exception of a connection means: which service, at which host, did not do its part."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator

from registries.failures import PullFailed, RegistryUnreachable, Service, TlsInvalid, Where

NOT_TLS = "it does not speak TLS there"
BROKE_OFF = "it broke off the connection"
_TLS_FAILED = "the encrypted connection could not be established"
_NO_ANSWER = "it did not answer in time"
_REFUSED = "it refused the connection"

# OpenSSL's codes for an answer that is no record of TLS; an alert is one.
_ANSWERS_WITHOUT_TLS = frozenset({"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"})
_OLD_TLS = "it speaks only old versions of TLS"
_NO_CERTIFICATE = "it has no certificate for this name"
_CLIENT_CERTIFICATE = "it asks for a client certificate, which the portal has none of"
_ONE_OF_THEM = "it has no certificate for this name, or asks for one of the client"
_TLS_REASONS = {
    "UNSUPPORTED_PROTOCOL": _OLD_TLS,
    "TLSV1_ALERT_PROTOCOL_VERSION": _OLD_TLS,
    "TLSV1_UNRECOGNIZED_NAME": _NO_CERTIFICATE,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": _CLIENT_CERTIFICATE,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _ONE_OF_THEM,
    "TLSV1_ALERT_INTERNAL_ERROR": _ONE_OF_THEM,
}
"""What servers mean by their alerts: Cloudflare and Caddy end the handshake so where they have no certificate, others
where they want one."""

_NOT_HTTP = (http.client.BadStatusLine, http.client.LineTooLong, http.client.UnknownProtocol)
"""Not that the connection was closed without an answer, which http.client takes for an invalid one as well."""

# X509_V_ERR_… of OpenSSL. A certificate that is not valid yet is a matter of time as well.
_EXPIRED = dict.fromkeys((9, 10), "expired")
_OTHER_NAME = dict.fromkeys((62, 64), "other_name")
_UNKNOWN_AUTHORITY = dict.fromkeys((2, 18, 19, 20, 21, 24, 27), "unknown_authority")
_TLS_CASES = _EXPIRED | _OTHER_NAME | _UNKNOWN_AUTHORITY


def transport_failure(error: BaseException, host: str, service: str = Service.REGISTRY, met: str = "") -> PullFailed:
    """Return the failure that an exception of sockets, TLS or HTTP means, at which of the services of the registry
    `host`. `met` is the `host[:port]` that was asked; "" is `host`."""
    where: Where = {"host": host, "service": service, "met": met or host}
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            case = _TLS_CASES.get(cause.verify_code, "unverified")
            return TlsInvalid(case=case, raw=f"certificate {cause.verify_code}", **where)
    for cause in causes:
        if isinstance(cause, TimeoutError):
            return RegistryUnreachable(**where, reason=_NO_ANSWER, raw="timeout")
        if isinstance(cause, ConnectionRefusedError):
            return RegistryUnreachable(**where, reason=_REFUSED, raw="refused")
        if isinstance(cause, ssl.SSLError):
            if isinstance(cause, ssl.SSLEOFError):
                return RegistryUnreachable(**where, reason=BROKE_OFF, raw="tls eof")
            code = str(getattr(cause, "reason", None) or "")
            reason = NOT_TLS if code in _ANSWERS_WITHOUT_TLS else _TLS_REASONS.get(code, _TLS_FAILED)
            return RegistryUnreachable(**where, reason=reason, raw=f"tls {code}".strip())
    for cause in causes:
        if isinstance(cause, _NOT_HTTP) and not isinstance(cause, ConnectionError):
            reason = "it answered with something else than HTTP, or with headers that are too large"
            return RegistryUnreachable(**where, case="answer", reason=reason, raw=type(cause).__name__)
    return RegistryUnreachable(**where, reason=BROKE_OFF, raw=type(causes[-1]).__name__)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps in any of the ways of requests and urllib3."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if id(current) in seen or isinstance(current, PullFailed):  # of an earlier request, which this one replaces
            continue
        seen.add(id(current))
        yield current
        wrapped = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        pending += [other for other in wrapped if isinstance(other, BaseException)]
