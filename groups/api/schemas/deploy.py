"""The schema of a deploy: another image for a group that exists."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from groups.api.schemas.authentication import ContainerRegistryAuthentication
from groups.api.schemas.base import LINE, Shape
from groups.api.schemas.container import Image


class Deploy(Shape):
    """Either a whole `image`, or the `tag` (or digest) of the repository that the group has now. The credential is used
    for this pull only and destroyed when it ends, however it ends; without one the image is pulled by a trust, or as a
    public one."""

    image: Image | None = None
    tag: Annotated[str, Field(min_length=1, max_length=140, pattern=LINE)] | None = None
    registry_authentication: ContainerRegistryAuthentication | None = None
