"""How long a pull holds its credential: until it settles, whichever way."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef

from groups.models import Image
from registries.credential_rows import empty_credential
from registries.models import Credential


def settle_credential(credential_id: Any) -> bool:
    """Destroy a credential that was held for its pull, unless another pull that uses it is still going on.
    Called in the transaction that settles a pull. Returns whether it was destroyed."""
    going_on = Image.objects.unsettled().filter(credential_id=credential_id)
    credential = Credential.objects.select_for_update().filter(pk=credential_id).first()
    if credential is None or credential.hold != Credential.Hold.PULL or going_on.exists():
        return False
    return empty_credential(credential_id, because=Credential.Because.SETTLED)


def destroy_settled() -> int:
    """Destroy what was held for pulls that have all settled. Settling does so itself, in its own transaction; this is
    for whatever went past it. Returns how many there were."""
    pulls = Image.objects.filter(credential=OuterRef("pk"))
    left = Credential.objects.held().filter(Exists(pulls), ~Exists(pulls.unsettled()), hold=Credential.Hold.PULL)
    return sum(empty_credential(pk, because=Credential.Because.SETTLED) for pk in left.values_list("pk", flat=True))
