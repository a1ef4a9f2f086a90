"""Where a response sends us, and which redirects a request with credentials follows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from registries.failures import PullFailed, RegistryUnreachable, Service, Where, printable
from registries.oci import location
from registries.oci.errors import SHORT_BODY
from registries.oci.location import Location
from registries.oci.responses import Response

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def redirect_target(response: Response, here: Location, leads_to: Service | None = None) -> Location | None:
    """Return where a response to a request `here` sends us, with its body read; None if it is no redirect. `leads_to`
    is which service another host is, if not the one that responds.

    A proxy that ends TLS often names its own host with http:// or without its port: that stays at the origin. Raises
    `RegistryUnreachable` if the address can't be read, or leads out of TLS.
    """
    target = response.headers.get("Location")
    if response.status not in REDIRECTS or target is None:
        return None
    response.read(SHORT_BODY)
    try:
        there = location.read(target, here.url)
        if (here.scheme, there.scheme) == ("https", "http") and _means_own(here, there):
            there = location.read_within(target, here.url, here)
    except location.LocationInvalid:
        raise redirect_failure("it sent us to an address that can't be read", response) from None
    if here.scheme == "https" and there.scheme != "https":
        service = leads_to if leads_to and here.host != there.host else Service(response.where["service"])
        where: Where = {"host": response.where["host"], "service": service, "met": there.authority}
        raise RegistryUnreachable(case="unencrypted", raw="redirect", retryable=False, **where)
    return there


def _means_own(here: Location, there: Location) -> bool:
    return here.host == there.host and there.port in (80, here.port)


def follow_within(
    here: Location, send: Callable[[Location], Response], may_follow: Callable[[Location, Location], bool]
) -> Response:
    """Send a request `here`, and again wherever it is redirected to as long as it `may_follow` from one address to the
    next. Returns the last response, a redirect too if it may not be followed."""
    for _ in range(MAX_REDIRECTS + 1):
        response = send(here)
        there = redirect_target(response, here)
        if there is None or not may_follow(here, there):
            return response
        here = there
    raise redirect_failure("it sent us from one address to the next without end", response)


def note_redirect(failure: PullFailed, response: Response) -> PullFailed:
    """Have the failure of a response that is a redirect, which was not followed, say where it leads."""
    with suppress(location.LocationInvalid):
        there = location.read(response.headers.get("Location", ""), f"https://{response.where['met']}/").authority
        if response.status in REDIRECTS and isinstance(failure, RegistryUnreachable):
            failure.params["reason"] = printable(f"it sent us on to {there}", 200)
    return failure


def redirect_failure(reason: str, response: Response) -> RegistryUnreachable:
    """Return the failure of a redirect that is not followed."""
    return RegistryUnreachable(case="answer", reason=reason, raw="redirect", **response.where)
