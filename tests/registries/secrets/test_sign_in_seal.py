"""What the web zone seals for sign-ins opens in the worker zone, in its own place, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from registries.secrets import sign_in_seal
from registries.secrets.keyring import KeyUnavailable
from registries.secrets.sign_in_seal import Sealed, SignInSealBroken, seal, unseal

pytestmark = pytest.mark.usefixtures("_keys")


def test_a_worker_opens_it() -> None:
    assert unseal(seal({"code": "c"}, Sealed.CODE, "row"), Sealed.CODE, "row") == {"code": "c"}


def test_the_web_zone_does_not(settings: Any) -> None:
    settings.PORTAL_ZONE = "web"
    sealed = seal({"code": "c"}, Sealed.CODE, "row")
    with pytest.raises(KeyUnavailable):
        unseal(sealed, Sealed.CODE, "row")


@pytest.mark.parametrize(("purpose", "row"), [(Sealed.CLIENT, "row"), (Sealed.CODE, "other")])
def test_not_in_another_place(purpose: Sealed, row: str) -> None:
    with pytest.raises(SignInSealBroken):
        unseal(seal({"code": "c"}, Sealed.CODE, "row"), purpose, row)


@pytest.mark.parametrize("sealed", [None, b"", b"x", b"x" * 2000])
def test_what_nobody_sealed(sealed: bytes | None) -> None:
    with pytest.raises(SignInSealBroken):
        unseal(sealed, Sealed.CODE, "row")


def test_no_exception_has_the_values() -> None:
    sealed = sign_in_seal.seal({"secret": "canary"}, Sealed.CLIENT, "row")
    with pytest.raises(SignInSealBroken) as raised:
        unseal(sealed[:-1], Sealed.CLIENT, "row")
    assert "canary" not in str(raised.value)
