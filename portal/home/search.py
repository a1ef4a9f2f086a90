"""Searching an organization by a few words, with a fixed number of queries.

All words must match. Pages that a role may not open are not found; which those are is in
`portal.organizations.permissions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, cast

from django.db.models import Case, IntegerField, Model, Q, QuerySet, Value, When

from groups.models import ContainerGroup, Failure
from portal.models import Invitation, Membership, Organization, Role
from portal.organizations.permissions import PAGES
from registries.foundation.secret_shapes import find_secret
from registries.models import Credential, Trust
from registries.providers import PROVIDERS, Provider

MAX_LENGTH = 512
"""Characters of an image reference, which people paste."""
MAX_WORDS = 6
M = TypeVar("M", bound=Model)
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{4,64})…?")


@dataclass(frozen=True)
class Page:
    """A page that is found by its name, or by other words for its content."""

    name: str
    view: str
    icon: str
    words: str = ""
    in_project: bool = False


PAGES_BY_NAME = (
    Page("Overview", "portal:organization", "home", "home start dashboard"),
    Page("Groups", "groups:list", "stack-2", "containers images list", in_project=True),
    Page("New group", "groups:new", "plus", "create add container image pull", in_project=True),
    Page("Registries", "registries:list", "building-warehouse", "credentials receipts secrets"),
    Page("Add a trust", "registries:trust_new", "plus", "new keyless oidc issuer registry"),
    Page("Add a credential", "registries:new", "plus", "new registry password token"),
    Page("Team", "portal:members", "users", "members people invite roles leave settings"),
    Page("Activity", "portal:activity", "history", "audit log history who did what"),
    Page("API keys", "portal:api_keys", "key", "tokens programs sdk"),
    Page("Notifications", "portal:notifications", "bell", "webhooks e-mails emails mail settings"),
    Page("Support", "portal:support", "lifebuoy", "help question contact"),
)


@dataclass
class SearchResults:
    """What matches, a few of each kind; `more` names the kinds of which more matches than is shown. `is_secret` is
    whether the text looks like a secret: then it is neither searched for nor shown."""

    text: str
    is_secret: bool = False
    groups: Sequence[ContainerGroup] = ()
    trusts: Sequence[Trust] = ()
    credentials: Sequence[Credential] = ()
    failures: Sequence[Failure] = ()
    members: Sequence[Membership] = ()
    invitations: Sequence[Invitation] = ()
    guides: Sequence[Provider] = ()
    places: Sequence[Page] = ()
    more: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        """How many results are shown."""
        people = (self.members, self.invitations)
        kinds = (self.groups, self.trusts, self.credentials, self.failures, *people, self.guides, self.places)
        return sum(len(rows) for rows in kinds)


def cleaned(text: str) -> str:
    """Return the text as it is searched for: one line of at most MAX_LENGTH characters."""
    return " ".join(text.split())[:MAX_LENGTH].strip()


def search(organization: Organization, role: Role, text: str, *, limit: int) -> SearchResults:
    """Return at most `limit` results of each kind."""
    text = cleaned(text)
    if find_secret(text, likely=False) is not None:
        return SearchResults("", is_secret=True)
    words = text.split()[:MAX_WORDS]
    results = SearchResults(text)
    if not words:
        return results

    def first(kind: str, rows: QuerySet[M], *order: str) -> Sequence[M]:
        taken = list(rows.order_by(*order)[: limit + 1])
        if len(taken) > limit:
            results.more.add(kind)
        return taken[:limit]

    results.groups = first("groups", _groups(organization, words), "place", "name")
    results.trusts = first("trusts", _trusts(organization, words), "place", "name")
    results.credentials = first("credentials", _credentials(organization, words), "place", "-received_at")
    results.failures = first("failures", _failures(organization, words), "-created_at")
    results.members = first("members", _members(organization, words), "user__email")
    results.invitations = first("invitations", _invitations(organization, words), "email")
    guides = (kind for kind in PROVIDERS.values() if _occur(words, f"{kind.name} {kind.kind} {kind.host}"))
    pages = (page for page in _open_to(role) if _begin(words, f"{page.name} {page.words}"))
    results.guides, results.places = list(guides)[:limit], list(pages)[:limit]
    return results


def _groups(organization: Organization, words: list[str]) -> QuerySet[ContainerGroup]:
    rows = ContainerGroup.objects.filter(organization=organization)
    for word in words:
        matches = Q(name__icontains=word) | Q(image__reference__icontains=word)
        if digest := _DIGEST.fullmatch(word.lower()):
            matches |= Q(image__digest__startswith=f"sha256:{digest[1]}")
        rows = rows.filter(matches)
    columns = ("name", "status", "changed_at", "project__slug", "image__reference", "image__digest")
    return _beginning_first(rows, "name", words).select_related("project", "image").only(*columns)


def _credentials(organization: Organization, words: list[str]) -> QuerySet[Credential]:
    rows = Credential.objects.filter(organization=organization)
    for word in words:
        rows = rows.filter(Q(name__icontains=word) | Q(host__icontains=word))
    return _beginning_first(rows, "name", words).defer("sealed", "ca", "fields")


def _trusts(organization: Organization, words: list[str]) -> QuerySet[Trust]:
    rows = Trust.objects.live().filter(organization=organization)
    for word in words:
        rows = rows.filter(Q(name__icontains=word) | Q(host__icontains=word))
    return _beginning_first(rows, "name", words)


def _failures(organization: Organization, words: list[str]) -> QuerySet[Failure]:
    """Only failures of groups that exist: a failure's page is below its group's."""
    rows = Failure.objects.filter(organization=organization, group__isnull=False)
    for word in words:
        matches = Q(code__icontains=word) | Q(group_name__icontains=word) | Q(raw__icontains=word)
        rows = rows.filter(matches | Q(registry__icontains=word))
    columns = ("code", "params", "group_name", "registry", "created_at", "group__name", "group__project__slug")
    return rows.select_related("group__project").only(*columns)


def _members(organization: Organization, words: list[str]) -> QuerySet[Membership]:
    rows = Membership.objects.filter(organization=organization).select_related("user")
    for word in words:
        rows = rows.filter(user__email__icontains=word)
    return rows


def _invitations(organization: Organization, words: list[str]) -> QuerySet[Invitation]:
    rows = Invitation.objects.unanswered().filter(organization=organization)
    for word in words:
        rows = rows.filter(email__icontains=word)
    return rows


def _beginning_first(rows: QuerySet[M], column: str, words: list[str]) -> QuerySet[M]:
    """Annotate `place`, by which rows whose column begins with the first word come first."""
    begins = When(**{f"{column}__istartswith": words[0]}, then=Value(0))
    place = Case(begins, default=Value(1), output_field=IntegerField())
    return cast("QuerySet[M]", rows.annotate(place=place))


def _open_to(role: Role) -> Iterator[Page]:
    return (page for page in PAGES_BY_NAME if role.rank >= PAGES[page.view].rank)


def _occur(words: list[str], text: str) -> bool:
    return all(word.lower() in text.lower() for word in words)


def _begin(words: list[str], text: str) -> bool:
    """Whether each of `words` begins a word of `text`."""
    names = text.lower().split()
    return all(any(name.startswith(word.lower()) for name in names) for word in words)
