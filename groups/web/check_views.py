"""Checks of images as pages: start one from a form, and watch it.

Both views return a fragment to htmx and a whole page otherwise. `groups.ingest.check` runs a check,
`groups.queries.check_report` says what it found.
"""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS
from django.forms import BoundField, Form
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseStopPolling

from groups.actions.checks import start_check
from groups.models import ContainerGroup, ImageCheck
from groups.queries.check_report import check_report
from groups.rules.group_settings import MAX_CPU, MAX_GPU_CLASS_LENGTH, MAX_GROUP_NAME_LENGTH, MAX_MEMORY_MB
from groups.rules.platforms import Replica
from groups.web.image_field import ImageForm, reading_context, typed_credential_form
from groups.web.sign_in_confirmation import FIELD, with_confirmation
from registries.forms.credential import CredentialForm
from registries.forms.credential_data import CHOSEN
from registries.forms.paste import text_of_image
from registries.foundation.ids import CheckId
from registries.foundation.refusal import Refusal
from registries.foundation.requests import ProjectRequest
from registries.foundation.secret_shapes import find_secret
from registries.oci.reference import names_host


@sensitive_post_parameters()
@require_POST
@never_cache
def check(request: ProjectRequest, org: str, project: str) -> HttpResponse:
    """Check the form's image with its credential. A `repository` is completed by the credential's `host`. A typed
    credential is sealed first; the form then has it selected, so that nobody has to type it again."""
    if request.POST.get("confirms") and not request.POST.getlist(FIELD):
        return _unconfirmed(request, request.POST["confirms"])
    form = ImageForm(
        _image_and_credential(request.POST),
        organization_id=request.organization.pk,
        project_id=request.project.pk,
    )
    # The check finds out whether input that looks wrong is wrong.
    typed_form = typed_credential_form(request, form, asks_to_confirm=False)
    if not all([form.is_valid(), typed_form is None or typed_form.is_valid()]):
        texts = [*_texts(form), *(_texts(typed_form) if typed_form else [])]
        return _refused(request, " ".join(texts), choice=_choice_of_login(typed_form))
    against = _against(request)
    try:
        row = start_check(
            organization_id=request.organization.pk,
            reference=form.cleaned_data["image"],
            credential=with_confirmation(
                request,
                typed_form.new_credential() if typed_form else form.cleaned_data["credential"],
                registry=form.cleaned_data["image"].registry,
            ),
            project_id=request.project.pk,
            against=against,
            platform=form.cleaned_data.get("platform", ""),
            resources=_replica(request.POST),
            by=request.actor,
        )
    except Refusal as refusal:
        return _refused(request, refusal.message)
    if not request.htmx:
        return redirect("groups:checked", org, project, row.pk)
    context: dict[str, object] = {"report": check_report(row)}
    if typed_form:
        image = str(form.cleaned_data["image"])
        context |= {"sealed": True, "against": against, **reading_context(request, image, str(row.credential_id))}
    return render(request, "groups/check.html", context)


@require_GET
@never_cache
def checked(request: ProjectRequest, org: str, project: str, check: CheckId) -> HttpResponse:
    """Show the state of a check. The fragment ends the polling (286) once the check is over."""
    rows = ImageCheck.objects.select_related("against__image").defer("against__environment", "against__image__config")
    row = get_object_or_404(rows, organization=request.organization.pk, pk=check)
    if not request.htmx:
        return render(request, "groups/check_page.html", {"report": check_report(row)})
    response = render(request, "groups/check.html", {"report": check_report(row)})
    if row.is_over:
        # Other parts of the page that show the credential listen for this.
        response = HttpResponseStopPolling(response.content, headers={"HX-Trigger": "check-over"})
    return response


def _unconfirmed(request: ProjectRequest, check: str) -> HttpResponse:
    """Show the check that asked for a tick again, since another one without it would only ask the same."""
    try:
        pk = UUID(check)
    except ValueError:
        raise Http404 from None
    row = get_object_or_404(ImageCheck, organization=request.organization.pk, pk=pk)
    context = {"report": check_report(row), "unconfirmed": True}
    if request.htmx:
        return render(request, "groups/check.html", context)
    return render(request, "groups/check_page.html", context, status=422)


def _texts(form: Form) -> list[str]:
    """Errors of a form in one line each, with the field unless it is the image itself."""
    return [
        str(text) if name in ("image", "credential", NON_FIELD_ERRORS) else f"{form.fields[name].label}: {text}"
        for name, errors in form.errors.items()
        if name != CHOSEN
        for text in errors
    ]


def _choice_of_login(typed_form: CredentialForm | None) -> BoundField | None:
    """The field that asks which login of a paste is meant. The paste is still on the page, unlike after other forms."""
    if typed_form is None or CHOSEN not in typed_form.fields:
        return None
    typed_form.fields[CHOSEN].help_text = "Then check again. What you pasted is still in the form."
    return typed_form[CHOSEN]


def _against(request: ProjectRequest) -> ContainerGroup | None:
    """The group whose page asks whether its tag has moved; None on other pages."""
    name = request.POST.get("against", "")[:MAX_GROUP_NAME_LENGTH].replace("\0", "")
    return ContainerGroup.objects.filter(project=request.project.pk, name=name).first() if name else None


def _image_and_credential(data: QueryDict) -> dict[str, str]:
    """The image and the credential of either form: this one, or the one that tests a credential."""
    image = data.get("image", "")
    if "repository" in data:
        sent = data.get("repository", "").strip()
        image = text_of_image(sent)
        if image == sent and image and not names_host(image):
            image = f"{data.get('host', '')}/{image}"
    return {name: data.get(name, "") for name in ("credential", "platform")} | {"image": image}


def _replica(data: QueryDict) -> Replica:
    """What a replica takes as far as the form says it. Where it says nothing valid, it is a small one."""
    gpu = data.get("gpu", "").strip()
    is_class = len(gpu) <= MAX_GPU_CLASS_LENGTH and gpu.isprintable() and not find_secret(gpu, likely=False)
    return Replica(
        _number(data.get("cpu", ""), Replica.cpu, MAX_CPU),
        _number(data.get("memory_mb", ""), Replica.memory_mb, MAX_MEMORY_MB),
        gpu if is_class else "",
    )


def _number(text: str, usual: int, most: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 and 0 < int(text) <= most else usual


def _refused(request: ProjectRequest, text: str, *, choice: BoundField | None = None) -> HttpResponse:
    if request.htmx:
        return render(request, "groups/check.html", {"refused": text, "choice": choice})
    return render(request, "groups/check_page.html", {"refused": text}, status=422)
