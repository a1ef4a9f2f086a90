"""What a sealed credential is bound to: everything that decides where, how and for how long its secret is shown.

It is sealed together with the secret. The columns of the row say the same, for pages and queries; the worker acts on
what it unsealed and refuses a row that differs, so changing a column never sends a secret anywhere else.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from registries.foundation.ids import CredentialId, OrganizationId
from registries.models import Credential
from registries.secrets.sign_in_offers import is_confirmed


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where a credential may be used. The names are those of the columns.

    `repository` is the only one that the secret may be used for; empty for all of the host's. `sign_in_host` is the
    other host at which a member confirmed that the registry signs in, empty for none. `latest_deadline` is the end that
    no extension can pass.
    """

    organization_id: OrganizationId
    credential_id: CredentialId
    provider: str
    host: str
    repository: str
    fields: Mapping[str, str]
    ca: str
    hold: str
    latest_deadline: datetime
    sign_in_host: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the binding as a JSON object."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {
            "credential_id": str(self.credential_id),
            "fields": dict(self.fields),
            "latest_deadline": self.latest_deadline.astimezone(UTC).isoformat(),
        }

    @classmethod
    def from_json(cls, values: object) -> Binding:
        """Return the binding that `as_json` wrote, or the previous version, which knew no sign-in host. Raises
        ValueError for anything else."""
        match values:
            case {
                "organization_id": int(organization_id),
                "credential_id": str(credential_id),
                "provider": str(provider),
                "host": str(host),
                "repository": str(repository),
                "fields": dict(public),
                "ca": str(ca),
                "hold": str(hold),
                "latest_deadline": str(latest_deadline),
                **later,
            }:
                return cls(
                    organization_id=OrganizationId(organization_id),
                    credential_id=CredentialId(uuid.UUID(credential_id)),
                    provider=provider,
                    host=host,
                    repository=repository,
                    fields=public,
                    ca=ca,
                    hold=hold,
                    latest_deadline=datetime.fromisoformat(latest_deadline),
                    sign_in_host=str(later.get("sign_in_host", "")),
                )
        raise ValueError("not a binding")

    def changed_columns(self, row: Credential) -> list[str]:
        """Return the names of the row's columns that say something else, empty if none does. The deadline may be
        anything up to the sealed one, and the sign-in host another one that was confirmed later. Raises
        `keyring.KeyUnavailable`."""
        now = binding_of(row)
        names = [field.name for field in fields(self) if getattr(now, field.name) != getattr(self, field.name)]
        if "sign_in_host" in names and is_confirmed(
            row.sign_in_mark,
            row.sign_in_host,
            organization_id=self.organization_id,
            credential_id=self.credential_id,
            registry=self.host,
        ):
            names.remove("sign_in_host")
        return [*names, "deadline"] if row.deadline > self.latest_deadline else names


def binding_of(row: Credential) -> Binding:
    """Return what the columns of a row say. One that a previous version sealed has its deadline as the latest."""
    return Binding(
        organization_id=OrganizationId(row.organization_id),
        credential_id=CredentialId(row.pk),
        provider=row.provider,
        host=row.host,
        repository=row.repository,
        fields=row.fields,
        ca=row.ca,
        hold=row.hold,
        latest_deadline=row.latest_deadline or row.deadline,
        sign_in_host=row.sign_in_host,
    )
