"""One row of everything that the admin shows, with canaries as secrets and markup in texts that people write."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from groups.actions import lifecycle
from groups.models import (
    Blob,
    ContainerGroup,
    Enrolment,
    Failure,
    Image,
    Instance,
    Layer,
    LayerDelivery,
    Node,
    NodeToken,
    PullStep,
    Redemption,
    UnusualPresentation,
)
from portal.models import (
    Activity,
    LinkedIdentity,
    Organization,
    SignInLimit,
    SsoProvider,
    SupportRequest,
    User,
    VerifiedDomain,
)
from portal.support import conversations
from registries.foundation.actor import CONSOLE
from registries.models import Credential, TlsHost, Trust, TrustUse
from registries.oci.reference import parse
from tests.support.activity import write_activity
from tests.support.actors import acting
from tests.support.pulls import make_credential

CANARY = "canary-5e1f"
MARKUP = '<script>alert("x")</script>'
LISTED: dict[type, str] = {
    User: "portal/user",
    Organization: "portal/organization",
    SupportRequest: "portal/supportrequest",
    Credential: "registries/credential",
    TlsHost: "registries/tlshost",
    Trust: "registries/trust",
    TrustUse: "registries/trustuse",
    ContainerGroup: "groups/containergroup",
    Image: "groups/image",
    Failure: "groups/failure",
    Node: "groups/node",
    Enrolment: "groups/enrolment",
    NodeToken: "groups/nodetoken",
    Redemption: "groups/redemption",
    UnusualPresentation: "groups/unusualpresentation",
    EmailAddress: "account/emailaddress",
    Authenticator: "mfa/authenticator",
    SignInLimit: "portal/signinlimit",
    SsoProvider: "portal/ssoprovider",
    VerifiedDomain: "portal/verifieddomain",
    LinkedIdentity: "portal/linkedidentity",
    Activity: "portal/activity",
    LogEntry: "admin/logentry",
}
REGISTERED = set(LISTED)


def registered() -> set[type]:
    return set(admin.site._registry)


def url(model: type, *more: Any) -> str:
    """`url(Node)` is the list, `url(Node, pk)` a row's page, `url(Node, "add")` the form for a new one."""
    rest = "".join(f"{part}/" for part in ((*more, "change") if more and more[0] != "add" else more))
    return f"/admin/{LISTED[model]}/{rest}"


def act(action: str, row: Any, **more: str) -> dict[str, Any]:
    """What a list sends to have something done to one row."""
    return {"action": action, "_selected_action": [str(row.pk)], **more}


@dataclass
class Rows:
    """The newest row of each model."""

    by_model: dict[type, Any]

    def __getitem__(self, model: type) -> Any:
        return self.by_model[model]


