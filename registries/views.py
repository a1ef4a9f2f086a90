"""Pages of registry credentials: the list, adding one, its receipt, changing, destroying and erasing it, the guides.

`portal.http.middleware` has resolved organization and role before any of these runs.
"""

from __future__ import annotations

import uuid
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, Max
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from registries import actions
from registries.forms.credential import CredentialForm
from registries.forms.credential_data import read_pasted
from registries.forms.edit import CredentialEditForm
from registries.forms.paste import Pasted
from registries.forms.registry_finder import find_registry
from registries.foundation.ids import CredentialId
from registries.foundation.requests import MemberRequest
from registries.foundation.secret_shapes import find_secret
from registries.models import ERASED_NAME, Credential, Trust
from registries.providers import PROVIDERS, Provider
from registries.providers.recognise import recognise, recognise_for_credential
from registries.providers.self_hosted import SELF_HOSTED
from registries.secrets.entered_marks import entered_values

PAGE_SIZE = 50
_HIDDEN = "Hidden: it looks like a secret"


@require_GET
@never_cache
def credentials(request: MemberRequest, org: str) -> HttpResponse:
    """Trusts, then live credentials, then receipts."""
    rows = Credential.objects.filter(organization=request.access.organization_id).select_related("created_by")
    rows = rows.order_by(F("destroyed_at").desc(nulls_first=True), "-received_at")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    trusts = Trust.objects.live().filter(organization=request.access.organization_id).select_related("project")
    trusts = trusts.annotate(last_used_at=Max("uses__issued_at")).order_by("name", "created_at")
    context = {"page": page, "trusts": trusts, "providers": PROVIDERS.values()}
    return render(request, "registries/list.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@never_cache
def new(request: MemberRequest, org: str) -> HttpResponse:
    """Add a credential. With `for=group` in the address, continue to the new group that it is for. A text sent as
    `find` is only read for the registry that it is about, and never put into an address."""
    host = request.GET.get("host", "")[:255]
    find = request.POST.get("find")
    if find is not None and (found := find_registry(find)) is not None:
        return redirect(_with_kind(request, *found))
    pasted = read_pasted(request.POST)
    read_kind = pasted.kind if pasted else ""
    read_host = pasted.host.replace("*", "x") if pasted else ""
    known = recognise_for_credential(read_host) if read_host else recognise(host)
    provider = _provider(request.GET.get("kind") or read_kind or known.kind)
    is_sent = request.method == "POST" and find is None
    if is_sent and not provider.fields:
        raise Http404
    form = CredentialForm(
        request.POST if is_sent else None,
        files=request.FILES if is_sent else None,
        provider=provider,
        initial=_replaced_values(request) | {"host": host or provider.usual_host},
        is_kind_chosen=bool(request.GET.get("kind")),
    )
    if form.is_valid():
        credential = actions.add_credential(
            form.new_credential(), organization_id=request.access.organization_id, by=request.actor
        )
        read = _read_as(form.pasted) if form.pasted else ""
        messages.success(request, f"{read}{credential.name} is saved and encrypted.")
        if trial := form.cleaned_data["trial"]:
            request.session[_trial_key(credential)] = trial
        return redirect(_next_page(request, credential))
    kept = _kept_query(request)
    kept_query = f"&{urlencode(kept)}" if kept else ""
    back_to_group = request.GET.get("for") == "group"
    is_chosen = bool(request.GET.get("kind") or host) or is_sent
    context = {
        "form": form,
        "provider": provider,
        "providers": PROVIDERS.values(),
        "back_to_group": back_to_group,
        "kept_query": kept_query,
        "is_chosen": is_chosen,
        "not_found": find is not None,
    }
    return render(request, "registries/new.html", context, status=422 if request.method == "POST" else 200)


@require_GET
@never_cache
def detail(request: MemberRequest, org: str, credential: CredentialId) -> HttpResponse:
    """The receipt: when the credential was received, used and destroyed."""
    row = _credential(request, credential)
    # Kept in the session and not in the address, so that a link from elsewhere can't start a test.
    trial = request.session.pop(_trial_key(row), "")
    context = {
        "credential": row,
        "provider": PROVIDERS.get(row.provider),
        "typed": _typed(row),
        "trial": trial,
        "has_names": row.name != ERASED_NAME or bool(row.fields),
        "shows_secret": find_secret(row.name, likely=False) is not None or _HIDDEN in dict(_typed(row)).values(),
    }
    return render(request, "registries/detail.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
def edit(request: MemberRequest, org: str, credential: CredentialId) -> HttpResponse:
    """Rename a credential, or change its host, which destroys the secret and asks for a new one."""
    row = _credential(request, credential)
    form = CredentialEditForm(request.POST if request.method == "POST" else None, credential=row)
    if not form.is_valid():
        context = {"form": form, "credential": row}
        return render(request, "registries/edit.html", context, status=422 if form.is_bound else 200)
    name = form.cleaned_data["name"]
    if not form.new_host:
        actions.rename(row, name=name, by=request.actor)
        messages.success(request, f"Renamed to {name}.")
        return redirect("registries:detail", org, row.pk)
    actions.replace_host(row, name=name, host=form.new_host, by=request.actor)
    messages.info(request, f"The secret for {row.host} is destroyed. Enter the one for {form.new_host}.")
    known = recognise(form.new_host)
    kind = row.provider if known is SELF_HOSTED else known.kind
    chosen = {"kind": kind, "host": form.new_host, "replaces": row.pk}
    return redirect(f"{reverse('registries:new', args=[org])}?{urlencode(chosen)}")


@require_POST
def destroy(request: MemberRequest, org: str, credential: CredentialId) -> HttpResponse:
    """Destroy a credential. The receipt stays."""
    row = _credential(request, credential)
    if actions.destroy(row, reason=Credential.DestructionReason.REMOVED, by=request.actor):
        messages.success(request, f"{row.name} is destroyed. Its receipt stays.")
    else:
        messages.info(request, f"{row.name} was destroyed before you asked.")
    return redirect("registries:detail", org, row.pk)


@require_http_methods(["GET", "POST"])
@never_cache
def erase(request: MemberRequest, org: str, credential: CredentialId) -> HttpResponse:
    """Ask whether to erase the name and the user name of a receipt; erase them on POST."""
    row = _credential(request, credential)
    if request.method != "POST":
        return render(request, "registries/erase.html", {"credential": row, "typed": _typed(row)})
    try:
        if actions.erase_names(row, by=request.actor):
            messages.success(request, "Name and user name are erased, here and in the activity.")
        else:
            messages.info(request, "Name and user name were erased before.")
    except actions.CredentialHeld as refusal:
        messages.error(request, refusal.message)
    return redirect("registries:detail", org, row.pk)


@require_GET
def guide(request: MemberRequest, org: str, kind: str) -> HttpResponse:
    """The guide to the credentials of one kind of registry."""
    provider = _provider(kind)
    return render(request, "registries/guide.html", {"provider": provider, "providers": PROVIDERS.values()})


def _kept_query(request: MemberRequest) -> dict[str, str]:
    """Return the parameters of the address that stay when another kind is chosen."""
    kept = {name: request.GET.get(name, "")[:512] for name in ("for", "host", "image", "replaces")}
    return {name: value for name, value in kept.items() if value and not find_secret(value, likely=False)}


def _with_kind(request: MemberRequest, provider: Provider, host: str) -> str:
    """Return the address of the page for that kind of registry and host."""
    query = _kept_query(request) | {"kind": provider.kind, "host": host}
    return f"{reverse('registries:new', args=[request.organization.slug])}?{urlencode(query)}"


def _read_as(pasted: Pasted) -> str:
    if not pasted.host and not pasted.kind:
        return ""
    if not pasted.host:
        return f"Read as a key for {PROVIDERS[pasted.kind].name}. "
    return f"Read as {pasted.scope}, user {pasted.username[:80] or 'as typed'}. "


def _provider(kind: str) -> Provider:
    if kind not in PROVIDERS:
        raise Http404
    return PROVIDERS[kind]


def _typed(row: Credential) -> list[tuple[str, str]]:
    """What was entered and is not secret, with the label of its field. Of rows from before such input was refused, what
    looks like a secret is hidden."""
    provider = PROVIDERS.get(row.provider)
    labels = {declared.name: declared.label for declared in provider.fields} if provider else {}
    meant = {declared.name for declared in provider.fields if declared.pattern} if provider else set()
    return [
        (labels.get(name, name), value if name in meant or find_secret(value, likely=False) is None else _HIDDEN)
        for name, value in row.fields.items()
    ]


def _credential(request: MemberRequest, pk: CredentialId) -> Credential:
    rows = Credential.objects.select_related("created_by")
    return get_object_or_404(rows, organization=request.access.organization_id, pk=pk)


def _replaced_values(request: MemberRequest) -> dict[str, object]:
    """Return the values of the credential that the new one replaces, except host and secret."""
    try:
        replaced_id = CredentialId(uuid.UUID(request.GET.get("replaces", "")))
    except ValueError:
        return {}
    row = Credential.objects.filter(organization=request.access.organization_id, pk=replaced_id).first()
    if row is None:
        return {}
    name = row.name if row.name != ERASED_NAME else ""
    return {**entered_values(row), "name": name, "hold": row.hold}


def _next_page(request: MemberRequest, credential: Credential) -> str:
    organization = request.organization
    project = request.project if request.GET.get("for") == "group" else None
    if not project:
        return reverse("registries:detail", args=[organization.slug, credential.pk])
    chosen = {"credential": str(credential.pk)}
    if image := request.GET.get("image", "")[:512]:
        chosen["image"] = image
    return f"{reverse('groups:new', args=[organization.slug, project.slug])}?{urlencode(chosen)}"


def _trial_key(credential: Credential) -> str:
    """Return the session's key for the image that a new credential is tested on."""
    return f"trial-{credential.pk}"
