"""The worker's part of a sign-in: exchange the code, verify the ID token, store the claims for the browser that began
it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import structlog

from portal.accounts.sso.clients import Client, client_of, redirect_uri
from portal.accounts.sso.discovery import Configuration, read_configuration
from portal.accounts.sso.id_token import verify_id_token
from portal.accounts.sso.problems import SignInFailed
from portal.accounts.sso.provider_connection import ProviderConnection
from portal.accounts.sso.providers import store_configuration
from portal.models import SsoProvider, SsoSignIn
from registries.foundation.clock import database_now
from registries.foundation.ids import SsoProviderId, SsoSignInId
from registries.secrets import at_rest, sign_in_seal
from registries.secrets.sign_in_seal import Sealed, SignInSealBroken

MAX_TEXT_LENGTH = 254
Status = SsoSignIn.Status

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Claims:
    """What a provider says of a person, verified. `at` is when, and `signed_in_at` when they signed in there, 0 if it
    doesn't say; in seconds since 1970."""

    issuer: str
    subject: str
    email: str
    is_email_verified: bool
    sid: str
    meets_requirement: bool
    at: float
    signed_in_at: float = 0.0


def configure(provider_id: SsoProviderId) -> None:
    """Read the discovery document of a provider, and store its addresses or what is wrong."""
    provider = SsoProvider.objects.get(pk=provider_id)
    try:
        client = client_of(provider)
        with ProviderConnection(client.issuer) as connection:
            store_configuration(provider, read_configuration(connection, client.issuer))
    except SignInFailed as failure:
        log.warning("sso_provider_refused", provider=str(provider_id), code=failure.code)
        store_configuration(provider, None, failure.code)


def verify(sign_in_id: SsoSignInId) -> bool:
    """Exchange the code of a sign-in and store the verified claims, or why there are none. Returns whether it was
    verified; False as well if it was done before, or has expired."""
    waiting = SsoSignIn.objects.in_time().filter(pk=sign_in_id, status=Status.EXCHANGING, sealed__isnull=False)
    row = waiting.select_related("provider").first()
    # Taking the code out is taking the sign-in: another worker finds none.
    if row is None or not waiting.update(sealed=None):
        return False
    rows = SsoSignIn.objects.filter(pk=sign_in_id, status=Status.EXCHANGING)
    code = "sso_internal"
    try:
        claims, refresh = _exchange(row)
        result = at_rest.encrypt(json.dumps(asdict(claims)).encode(), bound_to=bound_to(row))
        rows.update(status=Status.VERIFIED, result=result, refresh=refresh)
        return True
    except SignInFailed as failure:
        code = failure.code
    finally:
        if rows.update(status=Status.REFUSED, problem=code):
            log.warning("sso_sign_in_refused", sign_in=str(row.pk), provider=str(row.provider_id), code=code)
    return False


def bound_to(row: SsoSignIn) -> str:
    """Return what the sealed code and the stored claims of a sign-in are bound to."""
    return f"sign-in {row.pk} of provider {row.provider_id} with state {row.state_hash}"


def read_claims(row: SsoSignIn) -> Claims:
    """Return the claims of a verified sign-in. Raises AtRestBroken if they are another one's, or were changed."""
    return Claims(**json.loads(at_rest.decrypt(row.result or b"", bound_to=bound_to(row))))


def seal_refresh_token(token: str, provider_id: SsoProviderId, subject: str) -> bytes:
    """Return a refresh token sealed for workers, for this subject of this provider."""
    return sign_in_seal.seal({"token": token}, Sealed.REFRESH_TOKEN, f"{provider_id}|{subject}")


def post_to_token_endpoint(
    connection: ProviderConnection, configuration: Configuration, client: Client, fields: Mapping[str, str]
) -> tuple[int, dict[str, object]]:
    """Post to the token endpoint as this client. Raises SignInFailed."""
    if client.secret and not configuration.client_in_body:
        return connection.post(configuration.token, fields, client=(client.client_id, client.secret))
    extra = {"client_id": client.client_id} | ({"client_secret": client.secret} if client.secret else {})
    return connection.post(configuration.token, {**fields, **extra})


