"""Cases for the actions of support: conversations, consent, and the desk."""

from __future__ import annotations

from functools import partial

from groups.models import Failure
from portal.models import FailureCase, SupportRequest
from portal.support import consent, conversations
from portal.support.desk import actions as desk
from portal.support.queries import last_message_key
from tests.support.action_cases import Call, Case, Cast
from tests.support.actors import acting
from tests.support.conversations import failure_of


def _asked(cast: Cast, *, failure: Failure | None = None, shares: bool = False) -> SupportRequest:
    kind = "failure" if failure else "other"
    return conversations.ask(cast.acme, by=acting(cast.bob), kind=kind, failure=failure, message="Why?", shares=shares)


def _ask(cast: Cast) -> Call:
    return partial(conversations.ask, cast.acme, by=acting(cast.bob), kind="other", message="Why?")


def _reply(cast: Cast) -> Call:
    return partial(conversations.reply, _asked(cast), by=acting(cast.alice), text="Here too.")


def _solve(cast: Cast) -> Call:
    return partial(conversations.solve, _asked(cast), by=acting(cast.bob), was="new")


def _answer(cast: Cast) -> Call:
    request = _asked(cast)
    was = last_message_key(request)
    return partial(conversations.answer, request, by=acting(cast.sam), was=was, text="On the left.", to="solved")


def _share(cast: Cast) -> Call:
    return partial(consent.share, _asked(cast, failure=failure_of(cast.acme)), by=acting(cast.bob))


def _stop_sharing(cast: Cast) -> Call:
    failure = failure_of(cast.acme)
    _asked(cast, failure=failure, shares=True)
    return partial(consent.stop_sharing, failure, by=acting(cast.bob))


def _log_view(cast: Cast) -> Call:
    return partial(desk.log_view, failure_of(cast.acme), by=acting(cast.sam), saw_all=False)


def _mark_seen(cast: Cast) -> Call:
    return partial(desk.mark_seen, FailureCase(failure=failure_of(cast.acme)), by=acting(cast.sam))


def _move(cast: Cast) -> Call:
    return partial(desk.move, FailureCase(failure=failure_of(cast.acme)), by=acting(cast.sam), was="new", to="solved")


def _note(cast: Cast) -> Call:
    return partial(desk.note, _asked(cast), by=acting(cast.sam), was=desk.digest_of(""), text="Wrong account.")


CASES = [
    Case("portal.support.conversations.ask", _ask),
    Case("portal.support.conversations.reply", _reply),
    Case("portal.support.conversations.solve", _solve),
    Case("portal.support.conversations.answer", _answer),
    Case("portal.support.consent.share", _share),
    Case("portal.support.consent.stop_sharing", _stop_sharing),
    Case("portal.support.desk.actions.log_view", _log_view),
    Case("portal.support.desk.actions.mark_seen", _mark_seen),
    Case("portal.support.desk.actions.move", _move),
    Case("portal.support.desk.actions.note", _note),
]
