"""Images on the page of the credential that they were pulled with."""

from __future__ import annotations

from typing import TypedDict

from django import template
from django.db.models import QuerySet
from django.template.context import RequestContext

from groups.models import Image
from registries.foundation.requests import Organization
from registries.models import Credential

register = template.Library()
MAX_IMAGES = 50


class CredentialImages(TypedDict):
    """What `groups/credential_images.html` shows."""

    images: QuerySet[Image]
    organization: Organization


@register.inclusion_tag("groups/credential_images.html", takes_context=True)
def credential_images(context: RequestContext, credential: Credential) -> CredentialImages:
    """The newest images whose pull asked for the credential, with the groups that use them. Three queries, however
    many there are."""
    images = Image.objects.filter(credential=credential.pk).prefetch_related("groups__project")
    return {"images": images.order_by("-created_at")[:MAX_IMAGES], "organization": context["organization"]}
