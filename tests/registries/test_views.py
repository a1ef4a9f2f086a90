"""The pages of registry credentials, as members meet them: no secret comes back, whatever is typed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.models import Organization, Project, User
from registries.credential_rows import empty_credential, note_use, note_used_host
from registries.models import Credential
from registries.providers import PROVIDERS, Provider
from tests.registries.conftest import HOST
from tests.support.pulls import SECRET, make_credential
from tests.support.seals import unsealed

TYPED = {"host": HOST, "username": "deploy", "password": SECRET, "name": "", "hold": "pull"}
LIST = "/o/acme/registries/"
NEW = f"{LIST}new/?kind=self_hosted"

EVERY_KIND = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=lambda provider: provider.kind)


def receipt(credential: Credential) -> str:
    return reverse("registries:detail", args=["acme", credential.pk])


class TestAdd:
    def test_a_credential_is_sealed_and_its_receipt_shown(self, browser: Client, bob: User) -> None:
        answer = browser.post(NEW, TYPED, follow=True)

        credential = Credential.objects.get()
        assert answer.redirect_chain == [(receipt(credential), 302)]
        assert (credential.host, credential.fields, credential.created_by) == (HOST, {"username": "deploy"}, bob)
        assert unsealed(credential) == {"password": SECRET}
        assert HOST in answer.text
        assert SECRET not in answer.text

    @EVERY_KIND
    def test_each_kind_has_its_form(self, provider: Provider, browser: Client) -> None:
        answer = browser.get(f"{LIST}new/?kind={provider.kind}")

        assert answer.status_code == 200
        for declared in provider.fields:
            assert f'name="{declared.name}"' in answer.text
        words = "How long it is kept" if provider.fields else "no credential is needed"
        assert words in answer.text

    @pytest.mark.parametrize(
        "slip",
        [
            {"host": "https://x"},
            {"host": ""},
            {"username": "a:b"},
            {"username": ""},
            {"username": "nul\x00"},
            {"password": f"{SECRET} "},
            {"password": f"{SECRET}\r\nx"},
            {"password": SECRET * 1000},
            {"name": "x" * 64},
            {"name": "a\u202eb"},
            {"hold": "forever"},
        ],
        ids=lambda slip: f"{next(iter(slip))}-{len(next(iter(slip.values())))}",
    )
    def test_a_slip_is_said_at_its_field(self, slip: dict[str, str], browser: Client) -> None:
        answer = browser.post(NEW, TYPED | slip)

        assert answer.status_code == 422
        assert set(answer.context["form"].errors) == set(slip)
        assert "is-invalid" in answer.text or "aria-invalid" in answer.text
        assert SECRET not in answer.text
        assert not Credential.objects.exists()

    @EVERY_KIND
    def test_no_kind_gives_a_secret_back(
        self, provider: Provider, browser: Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        typed = {declared.name: f" {SECRET}:\r\n" for declared in provider.fields}

        answer = browser.post(f"{LIST}new/?kind={provider.kind}", TYPED | typed)

        assert answer.status_code == (422 if provider.fields else 404)
        for declared in provider.fields:
            if declared.secret:
                assert SECRET not in str(answer.context["form"][declared.name])
        logged = capfd.readouterr()
        assert SECRET not in caplog.text + logged.out + logged.err

    def test_ten_thousand_fields(self, browser: Client) -> None:
        assert browser.post(NEW, TYPED | {f"x{number}": "" for number in range(10_000)}).status_code == 400

    def test_nobody_chooses_whose_it_is(self, browser: Client, mallory: User) -> None:
        umbrella = mallory.organizations.get()

        browser.post(
            NEW, TYPED | {"organization": umbrella.pk, "organization_id": umbrella.pk, "created_by": mallory.pk}
        )

        assert Credential.objects.get().organization.slug == "acme"

    def test_markup_stays_text(self, browser: Client) -> None:
        markup = "<script>alert(1)</script>"

        answer = browser.post(NEW, TYPED | {"name": markup, "username": "<b>bob</b>"}, follow=True)

        assert answer.status_code == 200
        assert markup not in answer.text
        assert "<b>bob" not in answer.text
        assert markup not in browser.get(LIST).text

    def test_a_kind_that_is_not_offered(self, browser: Client) -> None:
        for kind in ("portus", "../self_hosted", "x" * 5000):
            assert browser.get(f"{LIST}new/", {"kind": kind}).status_code == 404

    def test_on_to_the_group_that_it_is_for(self, browser: Client, project: Project) -> None:
        answer = browser.post(f"{NEW}&for=group&image=registry.example.com/app:1", TYPED)

        where, _, query = answer["Location"].partition("?")
        assert where == reverse("groups:new", args=["acme", "default"])
        assert f"credential={Credential.objects.get().pk}" in query

    @pytest.mark.parametrize("name", ["next", "for"])
    @pytest.mark.parametrize("where", ["//evil.example", "https://evil.example/", "/\\evil.example", "/admin/"])
    def test_on_to_nowhere_else(self, name: str, where: str, browser: Client) -> None:
        answer = browser.post(f"{NEW}&{name}={where}", TYPED | {name: where})

        assert answer["Location"] == receipt(Credential.objects.get())


class TestList:
    def test_live_ones_and_receipts_each_with_its_life(
        self, browser: Client, acme: Organization, credential: Credential
    ) -> None:
        gone = make_credential(acme, "old.example.com")
        note_use(gone.pk)
        empty_credential(gone.pk, reason="settled")

        text = browser.get(LIST).text

        assert text.index(HOST) < text.index("old.example.com")
        assert receipt(credential) in text
        assert receipt(gone) in text
        assert SECRET not in text

    def test_what_was_destroyed_unused_will_not_be_used(self, browser: Client, credential: Credential) -> None:
        assert "Not yet" in browser.get(LIST).text

        empty_credential(credential.pk, reason="removed")

        text = browser.get(LIST).text
        assert "Never" in text
        assert "Not yet" not in text

    def test_nothing_of_another_organization(self, browser: Client, mallory: User) -> None:
        make_credential(mallory.organizations.get(), "secret.umbrella.example")

        assert "umbrella" not in browser.get(LIST).text

    @EVERY_KIND
    def test_each_kind_with_its_guide(self, provider: Provider, browser: Client) -> None:
        text = browser.get(LIST).text

        assert provider.name in text
        assert reverse("registries:guide", args=["acme", provider.kind]) in text

    def test_a_kind_that_is_missing_can_be_asked_for(self, browser: Client) -> None:
        assert reverse("portal:support", args=["acme"]) in browser.get(LIST).text

    def test_as_many_queries_for_many_as_for_one(
        self, browser: Client, acme: Organization, credential: Credential
    ) -> None:
        def queries() -> int:
            with CaptureQueriesContext(
                connection,
            ) as captured:
                assert browser.get(LIST).status_code == 200
            return len(captured)

        one = queries()
        for number in range(60):
            make_credential(acme, f"registry-{number}.example.com")
        assert queries() <= one + 1  # a second page may be counted

    @pytest.mark.parametrize("page", ["2", "0", "-1", "last", "9" * 5000, "１"])
    def test_pages(self, page: str, browser: Client, acme: Organization) -> None:
        for number in range(55):
            make_credential(acme, f"registry-{number}.example.com")

        assert browser.get(LIST, {"page": page}).status_code == 200

    def test_a_viewer_is_offered_nothing_to_change(
        self, carol: User, as_user: Callable[[User], Client], credential: Credential
    ) -> None:
        browser = as_user(carol)

        assert reverse("registries:new", args=["acme"]) not in browser.get(LIST).text
        assert reverse("registries:destroy", args=["acme", credential.pk]) not in browser.get(receipt(credential)).text


class TestReceipt:
    def test_what_was_entered_and_what_became_of_it(self, browser: Client, credential: Credential) -> None:
        before = browser.get(receipt(credential)).text
        note_use(credential.pk)
        unshown = browser.get(receipt(credential)).text
        note_used_host(credential.pk, "auth.example.com")
        empty_credential(credential.pk, reason="settled")
        after = browser.get(receipt(credential)).text

        assert "deploy" in before
        assert reverse("registries:destroy", args=["acme", credential.pk]) in before
        assert "sent to no host" in unshown
        assert "Sent to auth.example.com and no other host" in after
        assert "the pull ended" in after
        assert reverse("registries:destroy", args=["acme", credential.pk]) not in after
        assert SECRET not in before + after

    def test_nothing_of_what_is_sealed(self, browser: Client, credential: Credential) -> None:
        text = browser.get(receipt(credential)).text

        assert bytes(credential.sealed or b"").hex()[:32] not in text
        assert "memory at 0x" not in text

    def test_one_that_is_overdue_does_not_look_usable(self, browser: Client, credential: Credential) -> None:
        Credential.objects.update(deadline=timezone.now() - timedelta(hours=2))

        assert browser.get(receipt(credential)).status_code == 200
        assert browser.get(LIST).status_code == 200

    def test_one_of_a_kind_that_is_no_longer_offered(self, browser: Client, credential: Credential) -> None:
        Credential.objects.update(provider="gone")

        assert browser.get(receipt(credential)).status_code == 200
        assert browser.get(LIST).status_code == 200

    def test_one_of_another_organization(self, browser: Client, mallory: User) -> None:
        other = make_credential(mallory.organizations.get(), HOST)

        there = browser.get(receipt(other))
        nowhere = browser.get(reverse("registries:detail", args=["acme", uuid.uuid4()]))

        assert there.status_code == nowhere.status_code == 404
        assert there.content == nowhere.content


class TestDestroy:
    def test_once_and_again(self, browser: Client, credential: Credential) -> None:
        address = reverse("registries:destroy", args=["acme", credential.pk])

        first, second = browser.post(address), browser.post(address)

        assert first["Location"] == second["Location"] == receipt(credential)
        credential.refresh_from_db()
        assert credential.sealed is None
        assert credential.destroyed_because == Credential.DestructionReason.REMOVED

    def test_only_by_post(self, browser: Client, credential: Credential) -> None:
        assert browser.get(reverse("registries:destroy", args=["acme", credential.pk])).status_code == 405
        credential.refresh_from_db()
        assert credential.is_live

    def test_not_another_organization_s(self, browser: Client, mallory: User) -> None:
        other = make_credential(mallory.organizations.get(), HOST)

        assert browser.post(reverse("registries:destroy", args=["acme", other.pk])).status_code == 404
        other.refresh_from_db()
        assert other.is_live
