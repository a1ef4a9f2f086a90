"""Everybody who may come to an address, each with a browser, and one object for every argument of every address."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from groups.models import ContainerGroup, Image, Quota
from portal.models import Organization, User
from portal.organizations.api_keys import create_key
from tests.support.actors import acting
from tests.support.addresses import Address
from tests.support.admin_rows import make_rows
from tests.support.fresh_sign_ins import signed_in
from tests.support.one_of_each import one_of_each
from tests.support.second_factors import add_totp

NOBODY = "00000000-0000-4000-8000-000000000000"


class AccessCast:
    """Acme with one object of each kind, and the people and programs around it."""

    def __init__(self) -> None:
        owner, other = (_person(name) for name in ("alice@acme.example", "anna@acme.example"))
        people = {
            "stranger": _person("mallory@umbrella.example"),
            "removed": _person("rita@acme.example"),
            "viewer": _person("carol@acme.example"),
            "member": _person("bob@acme.example"),
            "unproven": _person("una@acme.example", address_proof=""),
            "owner": owner,
            "support": _person("sam@drayage.example", is_staff=True, is_support=True),
            "operator": _person("olga@drayage.example", is_staff=True, is_superuser=True),
        }
        for who in ("support", "operator"):  # without a second factor they reach nothing but the page that adds one
            add_totp(people[who])
        self.acme, umbrella = _organization("acme"), _organization("umbrella")
        roles = {"viewer": "viewer", "member": "member", "unproven": "member", "owner": "owner"}
        for who, role in roles.items():
            self.acme.memberships.create(user=people[who], role=role)
        self.acme.memberships.create(user=other, role="owner")
        umbrella.memberships.create(user=people["stranger"], role="owner")
        self.rows = make_rows(self.acme, owner)
        # Those rows hold placeholders that can't be decrypted.
        ContainerGroup.objects.update(environment=None, command=[])
        Image.objects.update(config=None)
        self.values = one_of_each(self.acme, owner, people["member"])
        self.keys = self._make_keys(umbrella, people)
        cookie = settings.SESSION_COOKIE_NAME
        self._sessions = {who: signed_in(person).cookies[cookie].value for who, person in people.items()}

    def _make_keys(self, umbrella: Organization, people: dict[str, User]) -> dict[str, str]:
        acme, batch = self.acme, self.acme.projects.create(slug="batch", name="Batch")
        default = acme.projects.get(slug="default")
        gone = acme.memberships.create(user=people["removed"], role="owner")
        made: list[tuple[str, Organization, User, dict[str, Any]]] = [
            ("no key", umbrella, people["stranger"], {}),
            ("stranger's", umbrella, people["stranger"], {"scope": "write"}),
            ("removed owner's", acme, people["removed"], {"scope": "write"}),
            ("another project's", acme, people["owner"], {"scope": "write", "project_id": batch.pk}),
            ("project's, read", acme, people["owner"], {"scope": "read", "project_id": default.pk}),
            ("project's, write", acme, people["owner"], {"scope": "write", "project_id": default.pk}),
            ("read", acme, people["owner"], {"scope": "read"}),
            ("write", acme, people["owner"], {"scope": "write"}),
        ]
        keys = {
            name: create_key(organization_id=of.pk, name=f"key-{number}", by=acting(person), **more)[1] if more else ""
            for number, (name, of, person, more) in enumerate(made)
        }
        gone.delete()  # by another way than an action, so that the key is not revoked
        return keys

    def ask(self, who: str, method: str, url: str) -> HttpResponse:
        """The response to this person, read to its end."""
        client = Client()
        if who in self._sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self._sessions[who]
        return _read(client.generic(method, url))

    def call(self, key: str, method: str, url: str) -> HttpResponse:
        """The response to the program with this key."""
        headers = {"Salad-Api-Key": self.keys[key]} if self.keys[key] else {}
        body = "" if method in ("GET", "HEAD", "OPTIONS", "DELETE") else "{}"
        return _read(Client().generic(method, url, body, content_type="application/json", headers=headers))

    def url(self, address: Address) -> str:
        """The address of one of Acme's objects."""
        name = address.name
        group = self.values["groups:instance_restart"]["name"]  # which has the instance
        known: dict[str, Any] = {
            "organization_name": "acme", "project_name": "default", "container_group_name": group,
            "container_group_instance_id": self.values["groups"]["instance"],
            "webhook_id": self.values["portal"]["webhook"],
            "issuer": self.acme.uuid, "trust_id": self.values["registries"]["trust"],
            "key": "x", "token": "x", "uidb36": "1",
            "reference": "latest", "digest": "sha256:" + "0" * 64, "queue": "pulls", "what": "failure",
            "pk": self.values["groups"]["failure"], "app_label": "portal", "url": "nothing", "content_type_id": 1,
            "identity": NOBODY, "sign_in": NOBODY, "browser": NOBODY, "organization": 0,
            "object_id": 1, "name": "acme/default/web", "id": self._record(name) or User.objects.latest("pk").pk,
        }  # fmt: skip
        space = name.partition(":")[0]
        if name.startswith("mfa_"):
            known["pk"] = 1
        if space in self.values:
            known |= self.values[space] | self.values.get(name, {})
        elif record := self._record(name):
            known["object_id"] = record
        values = {part: known[part] for part in address.varies}
        if "/" not in name:
            url = reverse(name, kwargs=values)
        else:  # a route without a name
            url = "/" + name.replace("$", "").replace("(?P<url>.*)", "nothing")
            for part in address.varies:
                url = url.replace(f"<path:{part}>", str(values[part])).replace(f"<str:{part}>", str(values[part]))
        return url if name != "portal:stop_sharing" else f"{url}?failure={self.values['groups']['failure']}"

    def _record(self, name: str) -> Any:
        for model in admin.site._registry:
            label, model_name = model._meta.app_label, model._meta.model_name
            if name.startswith((f"admin:{label}_{model_name}_", f"admin/{label}/{model_name}/")):
                return self.rows.by_model[model].pk if model in self.rows.by_model else None
        return None


def _read(response: Any) -> HttpResponse:
    if response.streaming:
        response.getvalue()
    answer: HttpResponse = response
    return answer


def _person(email: str, **fields: Any) -> User:
    return User.objects.create_user(email, **({"address_proof": "mail"} | fields))


def _organization(slug: str) -> Organization:
    organization = Organization.objects.create(slug=slug, name=slug.capitalize())
    Quota.objects.create(organization_id=organization.pk)
    organization.projects.create(slug="default", name="Default")
    return organization
