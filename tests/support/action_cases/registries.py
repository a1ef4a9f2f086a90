"""Cases of the actions on credentials."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django.utils import timezone

from registries import actions
from registries.credential_rows import NewCredential
from registries.foundation.actor import CONSOLE, PORTAL
from registries.models import Credential, TlsHost
from registries.trusts.actions import NewTrust, add_trust, remove_trust, rename_trust
from tests.support.action_cases import Call, Case, Cast
from tests.support.actors import acting
from tests.support.pulls import SECRET, USER, make_credential

HOST = "registry.example.com"


def _add(cast: Cast) -> Call:
    typed = NewCredential(
        provider="self_hosted", name="builds", host=HOST, values={"username": USER, "password": SECRET}
    )
    return partial(actions.add_credential, typed, organization_id=cast.acme.pk, by=acting(cast.alice))


def _rename(cast: Cast) -> Call:
    return partial(actions.rename, make_credential(cast.acme, HOST), name="builds", by=acting(cast.alice))


def _confirm_sign_in_host(cast: Cast) -> Call:
    credential = make_credential(cast.acme, HOST)
    return partial(actions.confirm_sign_in_host, credential, host="git.example.com", by=acting(cast.alice))


def _replace_host(cast: Cast) -> Call:
    credential = make_credential(cast.acme, HOST)
    return partial(actions.replace_host, credential, name="builds", host="other.example.com", by=acting(cast.alice))


def _destroy(cast: Cast) -> Call:
    credential = make_credential(cast.acme, HOST)
    return partial(actions.destroy, credential, reason=Credential.DestructionReason.REMOVED, by=acting(cast.bob))


def _destroy_as_operator(cast: Cast) -> Call:
    credential = make_credential(cast.acme, HOST)
    return partial(actions.destroy, credential, reason=Credential.DestructionReason.OPERATOR, by=CONSOLE)


def _destroy_overdue(cast: Cast) -> Call:
    credential = make_credential(cast.acme, HOST)
    Credential.objects.filter(pk=credential.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    return partial(actions.destroy_overdue, by=PORTAL)


def _destroy_unopenable(cast: Cast) -> Call:
    credential = make_credential(cast.acme, HOST)
    Credential.objects.filter(pk=credential.pk).update(epoch=0)
    return partial(actions.destroy_unopenable, by=PORTAL)


def _erase_names(cast: Cast) -> Call:
    credential = make_credential(cast.acme, HOST)
    actions.rename(credential, name="builds", by=acting(cast.alice))
    actions.destroy(credential, reason=Credential.DestructionReason.REMOVED, by=acting(cast.bob))
    return partial(actions.erase_names, credential, by=acting(cast.bob))


def _forget_tls(cast: Cast) -> Call:
    return partial(actions.forget_tls, TlsHost.objects.create(host=HOST).pk, by=CONSOLE)


def _add_trust(cast: Cast) -> Call:
    new = NewTrust(name="quay", provider="quay", host="quay.io", settings={"robot": "acme+drayage"})
    return partial(add_trust, new, organization_id=cast.acme.pk, by=acting(cast.bob))


def _rename_trust(cast: Cast) -> Call:
    return partial(rename_trust, _add_trust(cast)(), name="builds", by=acting(cast.bob))


def _remove_trust(cast: Cast) -> Call:
    return partial(remove_trust, _add_trust(cast)(), by=acting(cast.bob))


CASES = [
    Case("registries.trusts.actions.add_trust", _add_trust),
    Case("registries.trusts.actions.rename_trust", _rename_trust),
    Case("registries.trusts.actions.remove_trust", _remove_trust),
    Case("registries.actions.add_credential", _add),
    Case("registries.actions.rename", _rename),
    Case("registries.actions.confirm_sign_in_host", _confirm_sign_in_host),
    Case("registries.actions.replace_host", _replace_host),
    Case("registries.actions.destroy", _destroy),
    Case("registries.actions.destroy", _destroy_as_operator),
    Case("registries.actions.destroy_overdue", _destroy_overdue),
    Case("registries.actions.destroy_unopenable", _destroy_unopenable),
    Case("registries.actions.erase_names", _erase_names),
    Case("registries.actions.forget_tls", _forget_tls),
]
