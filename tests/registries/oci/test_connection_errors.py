"""What an exception of a connection means, and whom it names."""

from __future__ import annotations

import http.client
import ssl

import pytest

from registries.failures import PullFailed, RegistryUnreachable, Service, registry_itself
from registries.oci.connection_errors import transport_failure


def test_what_transport_errors_mean() -> None:
    def wrapped(cause: Exception) -> PullFailed:
        try:
            try:
                raise cause
            except Exception as error:
                raise OSError("outer", error) from error
        except OSError as outer:
            return transport_failure(outer, "r.example")

    certificate = ssl.SSLCertVerificationError(1, "self-signed")
    certificate.verify_code = 18
    assert wrapped(certificate).code == "tls_invalid"
    assert wrapped(certificate).raw == "certificate 18"
    refused = ssl.SSLError(1, "version")
    refused.reason = "WRONG_VERSION_NUMBER"
    found = [
        (wrapped(error).code, wrapped(error).raw, wrapped(error).params)
        for error in (TimeoutError(), ConnectionRefusedError(), ConnectionResetError(), refused)
    ]
    assert found == [
        (
            "registry_unreachable",
            raw,
            {"host": "r.example", "service": "registry", "met": "r.example", "reason": reason},
        )
        for raw, reason in [
            ("timeout", "it did not answer in time"),
            ("refused", "it refused the connection"),
            ("ConnectionResetError", "it broke off the connection"),
            ("tls WRONG_VERSION_NUMBER", "it does not speak TLS there"),
        ]
    ]


def test_the_cause_is_found_in_whatever_way_it_is_wrapped() -> None:
    """As requests and urllib3 do it: raised from it, raised during it, as an argument, as `reason`."""
    cause, context, reason = OSError(), OSError(), OSError()
    cause.__cause__ = TimeoutError()
    context.__context__ = TimeoutError()
    reason.reason = TimeoutError()  # type: ignore[attr-defined]
    for error in (cause, context, reason, OSError("x", TimeoutError()), OSError(OSError(TimeoutError()))):
        assert transport_failure(error, "r.example").raw == "timeout"
    circle = OSError()
    circle.__context__ = OSError(circle)
    assert transport_failure(circle, "r.example").raw == "OSError"
    circle.args = (TimeoutError(), circle)
    assert transport_failure(circle, "r.example").raw == "timeout"
    # A certificate that is not trusted counts more than what came of it.
    certificate = ssl.SSLCertVerificationError()
    certificate.verify_code = 18
    assert transport_failure(OSError(TimeoutError(), certificate), "r.example").code == "tls_invalid"


@pytest.mark.parametrize(
    ("code", "case", "remedy"),
    [
        (9, "expired", "renewed"),
        (10, "expired", "renewed"),
        (62, "other_name", "have a certificate issued that names"),
        (64, "other_name", "have a certificate issued that names"),
        (18, "unknown_authority", "Enter the authority's certificate (PEM)"),
        (19, "unknown_authority", "Enter the authority's certificate (PEM)"),
        (20, "unknown_authority", "fullchain.pem"),
        (21, "unknown_authority", "fullchain.pem"),
        (66, "unverified", "must be replaced"),
    ],
)
def test_three_faults_of_tls_have_three_remedies(code: int, case: str, remedy: str) -> None:
    """harbor#20588 and many "x509" reports: expired, for another name, from an unknown authority."""
    certificate = ssl.SSLCertVerificationError()
    certificate.verify_code = code
    failure = transport_failure(certificate, "harbor.example", Service.STORAGE, "minio.example:9000")
    assert (failure.code, failure.params["case"], failure.keeps_credential) == ("tls_invalid", case, True)
    assert remedy in failure.words.remedy
    assert "the storage minio.example:9000 of the registry harbor.example" in failure.words.text.lower()
    assert failure.words.title.startswith("The certificate of the registry's storage")


@pytest.mark.parametrize("service", list(Service))
@pytest.mark.parametrize("error", [TimeoutError(), ConnectionRefusedError(), ConnectionResetError(), ssl.SSLEOFError()])
def test_each_names_the_service_and_host_that_was_met(error: Exception, service: Service) -> None:
    failure = transport_failure(error, "harbor.example", service, "elsewhere.example")
    assert (failure.params["service"], failure.params["met"]) == (service, "elsewhere.example")
    assert "elsewhere.example" in failure.words.text
    assert "harbor.example" in failure.words.text


@pytest.mark.parametrize(
    ("alert", "said"),
    [
        ("TLSV1_ALERT_PROTOCOL_VERSION", "old versions"),
        ("TLSV1_UNRECOGNIZED_NAME", "no certificate for this name"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "a client certificate"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "it has no certificate for this name, or asks for one of the client"),
        ("SOMETHING_NEW", "could not be established"),
    ],
)
def test_why_a_handshake_ends(alert: str, said: str) -> None:
    error = ssl.SSLError(1, "alert")
    error.reason = alert
    failure = transport_failure(error, "r.example")
    assert said in str(failure.params["reason"])
    assert failure.raw == f"tls {alert}"


@pytest.mark.parametrize(
    ("error", "raw", "case"),
    [
        (http.client.BadStatusLine("SSH-2.0-OpenSSH_9"), "BadStatusLine", "answer"),
        (http.client.LineTooLong("header line"), "LineTooLong", "answer"),
        (http.client.RemoteDisconnected(""), "RemoteDisconnected", None),
        (http.client.IncompleteRead(b""), "IncompleteRead", None),
    ],
)
def test_what_is_not_http_did_not_break_off(error: Exception, raw: str, case: str | None) -> None:
    """The port of SSH, or a proxy with very long headers."""
    failure = transport_failure(error, "r.example")
    assert (failure.raw, failure.params.get("case"), failure.retryable) == (raw, case, True)
    assert len(str(failure.params["reason"])) < 80, "it is shown whole"


def test_an_earlier_request_is_not_the_cause() -> None:
    """The unencrypted one that follows the one over TLS."""
    later = OSError()
    later.__context__ = RegistryUnreachable(reason="it does not speak TLS there", **registry_itself("r.example"))
    assert transport_failure(later, "r.example").raw == "OSError"
