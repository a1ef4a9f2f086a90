"""Workflow files for CI, as guides show them: filled in for the organization."""

from __future__ import annotations

from django import template
from django.conf import settings

from portal.config.env import CHECKOUT

register = template.Library()

FOLDER = CHECKOUT / "templates" / "registries" / "ci"


@register.simple_tag
def ci_workflow(name: str, organization: str, project: str) -> str:
    """Return the text of a workflow file, with this portal's address, the organization and the project in place of the
    example's."""
    text = (FOLDER / "".join(name)).read_text()  # a template's text is no path: it is a SafeString
    text = text.replace("https://portal.example", settings.PORTAL_PUBLIC_URL)
    return text.replace("ORGANIZATION: acme", f"ORGANIZATION: {organization}").replace(
        "PROJECT: default", f"PROJECT: {project or 'default'}"
    )
