"""Primary keys of models, with the types of `registries.foundation.ids`.

The type checker reads the type of an id from the class of the primary key's field, and carries it to `pk`, to the
`…_id` of foreign keys, to lookups and to `values_list`. That is why each type of id has a field of its own. In the
database and in migrations they are Django's fields. Lookups also take an id as text, which Django converts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from registries.foundation.ids import (
    BlobId,
    CheckId,
    CredentialId,
    FailureId,
    GroupId,
    ImageId,
    InstanceId,
    LinkedIdentityId,
    NodeId,
    NoticeId,
    OccurrenceId,
    OrganizationId,
    PasswordMailId,
    ProjectId,
    ProviderLogoutId,
    SsoProviderId,
    SsoSignInId,
    TokenId,
    TrustId,
    UserId,
    VerifiedDomainId,
    WebhookId,
)

if TYPE_CHECKING:
    from django.db.models import BigAutoField, UUIDField
else:
    from django.db import models

    class _PrimaryKey:
        def __class_getitem__(cls, types):
            return cls

        def deconstruct(self):
            """Name Django's field in migrations."""
            name, _, positional, named = super().deconstruct()
            return name, f"django.db.models.{self.get_internal_type()}", positional, named

    class BigAutoField(_PrimaryKey, models.BigAutoField):
        pass

    class UUIDField(_PrimaryKey, models.UUIDField):
        pass


_Set = TypeVar("_Set", contravariant=True)
_Get = TypeVar("_Get", covariant=True)


class OrganizationIdField(BigAutoField[_Set, _Get]):
    _pyi_private_set_type: OrganizationId
    _pyi_private_get_type: OrganizationId
    _pyi_lookup_exact_type: OrganizationId | str


class ProjectIdField(BigAutoField[_Set, _Get]):
    _pyi_private_set_type: ProjectId
    _pyi_private_get_type: ProjectId
    _pyi_lookup_exact_type: ProjectId | str


class UserIdField(BigAutoField[_Set, _Get]):
    _pyi_private_set_type: UserId
    _pyi_private_get_type: UserId
    _pyi_lookup_exact_type: UserId | str


class BlobIdField(BigAutoField[_Set, _Get]):
    _pyi_private_set_type: BlobId
    _pyi_private_get_type: BlobId
    _pyi_lookup_exact_type: BlobId | str


class CredentialIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: CredentialId
    _pyi_private_get_type: CredentialId
    _pyi_lookup_exact_type: CredentialId | str


class TrustIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: TrustId
    _pyi_private_get_type: TrustId
    _pyi_lookup_exact_type: TrustId | str


class ImageIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: ImageId
    _pyi_private_get_type: ImageId
    _pyi_lookup_exact_type: ImageId | str


class CheckIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: CheckId
    _pyi_private_get_type: CheckId
    _pyi_lookup_exact_type: CheckId | str


class GroupIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: GroupId
    _pyi_private_get_type: GroupId
    _pyi_lookup_exact_type: GroupId | str


class FailureIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: FailureId
    _pyi_private_get_type: FailureId
    _pyi_lookup_exact_type: FailureId | str


class InstanceIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: InstanceId
    _pyi_private_get_type: InstanceId
    _pyi_lookup_exact_type: InstanceId | str


class NodeIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: NodeId
    _pyi_private_get_type: NodeId
    _pyi_lookup_exact_type: NodeId | str


class TokenIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: TokenId
    _pyi_private_get_type: TokenId
    _pyi_lookup_exact_type: TokenId | str


class OccurrenceIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: OccurrenceId
    _pyi_private_get_type: OccurrenceId
    _pyi_lookup_exact_type: OccurrenceId | str


class NoticeIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: NoticeId
    _pyi_private_get_type: NoticeId
    _pyi_lookup_exact_type: NoticeId | str


class WebhookIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: WebhookId
    _pyi_private_get_type: WebhookId
    _pyi_lookup_exact_type: WebhookId | str


class SsoProviderIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: SsoProviderId
    _pyi_private_get_type: SsoProviderId
    _pyi_lookup_exact_type: SsoProviderId | str


class SsoSignInIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: SsoSignInId
    _pyi_private_get_type: SsoSignInId
    _pyi_lookup_exact_type: SsoSignInId | str


class LinkedIdentityIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: LinkedIdentityId
    _pyi_private_get_type: LinkedIdentityId
    _pyi_lookup_exact_type: LinkedIdentityId | str


class VerifiedDomainIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: VerifiedDomainId
    _pyi_private_get_type: VerifiedDomainId
    _pyi_lookup_exact_type: VerifiedDomainId | str


class ProviderLogoutIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: ProviderLogoutId
    _pyi_private_get_type: ProviderLogoutId
    _pyi_lookup_exact_type: ProviderLogoutId | str


class PasswordMailIdField(UUIDField[_Set, _Get]):
    _pyi_private_set_type: PasswordMailId
    _pyi_private_get_type: PasswordMailId
    _pyi_lookup_exact_type: PasswordMailId | str
