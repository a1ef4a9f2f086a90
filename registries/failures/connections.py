"""Failures of the way to a registry, its sign-in service or its storage: names, connections, TLS, limits."""

from __future__ import annotations

from typing import ClassVar

from registries.failures.base import Fault, PullFailed, Words


class RateLimited(PullFailed):
    code = "rate_limited"
    fault = Fault.REGISTRY
    retryable = True
    title = "{Part} asks us to slow down"
    text = "{Who} limits how often images may be pulled, and the limit is reached."
    remedy = "Wait a while and try again, or use credentials with a higher limit."
    cases: ClassVar[dict[str, Words]] = {
        "logins": Words(
            "{Part} refuses logins for a while",
            "{Who} turns logins away for some time after several that failed: of this account, or from the portal's "
            "address. The credentials that were given now may be right.",
            "Wait some minutes and try again. If it stays so, see the account at the registry.",
        ),
    }


class RegistryUnreachable(PullFailed):
    code = "registry_unreachable"
    fault = Fault.REGISTRY
    retryable = True
    title = "{Part} can't be reached"
    text = "{Who} did not answer, or broke off: {reason}."
    remedy = (
        "Try again in a few minutes. If it stays so, check that {place} is the right host and port, and that it "
        "answers from the internet."
    )
    cases: ClassVar[dict[str, Words]] = {
        "slow": Words(
            "{Part} sends too slowly",
            "{Who} sends slower than {rate} per second, the least for an image of {size}. The larger an image is, the "
            "faster it has to arrive.",
            "Use a registry with a faster connection, or make the image smaller. Layers that have arrived are kept for "
            "the next attempt.",
        ),
        "answer": Words(
            "{Part} did not answer as it should",
            "{Who} answered, but {reason}.",
            "Try again. If it stays so, ask the registry's operator what answers at {place}: often a proxy, a sign-in "
            "page or an outage.",
        ),
        "unencrypted": Words(
            "{Part} doesn't encrypt",
            "{host} sent us to {place} without TLS (http://), though it speaks TLS itself. Nothing was sent there.",
            "Ask the registry's operator to give {part} an https:// address{or_no_redirect}.",
        ),
    }


class ResolverFailed(PullFailed):
    """Our resolver did not answer, which says nothing about the name."""

    code = "resolver_failed"
    fault = Fault.US
    retryable = True
    title = "The name of {part} can't be looked up right now"
    text = "The portal asked for the address of {place}, and its name server, or the one of that name, did not answer."
    remedy = "Try again in a few minutes. If it stays so for other registries too, tell support."


class HostUnknown(PullFailed):
    code = "host_unknown"
    fault = Fault.CUSTOMER
    title = "{Part} has an unknown host name"
    text = "The public name service (DNS) has no address for {place}."
    remedy = (
        "Check the spelling of the registry's name. A name that only a private network knows can't be used from here. "
        "One that was created just now may take a few minutes to be known."
    )
    cases: ClassVar[dict[str, Words]] = {
        "service": Words(
            "{Part} has an unknown host name",
            "{host} sent us to {place}, for which the public name service (DNS) has no address.",
            "Ask the registry's operator for a public name of {part}: the one that it names is known in its own "
            "network only.",
        ),
    }


class HostNotAllowed(PullFailed):
    """`sign_in_host` is set where the registry signs in at another `host[:port]` that a member may confirm."""

    code = "host_not_allowed"
    fault = Fault.CUSTOMER
    sign_in_host: str = ""
    title = "The address of {part} can't be used"
    text = "{Who} has no address on the public internet that the portal may connect to."
    remedy = "Use the registry's public host name, and check its spelling. An operator can open a private network."
    cases: ClassVar[dict[str, Words]] = {
        "service": Words(
            "The address of {part} can't be used",
            "{host} sent us to {place}, which has no address on the public internet that the portal may connect to.",
            "Have the registry's operator give {part} a public address{or_no_redirect}.",
        ),
        "port": Words(
            "The port of {part} can't be used",
            "{Who} is at a port that the portal doesn't connect to. It uses 443 and those above 1023, except for ports "
            "that belong to other kinds of service.",
            "Have {part} serve at port 443, or at another one above 1023.",
        ),
        "mixed": Words(
            "The address of {part} can't be used",
            "{Who} has a private address beside a public one, and the portal connects to neither of them then.",
            "Have the private addresses (A and AAAA) of {place} removed from the public name service. An operator can "
            "open a private network.",
        ),
        "realm": Words(
            "The registry signs in at another host",
            "{host} signs in at {place}, which is not known to belong to it. Nothing was sent there.",
            "If {place} belongs to whoever runs {host}, confirm that the credential may be sent there, and try again. "
            "If you don't know it, ask the registry's operator first.",
        ),
        "realm_unreadable": Words(
            "The registry doesn't say where to sign in",
            "{host} asks for a token, but the address of its sign-in service (realm) can't be read.",
            "Ask the registry's operator to set the address of its token service (realm) to a full https:// address.",
        ),
        "realm_plain": Words(
            "The registry's sign-in service doesn't encrypt",
            "{host} wants the credentials sent to {place} without TLS. They were not sent.",
            "Ask the registry's operator to set the address of its token service (realm) to https://.",
        ),
        "plain": Words(
            "{Part} doesn't encrypt",
            "{Who} doesn't speak TLS, so the credentials were not sent to it.",
            "Serve the registry over TLS, or ask the portal's operator to open its network for unencrypted HTTP. A "
            "public image can be pulled without credentials.",
        ),
    }


class TlsInvalid(PullFailed):
    code = "tls_invalid"
    fault = Fault.CUSTOMER
    title = "The certificate of {part} can't be trusted"
    text = "{Who} showed a certificate that can't be verified. Nothing was sent to it."
    remedy = (
        "If a private authority issued it, enter that authority's certificate (PEM) with the credential, or ask the "
        "portal's operator to trust it. An expired certificate, or one for another name, must be replaced."
    )
    cases: ClassVar[dict[str, Words]] = {
        "expired": Words(
            "The certificate of {part} has expired",
            "{Who} showed a certificate whose time is over, or has not begun. Nothing was sent to it.",
            "Have the certificate of {place} renewed, and try again. Another authority or another credential doesn't "
            "help.",
        ),
        "other_name": Words(
            "The certificate of {part} is for another name",
            "{Who} showed a certificate that doesn't name {place}. Nothing was sent to it.",
            "For {place}, have a certificate issued that names it. If it is the registry's own and right for another "
            "name, use that name in the image.",
        ),
        "unknown_authority": Words(
            "The certificate of {part} is from an unknown authority",
            "{Who} showed a certificate that is self-signed, from an authority that is not public, or sent without its "
            "intermediate certificates. Nothing was sent to it.",
            "Enter the authority's certificate (PEM) with the credential, or ask the portal's operator to trust it. If "
            "the authority is a public one, have {place} send its whole chain (fullchain.pem).",
        ),
        "downgraded": Words(
            "The registry no longer speaks TLS",
            "{host} has spoken TLS before and doesn't now. Nothing was sent to it unencrypted.",
            "Somebody may be intercepting the connection: ask the registry's operator. If TLS was switched off on "
            "purpose, switch it on again, or ask the portal's operator to forget that it was there.",
        ),
    }
