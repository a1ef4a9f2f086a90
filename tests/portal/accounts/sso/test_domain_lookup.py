"""Verifying domains, with a DNS server on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from django.utils import timezone

from portal.accounts.sso import domain_lookup, domains
from portal.accounts.sso.domain_lookup import look_up
from portal.accounts.sso.organization_actions import add_domain, remove_domain
from portal.models import VerifiedDomain
from registries.foundation.actor import PORTAL
from tests.support.actors import acting
from tests.support.database_clock import Clock, clock
from tests.support.fresh_sign_ins import signed_in
from tests.support.sign_ins import actions_of

pytestmark = pytest.mark.django_db
__all__ = ["clock"]


class DnsServer:
    """A DNS server that answers with the TXT records that it was given; REFUSED while it is `broken`."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        self.broken = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(4096)
            if not data:
                return
            question = dns.message.from_wire(data)
            answer = dns.message.make_response(question)
            name = question.question[0].name.to_text().rstrip(".").lower()
            if self.broken:
                answer.set_rcode(dns.rcode.REFUSED)
            elif name in self.records:
                texts = [f'"{text}"' for text in self.records[name]]
                answer.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "TXT", *texts))
            else:
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(answer.to_wire(), sender)


@pytest.fixture
def dns_server(settings: Any) -> Iterator[DnsServer]:
    server = DnsServer()
    settings.PORTAL_DNS_RESOLVER = f"127.0.0.1:{server.port}"
    yield server
    server.close()


@pytest.fixture
def domain(acme: Any, alice: Any) -> VerifiedDomain:
    return add_domain(acme, name="Acme.Example.", by=acting(alice))


def publish(server: DnsServer, domain: VerifiedDomain) -> None:
    server.records[f"_drayage-challenge.{domain.name}"] = ["something else", domain.token]


def test_a_domain_is_verified_by_its_record(dns_server: DnsServer, domain: VerifiedDomain, acme: Any) -> None:
    assert not look_up(domain.pk)
    assert VerifiedDomain.objects.get().problem == "domain_record_missing"
    publish(dns_server, domain)
    assert look_up(domain.pk)
    row = VerifiedDomain.objects.get()
    assert domains.is_verified(row)
    assert domains.owns_address(acme.pk, "Bob@ACME.example")
    assert not domains.owns_address(acme.pk, "bob@sub.acme.example")
    assert actions_of(acme)[-1] == "organization.domain_verified"


def test_the_record_of_another_organization_is_none(
    dns_server: DnsServer, domain: VerifiedDomain, mallory: Any
) -> None:
    publish(dns_server, domain)
    theirs = add_domain(mallory.organizations.get(), name=domain.name, by=acting(mallory))
    assert not look_up(theirs.pk)


def test_a_domain_belongs_to_one_organization(dns_server: DnsServer, domain: VerifiedDomain, mallory: Any) -> None:
    publish(dns_server, domain)
    assert look_up(domain.pk)
    theirs = add_domain(mallory.organizations.get(), name=domain.name, by=acting(mallory))
    publish(dns_server, theirs)
    assert not look_up(theirs.pk)
    theirs.refresh_from_db()
    assert (theirs.verified_at, theirs.problem) == (None, "domain_of_another")


def test_a_record_that_is_gone_for_a_week_ends_it(dns_server: DnsServer, domain: VerifiedDomain, acme: Any) -> None:
    publish(dns_server, domain)
    look_up(domain.pk)
    dns_server.records.clear()
    look_up(domain.pk)
    assert domains.is_verified(VerifiedDomain.objects.get()), "records are lost by mistake, too"
    VerifiedDomain.objects.update(missing_since=timezone.now() - timedelta(days=8))
    look_up(domain.pk)
    assert not domains.is_verified(VerifiedDomain.objects.get())
    assert actions_of(acme)[-1] == "organization.domain_lost"


def test_no_answer_says_nothing(dns_server: DnsServer, domain: VerifiedDomain) -> None:
    publish(dns_server, domain)
    look_up(domain.pk)
    dns_server.broken = True
    VerifiedDomain.objects.update(missing_since=timezone.now() - timedelta(days=8))
    assert not look_up(domain.pk)
    row = VerifiedDomain.objects.get()
    assert domains.is_verified(row)
    assert row.problem == "domain_no_answer"


def test_somebody_who_writes_to_the_database_verifies_nothing(domain: VerifiedDomain, acme: Any) -> None:
    VerifiedDomain.objects.update(verified_at=timezone.now(), mark="x" * 43)
    assert not domains.owns_address(acme.pk, "bob@acme.example")


def test_a_record_that_everybody_can_read_verifies_nothing_for_another_organization(
    dns_server: DnsServer, domain: VerifiedDomain, mallory: Any
) -> None:
    """Somebody gives a domain of his own organization the name and the token that are in another one's DNS."""
    publish(dns_server, domain)
    umbrella = mallory.organizations.get()
    mine = add_domain(umbrella, name="umbrella.example", by=acting(mallory))
    VerifiedDomain.objects.filter(pk=domain.pk).delete()
    VerifiedDomain.objects.filter(pk=mine.pk).update(name=domain.name, token=domain.token)
    assert not look_up(mine.pk)
    assert not domains.owns_address(umbrella.pk, "alice@acme.example")
    assert VerifiedDomain.objects.get().problem == "domain_altered"
    VerifiedDomain.objects.update(organization=umbrella, id=domain.pk)
    assert not look_up(domain.pk), "not even in a row with the same id"


