"""Where a response sends us, and which redirects a request with credentials follows."""

from __future__ import annotations

from collections.abc import Callable

from registries.failures import RegistryUnreachable
from registries.oci import location
from registries.oci.errors import SHORT_BODY
from registries.oci.location import Location
from registries.oci.responses import Response

MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def redirect_target(response: Response, here: Location) -> Location | None:
    """Return where a response to a request `here` sends us, with its body read; None if it is no redirect. Raises
    `RegistryUnreachable` if the address can't be read, or leads out of TLS."""
    target = response.headers.get("Location")
    if response.status not in REDIRECTS or target is None:
        return None
    response.read(SHORT_BODY)
    try:
        there = location.read(target, here.url)
    except location.LocationInvalid:
        raise redirect_failure("it sent us to an address that can't be read", response) from None
    if here.scheme == "https" and there.scheme != "https":
        raise redirect_failure("it sent us from an encrypted to an unencrypted address", response)
    return there


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


def redirect_failure(reason: str, response: Response) -> RegistryUnreachable:
    """Return the failure of a redirect that is not followed."""
    return RegistryUnreachable(case="answer", reason=reason, raw="redirect", **response.where)
