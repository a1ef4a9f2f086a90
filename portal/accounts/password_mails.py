"""Mails with a link that sets a new password, which anybody can ask for with any address.

The request stores a row and wakes a worker, whether or not the address has an account, so neither its answer nor its
time says which. The worker makes the link: it is neither in the row nor in Redis.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from django.db import transaction
from django.db.models.functions import Now

from groups.rules import wakeups
from groups.rules.wakeups import WAKEUP_LOST_AFTER
from portal.accounts import authority
from portal.accounts.password_links import create_link
from portal.mail import sending
from portal.models import PasswordMail, User
from portal.models.password_mail import KEPT
from registries.foundation.actor import PORTAL
from registries.foundation.ids import PasswordMailId

QUEUE = "notices"
MAX_WOKEN = 100


def ask(people: Sequence[User]) -> None:
    """Have a worker mail a link to the people whose accounts have an address that somebody typed; there can be none."""
    with transaction.atomic():
        for person in people or (None,):
            _wake(PasswordMail.objects.create(person=person).pk)


def send(mail_id: PasswordMailId) -> bool:
    """Mail the link of a request, once. Returns whether it was sent: not without an account, nor for one that was
    deactivated or altered. It goes to the address that the account's mark covers: whoever writes to the database can
    add another address to an account and ask for a link there."""
    waiting = PasswordMail.objects.waiting().filter(pk=mail_id)
    row = waiting.select_related("person").first()
    if row is None or not waiting.update(taken_at=Now()):
        return False
    person = row.person
    if person is None or not person.is_active:
        return False
    if not authority.may_sign_in(person):
        authority.note_altered(person, by=PORTAL)
        return False
    outcome = sending.send("new_password", person.email, {"link": create_link(person)})
    return outcome is not sending.Outcome.NOT_SENT


def sweep() -> dict[str, int]:
    """Wake workers again for requests whose wake-up was lost, and delete old ones. Returns how many of each."""
    lost = PasswordMail.objects.waiting().filter(asked_at__lt=Now() - WAKEUP_LOST_AFTER).order_by("asked_at")
    woken = wakeups.wake_again(QUEUE, _wake, list(lost.values_list("pk", flat=True)[:MAX_WOKEN]))
    old = PasswordMail.objects.filter(asked_at__lte=Now() - KEPT)
    return {"password_mails_woken": woken, "password_mails_deleted": old.delete()[0]}


def _wake(mail_id: PasswordMailId) -> None:
    transaction.on_commit(partial(wakeups.enqueue_job, QUEUE, "mail_password", str(mail_id)))