def make_rows(organization: Any, person: Any, *, number: int = 0) -> Rows:
    """Write one row of each registered model, and what hangs below them."""
    now, project = timezone.now(), organization.projects.get(slug="default")
    credential = make_credential(organization, f"r{number}.example", password=f"{CANARY}-password")
    trust = Trust.objects.create(
        organization=organization, name=f"trust {MARKUP}"[:63], provider="quay", host=f"q{number}.example",
        settings={"robot": "a+b"},
    )  # fmt: skip
    use = TrustUse.objects.create(
        trust=trust, organization=organization, pull=f"pull-{number}", reference=f"q{number}.example/{MARKUP}",
        issuer="https://portal.example/oidc/x", subject="organization:x", audience="quay.io", jti=f"jti-{number}",
    )  # fmt: skip
    group = lifecycle.create(
        organization_id=organization.pk,
        project_id=project.pk,
        name=f"app-{number}",
        reference=parse(f"r{number}.example/team/app:1"),
        credential=credential,
        command=[f"--token={CANARY}-command"],
        by=CONSOLE,
    )
    image = group.image
    Image.objects.filter(pk=image.pk).update(config=f"{CANARY}-config".encode())
    ContainerGroup.objects.filter(pk=group.pk).update(environment=f"{CANARY}-environment".encode())
    for position in range(2):
        blob = Blob.objects.create(
            name=f"{organization.pk}/{number}/{position}",
            organization=organization,
            registry=image.registry,
            source_digest="sha256:" + f"{position}" * 64,
            source_size=10,
            media_type="application/vnd.oci.image.layer.v1.tar+gzip",
            digest="sha256:" + f"{position}" * 64,
            size=10,
            cipher_digest="sha256:" + "c" * 64,
            hmac=f"{CANARY}-hmac".encode(),
            nonce=f"{CANARY}-nonce".encode(),
            wrapped_key=f"{CANARY}-key".encode(),
            stored_at=timezone.now(),
        )
        Layer.objects.create(
            image=image,
            position=position,
            media_type="application/vnd.oci.image.layer.v1.tar+gzip",
            digest="sha256:" + f"{position}" * 64,
            size=10,
            created_by=f"RUN {CANARY}-line",
            blob=blob,
        )
        PullStep.objects.create(image=image, attempt=position + 1, name="resolve", outcome="ok", detail=MARKUP)
    failure = Failure.objects.create(
        organization=organization,
        group=group,
        group_name=group.name,
        reference=image.reference,
        registry=image.registry,
        provider="self_hosted",
        step="authenticate",
        code="authentication_failed",
        params={"host": f"r{number}.example{MARKUP}"},
        raw="401 UNAUTHORIZED",
        trace=[
            {
                "name": "resolve",
                "outcome": "ok",
                "started_at": "2026-01-01T00:00:00+00:00",
                "finished_at": "2026-01-01T00:00:02.500000+00:00",
                "detail": MARKUP,
                "raw": "",
            },
            {"name": "authenticate", "outcome": "failed", "raw": "401 UNAUTHORIZED"},
        ],
    )
    asked = conversations.ask(organization, by=acting(person), kind="failure", failure=failure, message=MARKUP)
    node = Node.objects.create(name=f"node-{number}", public_key="-----BEGIN PUBLIC KEY-----\nthe key")
    instance = Instance.objects.create(group=group, node=node)
    enrolment = Enrolment.objects.create(
        node_name=MARKUP[:60], code_hash=f"{CANARY}-code-{uuid.uuid4()}"[:64], created_by=person, expires_at=now
    )
    token = NodeToken.objects.create(
        token_hash=f"{CANARY}-token-{uuid.uuid4()}"[:64],
        organization=organization,
        group=group,
        group_name=group.name,
        instance=instance,
        image=image,
        node=node,
        node_name=MARKUP[:60],
        manifest_digest="sha256:" + "c" * 64,
        expires_at=now + timedelta(minutes=15),
    )
    redemption = Redemption.objects.create(token=token, presented_by=str(node.pk), outcome="refused", reason="replayed")
    LayerDelivery.objects.create(token=token, digest="sha256:" + "d" * 64)
    someone = User.objects.create_user(f"someone-{number}@acme.example", "correct horse battery", first_name=MARKUP)
    organization.memberships.create(user=someone, role="viewer")
    provider = SsoProvider.objects.create(
        organization=Organization.objects.create(slug=f"sso-{number}", name=f"SSO {number}"),  # it has one at most
        issuer=f"https://login{number}.example/{MARKUP}",
        client_id=MARKUP,
        client=f"{CANARY}-client".encode(),
        configuration=f"{CANARY}-configuration",
        mark=f"{CANARY}-mark",
    )
    return Rows(
        {
            User: someone,
            Organization: organization,
            SupportRequest: asked,
            Credential: credential,
            ContainerGroup: group,
            Image: image,
            Failure: failure,
            Node: node,
            Enrolment: enrolment,
            Trust: trust,
            TrustUse: use,
            TlsHost: TlsHost.objects.create(host=f"registry.internal:{5000 + number}"),
            NodeToken: token,
            Redemption: redemption,
            UnusualPresentation: UnusualPresentation.objects.get(pk=redemption.pk),
            EmailAddress: EmailAddress.objects.create(user=someone, email=someone.email),
            Authenticator: Authenticator.objects.create(
                user=someone, type="totp", data={"secret": f"{CANARY}-second-factor"}
            ),
            SignInLimit: SignInLimit.objects.create(kind="account", key=f"{CANARY}-{number}", shown=MARKUP, count=7),
            SsoProvider: provider,
            VerifiedDomain: VerifiedDomain.objects.create(
                organization=organization, name=f"d{number}.example", token=f"{CANARY}-domain", mark=f"{CANARY}-mark"
            ),
            LinkedIdentity: LinkedIdentity.objects.create(
                provider=provider,
                person=someone,
                subject=MARKUP,
                mark=f"{CANARY}-mark",
                refresh=f"{CANARY}-refresh".encode(),
            ),
            Activity: write_activity(organization.pk, person, "group.changed", MARKUP, MARKUP),
            LogEntry: LogEntry.objects.create(
                user=person,
                content_type=ContentType.objects.get_for_model(Node),
                object_id=str(node.pk),
                object_repr=MARKUP,
                action_flag=CHANGE,
                change_message=MARKUP,
            ),
        }
    )
