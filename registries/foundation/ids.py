"""Primary keys as distinct types, so that the id of one kind of row is not passed for another.

Rows have them already, since models declare their primary keys with the fields of `registries.foundation.id_fields`.
Text from outside, such as a job's argument, becomes an id once, where it arrives: `ImageId(UUID(text))`.
"""

from __future__ import annotations

import uuid
from typing import NewType

OrganizationId = NewType("OrganizationId", int)
ProjectId = NewType("ProjectId", int)
UserId = NewType("UserId", int)
CredentialId = NewType("CredentialId", uuid.UUID)
TrustId = NewType("TrustId", uuid.UUID)
BlobId = NewType("BlobId", int)
ImageId = NewType("ImageId", uuid.UUID)
CheckId = NewType("CheckId", uuid.UUID)
GroupId = NewType("GroupId", uuid.UUID)
FailureId = NewType("FailureId", uuid.UUID)
InstanceId = NewType("InstanceId", uuid.UUID)
NodeId = NewType("NodeId", uuid.UUID)
TokenId = NewType("TokenId", uuid.UUID)
OccurrenceId = NewType("OccurrenceId", uuid.UUID)
NoticeId = NewType("NoticeId", uuid.UUID)
WebhookId = NewType("WebhookId", uuid.UUID)
SsoProviderId = NewType("SsoProviderId", uuid.UUID)
SsoSignInId = NewType("SsoSignInId", uuid.UUID)
LinkedIdentityId = NewType("LinkedIdentityId", uuid.UUID)
VerifiedDomainId = NewType("VerifiedDomainId", uuid.UUID)
ProviderLogoutId = NewType("ProviderLogoutId", uuid.UUID)
PasswordMailId = NewType("PasswordMailId", uuid.UUID)
