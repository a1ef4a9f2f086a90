"""Finding things of one organization by a few words, in a number of queries that does not grow.

Each word must occur. What a role may not open is not found. How it looks is the templates'; which pages there are for
whom is `portal.organizations.permissions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from django.db.models import Case, IntegerField, Model, Q, QuerySet, Value, When

from groups.models import ContainerGroup, Failure
from portal.models import Invitation, Membership, Role
from portal.organizations.permissions import PAGES
from registries.models import Credential
from registries.providers import PROVIDERS, Provider

MAX_LENGTH = 512
"""As long as an image reference may be: people paste those."""
MAX_WORDS = 6
Row = TypeVar("Row", bound=Model)
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})…?")


@dataclass(frozen=True)
class Place:
    """A page that is found by its name, or by other words for what is done there."""

    name: str
    view: str
    icon: str
    words: str = ""
    in_project: bool = False


PLACES = (
    Place("Overview", "portal:organization", "home", "home start dashboard"),
    Place("Groups", "groups:list", "stack-2", "containers images list", in_project=True),
    Place("New group", "groups:new", "plus", "create add container image pull", in_project=True),
    Place("Registries", "registries:list", "building-warehouse", "credentials receipts secrets"),
    Place("Add a credential", "registries:new", "plus", "new registry password token"),
    Place("Team", "portal:members", "users", "members people invite roles leave settings"),
    Place("Activity", "portal:activity", "history", "audit log history who did what"),
    Place("API keys", "portal:api_keys", "key", "tokens programs sdk"),
    Place("Notifications", "portal:notifications", "bell", "webhooks e-mails emails mail settings"),
    Place("Support", "portal:support", "lifebuoy", "help question contact"),
)


@dataclass
class SearchResults:
    """What fits, a few of each kind; `more` names the kinds of which there is more."""

    text: str
    groups: Sequence[ContainerGroup] = ()
    credentials: Sequence[Credential] = ()
    failures: Sequence[Failure] = ()
    members: Sequence[Membership] = ()
    invitations: Sequence[Invitation] = ()
    guides: Sequence[Provider] = ()
    places: Sequence[Place] = ()
    more: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        """How many things are shown."""
        kinds = (self.groups, self.credentials, self.failures, self.members, self.invitations, self.guides, self.places)
        return sum(len(each) for each in kinds)


def cleaned(text: str) -> str:
    """What was typed, as it is looked for: one line, not too long."""
    return " ".join(text.split())[:MAX_LENGTH].strip()


def search(organization: Any, role: Role, text: str, *, most: int) -> SearchResults:
    """Find at most `most` of each kind."""
    text = cleaned(text)
    words = text.split()[:MAX_WORDS]
    found = SearchResults(text)
    if not words:
        return found

    def first(kind: str, rows: QuerySet[Any], *order: str) -> Sequence[Any]:
        taken = list(rows.order_by(*order)[: most + 1])
        if len(taken) > most:
            found.more.add(kind)
        return taken[:most]

    found.groups = first("groups", _groups(organization, words), "place", "name")
    found.credentials = first("credentials", _credentials(organization, words), "place", "-received_at")
    found.failures = first("failures", _failures(organization, words), "-created_at")
    found.members = first("members", _members(organization, words), "user__email")
    found.invitations = first("invitations", _invitations(organization, words), "email")
    found.guides = [each for each in PROVIDERS.values() if _occur(words, f"{each.name} {each.kind} {each.host}")][:most]
    found.places = [each for each in _open_to(role) if _begin(words, f"{each.name} {each.words}")][:most]
    return found


def _groups(organization: Any, words: list[str]) -> QuerySet[ContainerGroup]:
    rows = ContainerGroup.objects.filter(organization=organization)
    for word in words:
        fits = Q(name__icontains=word) | Q(image__reference__icontains=word)
        if digest := _DIGEST.fullmatch(word.lower()):
            fits |= Q(image__digest__startswith=f"sha256:{digest[1]}")
        rows = rows.filter(fits)
    columns = ("name", "status", "changed_at", "project__slug", "image__reference", "image__digest")
    return _begun_first(rows, "name", words).select_related("project", "image").only(*columns)


def _credentials(organization: Any, words: list[str]) -> QuerySet[Credential]:
    rows = Credential.objects.filter(organization=organization)
    for word in words:
        rows = rows.filter(Q(name__icontains=word) | Q(host__icontains=word))
    return _begun_first(rows, "name", words).defer("sealed", "ca", "fields")


def _failures(organization: Any, words: list[str]) -> QuerySet[Failure]:
    """Of groups that are still there: a failure's page is below its group's."""
    rows = Failure.objects.filter(organization=organization, group__isnull=False)
    for word in words:
        fits = Q(code__icontains=word) | Q(group_name__icontains=word) | Q(raw__icontains=word)
        rows = rows.filter(fits | Q(registry__icontains=word))
    columns = ("code", "params", "group_name", "registry", "created_at", "group__name", "group__project__slug")
    return rows.select_related("group__project").only(*columns)


def _members(organization: Any, words: list[str]) -> QuerySet[Membership]:
    rows = Membership.objects.filter(organization=organization).select_related("user")
    for word in words:
        rows = rows.filter(user__email__icontains=word)
    return rows


def _invitations(organization: Any, words: list[str]) -> QuerySet[Invitation]:
    rows = Invitation.objects.unanswered().filter(organization=organization)
    for word in words:
        rows = rows.filter(email__icontains=word)
    return rows


def _begun_first(rows: QuerySet[Row], column: str, words: list[str]) -> QuerySet[Row]:
    """Order what begins with the first word before what only contains it."""
    begins = When(**{f"{column}__istartswith": words[0]}, then=Value(0))
    place = Case(begins, default=Value(1), output_field=IntegerField())
    return cast("QuerySet[Row]", rows.annotate(place=place))


def _open_to(role: Role) -> Iterator[Place]:
    return (each for each in PLACES if role.rank >= PAGES[each.view].rank)


def _occur(words: list[str], text: str) -> bool:
    return all(word.lower() in text.lower() for word in words)


def _begin(words: list[str], text: str) -> bool:
    """Whether each of `words` begins a word of `text`."""
    names = text.lower().split()
    return all(any(name.startswith(word.lower()) for name in names) for word in words)
