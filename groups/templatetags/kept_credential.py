"""Why a credential is still kept though its pull has ended, on its receipt."""

from __future__ import annotations

from django import template

from groups.models import Image
from registries.models import Credential

register = template.Library()


@register.simple_tag
def failed_pull_of(credential: Credential) -> Image | None:
    """The newest pull that failed for another reason and keeps the credential; None if there is none, or the credential
    is destroyed. One query at most."""
    if not credential.is_held:
        return None
    return Image.objects.keeping().filter(credential=credential.pk).order_by("-settled_at").first()
