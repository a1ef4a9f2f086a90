"""Checks of images as pages: start one from a form, and watch it.

Both answer with a fragment where htmx asks, and with a page of their own elsewhere. What is checked is
`groups.ingest.checking`'s, how it is told `groups.verdict`'s.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseStopPolling

from groups import verdict
from groups.checks import TooManyChecks, start_check
from groups.forms import ImageForm
from groups.models import ImageCheck
from groups.quotas import Refused


@sensitive_post_parameters("environment", "command")
@require_POST
@never_cache
def check(request: Any, org: str, project: str) -> HttpResponse:
    """Check the form's image with its credential. A `repository` is completed by the credential's `host`."""
    form = ImageForm(_asked(request.POST), organization_id=request.organization.pk)
    if not form.is_valid():
        texts = [str(text) for errors in form.errors.values() for text in errors]
        return _refused(request, " ".join(texts))
    try:
        row = start_check(
            organization_id=request.organization.pk,
            reference=form.cleaned_data["image"],
            credential=form.cleaned_data["credential"],
            created_by_id=request.user.pk,
        )
    except TooManyChecks as refused:
        return _refused(request, refused.text)
    except Refused as refused:
        return _refused(request, refused.said)
    if not request.htmx:
        return redirect("groups:checked", org, project, row.pk)
    return render(request, "groups/check.html", {"verdict": verdict.tell(row)})


@require_GET
@never_cache
def checked(request: Any, org: str, project: str, check: uuid.UUID) -> HttpResponse:
    """How a check stands. The fragment ends the polling (286) once it is over."""
    row = get_object_or_404(ImageCheck, organization=request.organization, pk=check)
    if not request.htmx:
        return render(request, "groups/check_page.html", {"verdict": verdict.tell(row)})
    response = render(request, "groups/check.html", {"verdict": verdict.tell(row)})
    if row.is_over:
        # Heard by what else on the page shows the credential's life.
        response = HttpResponseStopPolling(response.content, headers={"HX-Trigger": "check-over"})
    return response


def _asked(data: Any) -> dict[str, str]:
    """The image and the credential that a form names, whichever form it is."""
    image = data.get("image", "")
    if "repository" in data:
        image = data["repository"].strip()
        if image and not _names_host(image):
            image = f"{data.get('host', '')}/{image}"
    return {"image": image, "credential": data.get("credential", "")}


def _names_host(image: str) -> bool:
    first, slash, _ = image.partition("/")
    return bool(slash) and ("." in first or ":" in first or first == "localhost")


def _refused(request: Any, text: str) -> HttpResponse:
    if request.htmx:
        return render(request, "groups/check.html", {"refused": text})
    return render(request, "groups/check_page.html", {"refused": text}, status=422)
