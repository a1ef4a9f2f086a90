"""A portal in full use: everything that can be done was done, and every kind of secret is in somebody's hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.test import Client

from groups.delivery import tokens
from groups.models import Instance, NodeManifest
from groups.nodes.enrolment import create_enrolment
from portal.accounts.reset_tokens import ResetTokens
from portal.models import User, Webhook
from portal.notifications.webhooks import secrets_of
from portal.organizations.api_keys import create_key
from portal.organizations.invitations import invite
from registries.foundation.actor import CONSOLE
from tests.conftest import PASSWORD
from tests.support.actors import acting
from tests.support.delivery_setup import make_group, make_node, make_source, started, store_image
from tests.support.one_of_each import one_of_each
from tests.support.second_factors import add_recovery_codes, add_totp, unused_codes
from tests.support.sign_ins import sign_in

TOTP_SECRET = "JBSWY3DPEHPK3PXP"  # pragma: allowlist secret


@dataclass
class PortalInUse:
    """What is in somebody's hands, by what it is; and a browser that is asked for a second factor."""

    secrets: dict[str, str]
    midway: Client
    person: User


def make_portal_in_use(acme: Any, people: dict[str, User]) -> PortalInUse:
    """Make it. `people` are alice, bob, olga and mallory."""
    alice, bob, olga = people["alice"], people["bob"], people["olga"]
    one_of_each(acme, alice, bob)
    secrets: dict[str, str] = {"password": PASSWORD}

    for name, person in (("alice", alice), ("olga", olga)):
        browser = sign_in(person)
        secrets[f"session of {name}"] = browser.cookies[settings.SESSION_COOKIE_NAME].value
    alice.refresh_from_db()  # signing in ends a link
    secrets["password link"] = ResetTokens().make_token(alice)
    opened = Client()
    secrets["opened password link"] = ResetTokens().make_token(bob)
    opened.get(f"/accounts/password/reset/key/{user_pk_to_url_str(bob)}-{secrets['opened password link']}/")
    secrets["session of an opened link"] = opened.cookies[settings.SESSION_COOKIE_NAME].value
    secrets["invitation"] = invite(acme, email="ned@acme.example", role="owner", by=acting(alice))[1]
    Client().get(f"/invitations/{secrets['invitation']}/")
    secrets["write key"] = create_key(organization_id=acme.pk, name="w", scope="write", by=acting(alice))[1]
    secrets["read key"] = create_key(organization_id=acme.pk, name="r", scope="read", by=acting(alice))[1]
    secrets["enrolment code"] = create_enrolment("node-9", by=CONSOLE)[0]
    secrets["webhook"] = secrets_of(Webhook.objects.get())[0]

    node = make_node("node-in-use")
    image = store_image(acme, make_source(b"layer one", b"layer two"))
    secrets["redeemed node token"] = started(make_group(acme, image, "in-use"), node)["token"]
    secrets["bearer"] = node.redeem(secrets["redeemed node token"]).json()["token"]
    instance = Instance.objects.get(node=node.row)
    secrets["node token"] = tokens.mint(instance, NodeManifest.objects.get(node=node.row))[0]

    guarded = User.objects.create_user("tove@acme.example", PASSWORD, address_proof="mail")
    add_totp(guarded, TOTP_SECRET)
    secrets["second factor"] = TOTP_SECRET
    secrets["recovery code"] = unused_codes(guarded, add_recovery_codes(guarded))[0]
    midway = sign_in(guarded)
    onwards = f"/accounts/login/?next=/invitations/{secrets['invitation']}/"
    Client().post(onwards, {"login": alice.email, "password": "a wrong guess"})
    return PortalInUse(secrets, midway, guarded)
