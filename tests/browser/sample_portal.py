"""A portal with something to show on each page, and everybody who opens one, signed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from groups.actions import suspension
from groups.models import FailedAttempt, Image, ImageCheck, SweepPass
from groups.queues.redis_queues import push
from groups.queues.wakeup import Wakeup
from groups.worker import PullWorker
from portal.accounts import address_change
from portal.models import User
from portal.organizations import actions, invitations
from portal.organizations.api_keys import create_key, revoke
from portal.support import conversations
from portal.support.queries import last_message_key
from registries.foundation.actor import CONSOLE
from registries.models import Credential, TrustUse
from registries.trusts.actions import NewTrust, add_trust
from tests.browser.acme_images import OWN
from tests.browser.every_page import Visit, record_of
from tests.browser.sample_images import show_node
from tests.browser.sample_organization import SampleOrganization, make_organization
from tests.conftest import PASSWORD
from tests.support import passkeys
from tests.support.actors import acting
from tests.support.addresses import Address
from tests.support.admin_rows import Rows, make_rows
from tests.support.fresh_sign_ins import signed_in
from tests.support.outages import make_outage
from tests.support.passkeys import Device
from tests.support.second_factors import add_recovery_codes, add_totp

TWOFOLD = "tove@acme.example"


@dataclass
class SamplePortal:
    """Values for addresses, and sessions by person."""

    values: dict[str, Any]
    special: dict[str, dict[str, Any]]
    records: Rows
    sessions: dict[str, str]

    def url(self, address: Address, visit: Visit) -> str:
        """The address that a visit opens. Fails where nobody says what varies in it."""
        chosen, values = dict(visit.values), {}
        for part in address.varies:
            model = record_of(address.name) if part in ("object_id", "id") else None
            usual = self.values.get(f"{address.name}.{part}", self.values.get(part))
            value = self.records[model].pk if model else chosen.get(part, usual)
            assert value is not None, f"{address.name}: say in tests.browser.sample_portal what <{part}> stands for"
            values[part] = self.special.get(part, {}).get(value, value)
        query = visit.query.format(failure=self.values["failure"])
        return reverse(address.name, kwargs=values) + query


def make_portal(acme: Any, people: dict[str, Any], work: Callable[[], None], redis: Any) -> SamplePortal:
    """Make it, with the cast by name and jobs in Redis."""

    def join() -> None:
        end = time.monotonic() + 30
        while Image.objects.filter(status__in=("queued", "pulling")).exists() and time.monotonic() < end:
            time.sleep(0.02)

    alice = people["alice"]
    sample = make_organization(acme, [alice, people["bob"]], work, join)
    hamburg = actions.create_organization(slug="hamburg-robotics", name="Hamburg Robotics", owner=alice, by=CONSOLE)
    records = make_rows(hamburg, alice)
    suspension.suspend(hamburg.pk, reason="Stolen tokens were presented.", by=CONSOLE)
    _add_history(acme, sample)
    failure = sample.failure
    asked = conversations.ask(
        acme, by=acting(alice), kind="failure", failure=failure, message="It worked yesterday.", shares=True
    )
    question = "Which of the two tokens was it?"
    conversations.answer(asked, by=acting(people["sam"]), was=last_message_key(asked), text=question, to="waiting")
    invited = User.objects.create_user("ines@acme.example", PASSWORD, address_proof="mail")
    values = {
        "org": "acme",
        "project": "default",
        "name": "render",
        "credential": sample.credential.pk,
        "trust": _trust(acme, alice),
        "failure": failure.pk,
        "asked": asked.pk,
        "webhook": sample.webhook.pk,
        "member": acme.memberships.get(user=people["bob"]).pk,
        "token": _invitation(acme, alice, invited.email),
        **_mailed(people["bob"]),
        **_jobs(redis, sample.groups["render"].image_id),
    }
    special = {
        "credential": {"destroyed": Credential.objects.filter(organization=acme, destroyed_at__isnull=False)[0].pk},
        "check": _checks(acme, alice),
        "pk": {"failure": failure.pk, "request": asked.pk},
    }
    sessions = _sessions(people, invited)
    passkey = Authenticator.objects.get(user__email=TWOFOLD, type="webauthn").pk
    values |= {"mfa_edit_webauthn.pk": passkey, "mfa_remove_webauthn.pk": passkey}
    return SamplePortal(values, special, records, sessions)


def _trust(acme: Any, alice: Any) -> Any:
    """A trust that was used once, and refused once."""
    role = {"role_arn": "arn:aws:iam::123456789012:role/drayage-pull"}
    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    trust = add_trust(
        NewTrust(name="AWS, production", provider="ecr", host=host, settings=role),
        organization_id=acme.pk,
        by=acting(alice),
    )
    for number, outcome in enumerate(("accepted", "trust_refused")):
        TrustUse.objects.create(
            trust=trust, organization=acme, pull=f"pull-{number}", group_name="render", reference=f"{host}/render:1.4",
            issuer="https://portal.example/oidc/1f0e8f6a", subject="organization:1f0e8f6a:project:9b1e",
            audience="sts.amazonaws.com", jti=f"{number:032x}", outcome=outcome,
        )  # fmt: skip
    return trust.pk


def _add_history(acme: Any, sample: SampleOrganization) -> None:
    """Add what comes with time: failures of others, sweeper passes, keys, questions, and what an operator did."""
    for number in range(14):
        FailedAttempt.objects.create(
            organization=acme, kind="quay" if number < 9 else "ghcr", code="rate_limited", step="manifest", final=False
        )
    now = timezone.now()
    make_outage(OWN, began_at=now - timedelta(minutes=26), last_failed_at=now, code="registry_unreachable")
    make_outage("ghcr.io", began_at=now - timedelta(hours=2), last_failed_at=now, ended_at=now, recovered=True)
    make_outage("", began_at=now - timedelta(hours=5), last_failed_at=now - timedelta(hours=4), registries=4)
    SweepPass.objects.create(ended_at=timezone.now(), seconds=0.3, counts={"pulls_woken": 2})
    create_key(organization_id=acme.pk, name="deploy pipeline", scope="write", by=CONSOLE)
    revoke(create_key(organization_id=acme.pk, name="an old one", scope="read", by=CONSOLE)[0], by=CONSOLE)
    conversations.ask(acme, by=acting(acme.memberships.first().user), kind="other", message="Is it you?")


def _invitation(acme: Any, by: User, email: str) -> str:
    invitations.invite(acme, email="nina@acme.example", role="viewer", by=acting(by))
    _, token = invitations.invite(acme, email=email, role="member", by=acting(by))
    return token


def _mailed(person: User) -> dict[str, Any]:
    """Values for links that are mailed."""
    return {
        "uidb36": user_pk_to_url_str(person),
        "account_address_link.token": address_change.request_change(person, "alice@new.example", by=acting(person)),
        "admin:portal_user_link.id": person.pk,
        "account_reset_password_from_key.key": default_token_generator.make_token(person),
    }


def _checks(acme: Any, by: User) -> dict[str, Any]:
    """A check in progress, one that succeeded, and one that failed; it found a node of another platform, too."""
    show_node("tromso-1", platform="linux/arm64", cpu=4, memory_mb=8192)

    def step(name: str, outcome: str = "ok", raw: str = "") -> dict[str, Any]:
        return {"name": name, "outcome": outcome, "detail": OWN, "raw": raw, "seconds": 0.2}

    common = {
        "organization": acme,
        "reference": f"{OWN}/vision/render:2.4",
        "registry": OWN,
        "repository": "vision/render",
        "version": "2.4",
        "provider": "self_hosted",
        "platform": "linux/amd64",
        "created_by": by,
        "expires_at": timezone.now() + timedelta(minutes=5),
    }
    well = [step(name) for name in ImageCheck.Step.values]
    layers = [{"size": 9_000_000_000, "created_by": "COPY models /opt/models"}, {"size": 31_000_000, "created_by": ""}]
    rows: dict[str, dict[str, Any]] = {
        "going on": {"status": "running", "steps": [*well[:2], step("ping", "running")]},
        "done": {
            "status": "done", "steps": well, "digest": "sha256:" + "4e" * 32, "platform_digest": "sha256:" + "5f" * 32,
            "size": 9_031_000_000, "limit": 10_000_000_000, "layers": layers, "layer_count": 2, "remaining": 96,
            "tags": ["2.4", "2.3", "latest"], "found_platform": "linux/amd64",
            "platforms": [
                {"platform": "linux/amd64", "nodes": 3, "free": 2}, {"platform": "linux/arm64", "nodes": 1, "free": 0},
            ],
        },
        "failed": {
            "status": "failed", "steps": [*well[:3], step("authenticate", "failed", "401 UNAUTHORIZED")],
            "code": "authentication_failed", "raw": "401 UNAUTHORIZED", "params": {"host": OWN},
        },
    }  # fmt: skip
    return {name: ImageCheck.objects.create(**common | values).pk for name, values in rows.items()}


def _jobs(redis: Any, image_id: Any) -> dict[str, Any]:
    """A job that waits, an entry that is none, workers that are idle and busy, and the name of the queue."""
    wakeup = Wakeup("pull", image_id)
    push(wakeup.kind.queue, wakeup)
    redis.rpush("rq:queue:pulls", "none of ours")
    redis.hset("drayage:refused", mapping={"not_a_wakeup": 3, "unknown_job": 1})
    for name, fields in {"worker-1": {}, "worker-2": {"state": "busy", "wakeup": wakeup.entry.decode()}}.items():
        worker = PullWorker(["checks", "pulls"], connection=redis, name=name)
        worker.bootstrap()
        worker._report(**fields)
    return {"queue": "pulls"}


def _sessions(people: dict[str, Any], invited: User) -> dict[str, str]:
    """Everybody's cookie: the cast, and people whose accounts are in another state."""
    twofold = User.objects.create_user(TWOFOLD, PASSWORD, address_proof="mail")
    add_totp(twofold)
    add_recovery_codes(twofold)
    passkeys.add(signed_in(twofold), Device())
    twofold.refresh_from_db()
    passwordless = User.objects.create_user("pia@acme.example", address_proof="mail")
    homeless = User.objects.create_user("hana@acme.example", PASSWORD, address_proof="mail")
    unproven = User.objects.create_user("ulla@acme.example", PASSWORD)
    everybody = people | {
        "twofold": twofold, "passwordless": passwordless, "homeless": homeless, "invited": invited,
        "unproven": unproven,
    }  # fmt: skip
    sessions = {name: _session(person) for name, person in everybody.items()}
    midway = Client()
    midway.post("/accounts/login/", {"login": twofold.email, "password": PASSWORD})
    return sessions | {"midway": midway.cookies[settings.SESSION_COOKIE_NAME].value}


def _session(person: User) -> str:
    client = signed_in(person)
    return client.cookies[settings.SESSION_COOKIE_NAME].value
