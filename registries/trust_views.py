"""Pages of trusts: adding one with what to set up at the other side, its uses, renaming, removing.

They are listed on the page of credentials. `portal.http.middleware` has resolved organization and role before any of
these runs; checking an image by a trust is a page of groups.
"""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from registries.federation.issuer import HttpsNeeded, require_https
from registries.forms.trust import TrustForm, TrustNameForm
from registries.foundation.ids import TrustId
from registries.foundation.refusal import Refusal
from registries.foundation.requests import MemberRequest
from registries.models import Trust, TrustQuerySet
from registries.providers.trust_kinds import TRUST_KINDS, TrustKind, trust_kind_of
from registries.secrets.trust_marks import is_marked
from registries.trusts import actions
from registries.trusts.other_sides import Projects, in_order, other_side_of, ways_for

MAX_USES = 50


@require_http_methods(["GET", "POST"])
@never_cache
def new(request: MemberRequest, org: str) -> HttpResponse:
    """Add a trust: what to set up at the other side, and what the portal has to know of it."""
    host = request.GET.get("host", "")[:255]
    known = trust_kind_of(host)
    kind = _kind(request.GET.get("kind") or (known.provider.kind if known else "ecr"))
    projects = in_order(request.organization.projects)
    form = TrustForm(
        request.POST if request.method == "POST" else None,
        request.FILES if request.method == "POST" else None,
        kind=kind,
        projects=[(project.pk, project.name) for project in projects],
        initial={"host": host or kind.provider.host},
    )
    if form.is_valid():
        try:
            trust = actions.add_trust(
                form.new_trust(), organization_id=request.access.organization_id, by=request.actor
            )
        except Refusal as refusal:
            field = refusal.field.removeprefix("settings.")
            form.add_error(field if field in form.fields else None, refusal.message)
        else:
            messages.success(request, f"{trust.name} is added. Check it on an image.")
            return redirect("registries:trust", request.organization.slug, trust.pk)
    shown_host = str(form["host"].value() or "") or host
    context = {
        "form": form,
        "kind": kind,
        "kinds": TRUST_KINDS.values(),
        "is_chosen": bool(request.GET.get("kind") or host) or request.method == "POST",
        "host": host,
        "https_needed": _https_needed(),
        **_setup(request, kind, shown_host, projects),
    }
    return render(request, "registries/trusts/new.html", context, status=422 if form.errors else 200)


@require_GET
@never_cache
def detail(request: MemberRequest, org: str, trust: TrustId) -> HttpResponse:
    """What the trust says, how to set up the other side, a check, and each use. A removed trust has only its uses."""
    row = _trust(request, trust, Trust.objects.all())
    kind = TRUST_KINDS.get(row.provider)
    projects = in_order(request.organization.projects)
    labels = {field.name: field.label for field in kind.fields} if kind else {}
    context: dict[str, object] = {
        "trust": row,
        "kind": kind,
        "typed": [(labels.get(name, name), text) for name, text in row.settings.items()],
        "is_altered": not is_marked(row),
        "uses": row.uses.order_by("-issued_at", "-pk")[:MAX_USES],
        "https_needed": _https_needed(),
        "check_project": row.project or request.project,
    }
    if kind is not None and row.is_live:
        of_trust = [project for project in projects if row.project_id in (None, project.pk)]
        context |= _setup(request, kind, row.host, of_trust, trust=row)
    return render(request, "registries/trusts/detail.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
def edit(request: MemberRequest, org: str, trust: TrustId) -> HttpResponse:
    """Rename the trust."""
    row = _trust(request, trust)
    form = TrustNameForm(request.POST if request.method == "POST" else None, trust=row)
    if form.is_valid():
        actions.rename_trust(row, name=form.cleaned_data["name"], by=request.actor)
        return redirect("registries:trust", request.organization.slug, row.pk)
    return render(
        request, "registries/trusts/edit.html", {"form": form, "trust": row}, status=422 if form.errors else 200
    )


@require_http_methods(["GET", "POST"])
@never_cache
def remove(request: MemberRequest, org: str, trust: TrustId) -> HttpResponse:
    """Ask whether to remove the trust, and remove it."""
    row = _trust(request, trust)
    if request.method == "POST":
        actions.remove_trust(row, by=request.actor)
        messages.success(request, f"{row.name} is removed. Nothing is signed for it any more.")
        return redirect(reverse("registries:list", args=[request.organization.slug]))
    return render(request, "registries/trusts/remove.html", {"trust": row})


def _kind(name: str) -> TrustKind:
    if name not in TRUST_KINDS:
        raise Http404
    return TRUST_KINDS[name]


def _trust(request: MemberRequest, pk: TrustId, among: TrustQuerySet | None = None) -> Trust:
    """Return the organization's trust, `among` the live ones by default. Raises Http404."""
    rows = Trust.objects.live() if among is None else among
    rows = rows.select_related("created_by", "project")
    return get_object_or_404(rows, organization=request.access.organization_id, pk=pk)


def _https_needed() -> str:
    """Return the sentence that says why no cloud can trust this portal; empty where one can."""
    try:
        require_https()
    except HttpsNeeded as error:
        return error.sentence
    return ""


def _setup(
    request: MemberRequest, kind: TrustKind, host: str, projects: Projects, *, trust: Trust | None = None
) -> dict[str, object]:
    settings = trust.settings if trust is not None else {}
    side = other_side_of(
        kind, host, settings, request.organization, projects, is_for_all=trust is None or trust.project_id is None
    )
    return {"side": side, "ways": ways_for(kind, side)}
