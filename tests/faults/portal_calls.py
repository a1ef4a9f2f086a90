"""Calls that act as members and read the rows, in a process of its own with the portal's environment.

`tests.faults.portal.Portal.calls` makes them; `tests.support.helper_process` carries them.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import asdict
from typing import Any

from registries.foundation.actor import CONSOLE
from registries.foundation.ids import ImageId
from tests.benchmarks.clocks import of_fork
from tests.support.helper_process import Calls, serve


class PortalCalls(Calls):
    """The calls. Ids are strings, times seconds."""

    def prepare(self) -> None:
        """Make keys and tables, as `manage.py prepare` does; nobody looks at pages here."""
        from django.core.management import call_command

        from registries.secrets import keyring

        keyring.create_missing()
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)

    def organization(self, slug: str) -> None:
        """Make an organization and its owner."""
        from portal.models import User
        from portal.organizations.actions import create_organization
        from registries.foundation.actor import CONSOLE

        owner = User.objects.create_user(f"alice@{slug}.example", address_proof="mail")
        create_organization(slug=slug, name=slug, owner=owner, by=CONSOLE)

    def create(
        self, organization: str, name: str, reference: str, username: str = "", password: str = "", hold: str = "pull"
    ) -> dict[str, Any]:
        """Enter a credential, where there is one, and make a group. `began` is the monotonic clock before that."""
        from groups.actions.lifecycle import create
        from portal.models import Organization
        from registries.credential_rows import NewCredential, store_credential
        from registries.oci.reference import parse

        row = Organization.objects.get(slug=organization)
        parsed = parse(reference)
        credential = None
        if username:
            credential = store_credential(
                NewCredential(
                    provider="self_hosted",
                    name=name,
                    host=parsed.registry,
                    values={"username": username, "password": password},
                    hold=hold,
                ),
                organization_id=row.pk,
                created_by_id=None,
            )
        began = time.monotonic()
        group = create(
            organization_id=row.pk,
            project_id=row.projects.get().pk,
            name=name,
            reference=parsed,
            credential=credential,
            by=CONSOLE,
        )
        return {
            "group": str(group.pk),
            "image": str(group.image_id),
            "credential": str(credential.pk) if credential else None,
            "organization": str(row.pk),
            "began": began,
        }

    def delete(self, group: str) -> None:
        """Delete a group, as a member does."""
        from groups.actions.lifecycle import delete
        from groups.models import ContainerGroup

        delete(ContainerGroup.objects.get(pk=group), by=CONSOLE)

    def status(self, image: str) -> dict[str, Any] | None:
        """The image's row and its group's status, None where it is gone."""
        return self.statuses([image]).get(image)

    def statuses(self, images: list[str]) -> dict[str, dict[str, Any]]:
        """The same of several, without those that are gone."""
        from groups.models import Image

        found = {}
        query = Image.objects.filter(pk__in=images).select_related("credential")
        for row in query.prefetch_related("groups__failures", "layers"):
            group = next(iter(row.groups.all()), None)
            failure = next(iter(group.failures.all()), None) if group else None
            layers = list(row.layers.all())
            found[str(row.pk)] = {
                "status": row.status,
                "attempt": row.attempt,
                "lease": str(row.lease) if row.lease else None,
                "retry_code": row.retry_code,
                "group": group.status if group else None,
                "failure": failure.code if failure else None,
                "received": sum(layer.received for layer in layers),
                "committed": sum(layer.committed_at is not None for layer in layers),
                "live_credential": bool(row.credential and row.credential.is_held),
            }
        return found

    def pull_in_a_work_horse(self, image: str) -> dict[str, float]:
        """Fork as a worker does, pull the image in the child; return what it spent."""
        from django.db import connections

        from groups import jobs

        connections.close_all()
        return asdict(of_fork(lambda: jobs.pull(image)))

    def rows(self) -> dict[str, Any]:
        """What the checker reads."""
        from tests.faults import rows

        return rows.read()

    def fingerprint(self, image: str) -> str:
        """See `tests.faults.rows.fingerprint`."""
        from tests.faults import rows

        return rows.fingerprint(image)

    def pass_deadline(self, image: str) -> None:
        """Let the deadline of the image's credential be over."""
        from tests.faults import rows

        rows.pass_deadline(image)

    def keep_a_credential(self, image: str, settled: bool) -> str:
        """Make a credential that should be destroyed and isn't: of a pull that is over, or past its deadline."""
        from tests.faults import rows

        return rows.keep_a_credential(image, settled=settled)

    def drop_a_credential(self, credential: str, image: str) -> None:
        """Take it back."""
        from tests.faults import rows

        rows.drop_a_credential(credential, image)

    def repeat(self, model: str, **changed: Any) -> None:
        """Write the newest row of a model once more, as a new one with these changes."""
        from django.apps import apps

        rows = apps.get_model("groups", model)._default_manager
        row = rows.latest("pk")
        row.pk = uuid.uuid4() if isinstance(row.pk, uuid.UUID) else None
        for name, value in changed.items():
            setattr(row, name, value)
        row.save(force_insert=True)

    def execute(self, sql: str) -> int:
        """Do something to the database that the product never does; return how many rows it met."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(sql)
            return int(cursor.rowcount)

    def sweep(self) -> dict[str, int]:
        """One pass of the sweeper."""
        from groups.sweep import sweep

        return sweep()

    def wake(self, image: str, times: int = 1) -> None:
        """Send wake-ups for an image, as nobody does by design: duplicates."""
        from groups.rules.wakeups import wake_pull

        for _ in range(times):
            wake_pull(ImageId(uuid.UUID(image)))


if __name__ == "__main__":
    serve(PortalCalls())