def meets_requirement(provider: SsoProvider, claims: Mapping[str, object]) -> bool:
    """Whether the claims have what the organization requires: the value itself, or a list with it."""
    if not provider.required_claim:
        return True
    found = claims.get(provider.required_claim)
    values = found if isinstance(found, list) else [found]
    return provider.required_value in [str(value) for value in values if isinstance(value, str | int)]


def _exchange(row: SsoSignIn) -> tuple[Claims, bytes | None]:
    provider = row.provider
    client = client_of(provider)
    try:
        sealed = sign_in_seal.unseal(row.sealed, Sealed.CODE, bound_to(row))
    except SignInSealBroken:
        raise SignInFailed("sso_state") from None
    with ProviderConnection(client.issuer) as connection:
        configuration = read_configuration(connection, client.issuer)
        fields = {
            "grant_type": "authorization_code",
            "code": sealed["code"],
            "redirect_uri": redirect_uri(provider),
            "code_verifier": sealed["verifier"],
        }
        status, tokens = post_to_token_endpoint(connection, configuration, client, fields)
        if status != 200:
            raise SignInFailed(_refused(status, tokens))
        token = tokens.get("id_token")
        if not isinstance(token, str):
            raise SignInFailed("sso_token_missing")
        _, jwks = connection.get(configuration.jwks)
        verified = verify_id_token(
            token,
            jwks,
            issuer=client.issuer,
            client_id=client.client_id,
            nonce=sealed["nonce"],
            now=database_now(),
        )
        verified = _with_userinfo(connection, configuration, tokens, verified, provider)
    subject = str(verified["sub"])
    refresh = tokens.get("refresh_token")
    claims = Claims(
        issuer=client.issuer,
        subject=subject,
        email=_text(verified.get("email")).strip().lower(),
        is_email_verified=verified.get("email_verified") is True,
        sid=_text(verified.get("sid")),
        meets_requirement=meets_requirement(provider, verified),
        at=database_now().timestamp(),
        signed_in_at=_number(verified.get("auth_time")),
    )
    is_kept = isinstance(refresh, str) and 0 < len(refresh) <= 8192
    return claims, seal_refresh_token(str(refresh), provider.pk, subject) if is_kept else None


def _with_userinfo(
    connection: ProviderConnection,
    configuration: Configuration,
    tokens: Mapping[str, object],
    claims: dict[str, object],
    provider: SsoProvider,
) -> dict[str, object]:
    """Add what the ID token lacks from the user information, which some providers need to be asked for."""
    wanted = {"email", "email_verified"} | ({provider.required_claim} if provider.required_claim else set())
    bearer = tokens.get("access_token")
    if wanted <= set(claims) or not configuration.userinfo or not isinstance(bearer, str):
        return claims
    status, found = connection.get(configuration.userinfo, bearer=bearer)
    if status != 200:
        return claims
    if found.get("sub") != claims["sub"]:
        raise SignInFailed("sso_userinfo_other")
    # The address and whether it is verified come from one place.
    added = wanted - {"email", "email_verified"} if "email" in claims and "email_verified" in claims else wanted
    return claims | {name: found[name] for name in added if name in found}


def _refused(status: int, answer: Mapping[str, object]) -> str:
    """The code of a problem for an error of the token endpoint."""
    error = answer.get("error")
    if error in ("invalid_client", "unauthorized_client") or status == 401:
        return "sso_client_refused"
    return "sso_code_refused" if error == "invalid_grant" else "sso_token_refused"


def _text(value: object) -> str:
    """A claim that is text of a usable length; empty otherwise."""
    is_usable = isinstance(value, str) and len(value) <= MAX_TEXT_LENGTH and value.isprintable()
    return str(value) if is_usable else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
