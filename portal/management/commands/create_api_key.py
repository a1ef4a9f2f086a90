"""Creates an API key and prints it, once, alone on the last line."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from portal.models import ApiKey, Membership, Organization, Project, Role
from portal.models.user import canonical_email
from portal.organizations.api_keys import DEFAULT_DAYS, MAX_DAYS, KeyRefused, create_key, expiry_after
from registries.foundation.actor import CONSOLE
from registries.foundation.ids import ProjectId, UserId


class Command(BaseCommand):
    help = "Create an API key for an organization and print it once, alone on the last line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("--name", required=True)
        parser.add_argument("--scope", choices=ApiKey.Scope.values, default=ApiKey.Scope.WRITE.value)
        parser.add_argument("--project", default="", help="The only project that it is for; without it, it is for all.")
        parser.add_argument("--owner", default="", help="Email of the owner it belongs to, if there are several.")
        end = parser.add_mutually_exclusive_group()
        end.add_argument("--days", type=int, default=DEFAULT_DAYS, help=f"Days until it expires, at most {MAX_DAYS}.")
        end.add_argument("--no-expiry", action="store_true", help="It never expires.")

    def handle(
        self,
        *,
        slug: str,
        name: str,
        scope: str,
        project: str,
        owner: str,
        days: int,
        no_expiry: bool,
        **options: object,
    ) -> None:
        organization = Organization.objects.filter(slug=slug).first()
        if organization is None:
            raise CommandError(f"there is no organization {slug}")
        name = name.strip()
        if not 1 <= len(name) <= 63 or not name.isprintable():
            raise CommandError("a name has 1 to 63 characters, all of them visible")
        if not 1 <= days <= MAX_DAYS:
            raise CommandError(f"--days is a number from 1 to {MAX_DAYS}")
        try:
            row, key = create_key(
                organization_id=organization.pk,
                name=name,
                scope=scope,
                project_id=_project(organization, project) if project else None,
                owner_id=_owner(organization, owner),
                expires_at=None if no_expiry else expiry_after(days),
                by=CONSOLE,
            )
        except KeyRefused as refusal:
            raise CommandError(refusal.message) from None
        self.stdout.write(f"{organization.slug}: {row.name}, {row.scope}. It is shown only now:")
        self.stdout.write(key)


def _project(organization: Organization, slug: str) -> ProjectId:
    project = Project.objects.filter(organization=organization, slug=slug).first()
    if project is None:
        raise CommandError(f"{organization.slug} has no project {slug}")
    return project.pk


def _owner(organization: Organization, email: str) -> UserId:
    """The owner with this address, or the only one."""
    rows = Membership.objects.filter(organization=organization, role=Role.OWNER, user__is_active=True)
    if email:
        rows = rows.filter(user__email=canonical_email(email))
    owners = list(rows.values_list("user_id", flat=True)[:2])
    if not owners:
        raise CommandError(f"{organization.slug} has no owner {email}".strip())
    if len(owners) > 1:
        raise CommandError("there are several owners: name one with --owner")
    return UserId(owners[0])
