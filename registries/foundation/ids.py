"""Primary keys as distinct types, so that the id of one kind of row is not passed for another."""

from __future__ import annotations

import uuid
from typing import NewType

OrganizationId = NewType("OrganizationId", int)
ProjectId = NewType("ProjectId", int)
UserId = NewType("UserId", int)
CredentialId = NewType("CredentialId", uuid.UUID)
ImageId = NewType("ImageId", uuid.UUID)
GroupId = NewType("GroupId", uuid.UUID)
InstanceId = NewType("InstanceId", uuid.UUID)
NodeId = NewType("NodeId", uuid.UUID)
