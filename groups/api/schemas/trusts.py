"""Schemas of trusts: what a customer's cloud has to accept, and each use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from groups.api.schemas.base import Id, Line, Moment, Shape
from groups.api.schemas.container import Image
from groups.api.schemas.no_secrets import NO_SECRET

Setting = Annotated[str, StringConstraints(max_length=16 * 1024)]


class TrustPrototype(Shape):
    """A trust: how images of one registry are pulled without a secret. `settings` by provider: `role_arn` and
    optionally `audience` for `ecr`; `provider` and optionally `service_account` for `google`; `tenant_id` and
    `client_id` for `acr`; `robot` for `quay`."""

    name: Annotated[Line, Field(max_length=63), NO_SECRET]
    provider: Literal["ecr", "google", "acr", "quay"]
    host: Annotated[Line, NO_SECRET]
    settings: dict[Annotated[str, StringConstraints(max_length=40)], Setting]
    project: Line | None = Field(
        None, description="The only project whose groups use it; without one, all of the organization's do."
    )


class Trust(Shape):
    """A trust. `issuer`, `subject` and `audience` are what its tokens say, so what the other side has to accept;
    `subject` is that of its project, or of the project `default` where all use it. `altered` is true where its row was
    changed past the portal; such a trust is not used."""

    id: Id
    name: str
    provider: str
    host: str
    settings: dict[str, str]
    project: str | None = None
    issuer: str
    subject: str
    audience: str
    altered: bool = False
    create_time: Moment


class TrustUse(Shape):
    """A token that was made for a pull or a check, without the token: what the other side's log shows of it. `outcome`
    is `accepted` or the code of a failure, and left out until the cloud has answered."""

    pull: str
    image: str
    container_group: str
    subject: str
    audience: str
    jti: str
    time: Moment
    outcome: str | None = None


class TrustWithUses(Trust):
    """A trust with its latest uses, newest first."""

    uses: list[TrustUse]


class TrustCollection(Shape):
    items: list[Trust]


class TrustCheckPrototype(Shape):
    """An image of the trust's registry."""

    image: Image