def test_an_owner_is_not_shown_what_somebody_wrote(
    dns_server: DnsServer, domain: VerifiedDomain, acme: Any, alice: Any, mallory: Any
) -> None:
    """The owner would publish the token with which another organization verifies the domain."""
    theirs = add_domain(mallory.organizations.get(), name=domain.name, by=acting(mallory))
    owner = signed_in(alice)
    assert domain.token in owner.get("/o/acme/settings/sso/").content.decode()
    VerifiedDomain.objects.filter(pk=domain.pk).update(token=theirs.token)
    page = owner.get("/o/acme/settings/sso/").content.decode()
    assert theirs.token not in page
    assert "changed outside the portal" in page
    publish(dns_server, theirs)
    assert not look_up(domain.pk)


def test_a_verified_domain_that_somebody_changes_is_lost(
    dns_server: DnsServer, domain: VerifiedDomain, acme: Any, mallory: Any
) -> None:
    """So it doesn't keep the domain's owner from verifying it."""
    theirs = add_domain(mallory.organizations.get(), name="umbrella.example", by=acting(mallory))
    VerifiedDomain.objects.filter(pk=theirs.pk).update(name=domain.name, verified_at=timezone.now())
    publish(dns_server, domain)
    assert not look_up(domain.pk)
    assert not look_up(theirs.pk)
    assert look_up(domain.pk)


@pytest.mark.parametrize("verified_before", [False, True])
def test_a_row_that_is_changed_while_it_is_looked_up_is_not_verified(
    domain: VerifiedDomain, acme: Any, monkeypatch: pytest.MonkeyPatch, verified_before: bool
) -> None:
    """Somebody answers slowly for a domain of his own. The row that he writes then is one that the portal added."""
    other = VerifiedDomain(pk=domain.pk, organization=acme, name="victim.example")
    other.token = domains.token_of(other)
    if verified_before:
        monkeypatch.setattr(domain_lookup, "read_texts", lambda name: [domain.token])
        assert look_up(domain.pk)

    def slow(name: str) -> list[str]:
        VerifiedDomain.objects.update(name=other.name, token=other.token)
        return [domain.token]

    monkeypatch.setattr(domain_lookup, "read_texts", slow)
    assert not look_up(domain.pk)
    assert not domains.owns_address(acme.pk, "bob@victim.example")
    row = VerifiedDomain.objects.get()
    assert row.checked_at is None or verified_before, "nothing was found about this domain"


def test_a_domain_that_is_removed_while_it_is_looked_up(
    domain: VerifiedDomain, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(name: str) -> list[str]:
        remove_domain(domain, by=acting(alice))
        return [domain.token]

    monkeypatch.setattr(domain_lookup, "read_texts", slow)
    assert not look_up(domain.pk)


def test_a_mark_fits_one_domain_only(dns_server: DnsServer, domain: VerifiedDomain, acme: Any) -> None:
    publish(dns_server, domain)
    look_up(domain.pk)
    VerifiedDomain.objects.update(name="victim.example")
    assert not domains.owns_address(acme.pk, "bob@victim.example")


def test_a_row_that_is_put_back_is_not_verified_for_long(
    dns_server: DnsServer, domain: VerifiedDomain, acme: Any, clock: Clock
) -> None:
    """Somebody keeps the row of a domain that the organization has lost since, and puts it back."""
    publish(dns_server, domain)
    look_up(domain.pk)
    kept: dict[str, Any] = dict(VerifiedDomain.objects.values().get())
    dns_server.records.clear()
    domain_lookup.end_verification(domain, by=PORTAL)
    del kept["id"]
    VerifiedDomain.objects.update(**kept | {"checked_at": timezone.now() + timedelta(days=365)})
    assert domains.owns_address(acme.pk, "bob@acme.example"), "until a worker would have had to look again"
    clock.shift(domains.VALID_FOR.total_seconds() + 1)
    assert not domains.owns_address(acme.pk, "bob@acme.example")
    VerifiedDomain.objects.update(valid_until=timezone.now() + timedelta(days=365))
    assert not domains.owns_address(acme.pk, "bob@acme.example"), "nobody prolongs it"


def test_a_worker_that_finds_the_record_prolongs_it(
    dns_server: DnsServer, domain: VerifiedDomain, acme: Any, clock: Clock
) -> None:
    publish(dns_server, domain)
    look_up(domain.pk)
    first = VerifiedDomain.objects.get()
    clock.shift(3600)
    look_up(domain.pk)
    second = VerifiedDomain.objects.get()
    assert first.valid_until is not None
    assert second.valid_until is not None
    assert second.valid_until > first.valid_until
    assert second.verified_at == first.verified_at
    assert domains.is_verified(second)
    assert actions_of(acme).count("organization.domain_verified") == 1


@pytest.mark.parametrize(
    "name", ["", "example", "a..b", "-a.example", "a-.example", "a b.example", "1.2.3.4", "a.example/x", "x" * 300]
)
def test_what_is_no_domain(name: str) -> None:
    assert not domains.is_domain(name)
    assert domain_lookup.read_texts(name) == []


def test_verified_domains_are_looked_up_every_day(
    dns_server: DnsServer, domain: VerifiedDomain, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[object] = []
    monkeypatch.setattr(domain_lookup, "wake_find_domain", woken.append)
    assert domain_lookup.sweep() == 0
    publish(dns_server, domain)
    look_up(domain.pk)
    assert domain_lookup.sweep() == 0
    VerifiedDomain.objects.update(checked_at=timezone.now() - timedelta(hours=25))
    assert domain_lookup.sweep() == 1
    assert woken == [domain.pk]
