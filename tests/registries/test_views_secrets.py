"""Pages of credentials: secrets in the wrong field, and erasing names."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from portal.models import User
from registries.credential_rows import empty_credential
from registries.models import ERASED_NAME, Credential
from registries.providers import PROVIDERS
from tests.registries.conftest import HOST
from tests.support.pulls import SECRET, make_credential

TYPED = {"host": HOST, "username": "deploy", "password": SECRET, "name": "", "hold": "pull"}
LIST = "/o/acme/registries/"
NEW = f"{LIST}new/?kind=self_hosted"

EVERY_KIND = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.kind)


def receipt(credential: Credential) -> str:
    return reverse("registries:detail", args=["acme", credential.pk])


class TestSecretsInTheWrongField:
    TOKEN = "ghp_" + "CANARY7f3aCANARY7f3a" + "CANARY7f3aCANARY"

    @pytest.mark.parametrize("field", ["username", "name", "host", "trial"])
    def test_a_token_is_neither_stored_nor_shown(self, field: str, browser: Client) -> None:
        answer = browser.post(NEW, TYPED | {field: self.TOKEN})

        assert answer.status_code == 422
        assert self.TOKEN not in answer.text
        assert "GitHub token" in answer.text
        assert not Credential.objects.exists()

    def test_the_way_out_is_in_the_form(self, browser: Client) -> None:
        typed = TYPED | {"username": self.TOKEN, "password": "octocat"}
        refused = browser.post(NEW, typed)
        answer = browser.post(NEW, typed | {"fix": "swap"}, follow=True)

        assert 'name="fix" value="swap"' in refused.text
        assert Credential.objects.get().fields == {"username": "octocat"}
        assert self.TOKEN not in answer.text

    @pytest.mark.parametrize("field", ["username", "name", "host", "password"])
    def test_a_whole_login_is_read_wherever_it_was_pasted(self, field: str, browser: Client) -> None:
        line = f"docker login ghcr.io -u octocat -p {self.TOKEN}"
        empty = dict.fromkeys(("host", "username", "password"), "")

        answer = browser.post(f"{LIST}new/", TYPED | empty | {field: line}, follow=True)

        row = Credential.objects.get()
        assert (row.provider, row.host, row.fields) == ("ghcr", "ghcr.io", {"username": "octocat"})
        assert self.TOKEN not in answer.text + row.name
        assert "Read as ghcr.io, user octocat" in answer.text

    def test_a_new_name_is_guarded_too(self, browser: Client, credential: Credential) -> None:
        answer = browser.post(f"{receipt(credential)}edit/", {"name": self.TOKEN, "host": HOST})

        credential.refresh_from_db()
        assert answer.status_code == 422
        assert self.TOKEN not in answer.text
        assert credential.name == "registry"


class TestErase:
    def test_a_page_from_before_says_that_a_secret_is_shown(self, browser: Client, credential: Credential) -> None:
        token = TestSecretsInTheWrongField.TOKEN
        assert "looks like a secret" not in browser.get(receipt(credential)).text
        Credential.objects.filter(pk=credential.pk).update(fields={"username": token})

        page = browser.get(receipt(credential)).text

        assert "looks like a secret" in page
        assert token not in page
        empty_credential(credential.pk, reason="removed")
        assert f'{receipt(credential)}erase/">erase them' in browser.get(receipt(credential)).text

    def test_after_a_confirmation(self, browser: Client, credential: Credential) -> None:
        address = f"{receipt(credential)}erase/"
        empty_credential(credential.pk, reason="removed")
        assert address in browser.get(receipt(credential)).text

        asked = browser.get(address)
        credential.refresh_from_db()
        assert "Erase name and user name" in asked.text
        assert credential.name == "registry"

        answer = browser.post(address, follow=True)

        assert "are erased" in answer.text
        assert address not in answer.text
        credential.refresh_from_db()
        assert (credential.name, credential.fields) == (ERASED_NAME, {})
        assert "were erased before" in browser.post(address, follow=True).text

    def test_what_is_held_is_not_erased(self, browser: Client, credential: Credential) -> None:
        address = f"{receipt(credential)}erase/"

        assert address not in browser.get(receipt(credential)).text
        assert "Destroy it first" in browser.get(address).text
        assert "Destroy the credential first" in browser.post(address, follow=True).text
        credential.refresh_from_db()
        assert credential.name == "registry"

    def test_the_activity_has_words_for_it(self, browser: Client, credential: Credential) -> None:
        empty_credential(credential.pk, reason="removed")
        browser.post(f"{receipt(credential)}erase/")

        assert "erased the name and the user name of a credential" in browser.get("/o/acme/settings/activity/").text

    def test_not_another_organization_s(self, browser: Client, mallory: User) -> None:
        theirs = make_credential(mallory.memberships.get().organization, HOST)

        assert browser.post(f"{receipt(theirs)}erase/").status_code == 404
