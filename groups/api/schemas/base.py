"""What all schemas are built from: strict types, and texts and numbers with limits."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from groups.api.schemas.no_secrets import NO_SECRET
from groups.rules.group_settings import GROUP_NAME, MAX_GROUP_NAME_LENGTH, MAX_REPLICAS, MIN_GROUP_NAME_LENGTH

LINE = r"^[^\x00-\x08\x0A-\x1F\x7F]*$"
"""One line: no control characters except tab."""


class Shape(BaseModel):
    """A JSON object with strictly typed values: "1" is not a number. Unknown names are ignored, so that clients may be
    newer than the portal."""

    model_config = ConfigDict(strict=True)


Line = Annotated[str, Field(min_length=1, max_length=1000, pattern=LINE)]
Word = Annotated[str, Field(min_length=1, max_length=2048, pattern=LINE)]
Name = Annotated[
    str, Field(min_length=MIN_GROUP_NAME_LENGTH, max_length=MAX_GROUP_NAME_LENGTH, pattern=f"^{GROUP_NAME}$")
]
DisplayName = Annotated[str, Field(min_length=2, max_length=63, pattern=r"^[ ,-.0-9A-Za-z]+$"), NO_SECRET]
Replicas = Annotated[int, Field(ge=0, le=MAX_REPLICAS)]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Id = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
