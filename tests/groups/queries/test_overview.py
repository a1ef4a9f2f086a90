"""An organization's groups at a glance."""

from __future__ import annotations

from typing import Any

import pytest

from groups.queries.overview import organization_overview
from tests.support.pulls import make_blob, make_group

pytestmark = pytest.mark.django_db


def test_what_images_share_is_stored_once(project: Any) -> None:
    one, other = (make_group(project, f"registry.example.com/team/app:{tag}", name=tag).image for tag in ("old", "new"))
    blob = make_blob(project.organization, image=one, size=700)
    shared = one.layers.get()
    shared.pk, shared.image = None, other
    shared.save()

    assert blob.layers.count() == 2
    assert organization_overview(project.organization_id).stored_bytes == 700
