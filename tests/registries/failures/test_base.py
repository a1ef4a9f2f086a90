"""Failures and the words for them."""

from __future__ import annotations

import string

import pytest

import groups.failures  # noqa: F401 (registers its own)
from registries.failures import (
    FAILURES,
    AccessDenied,
    AuthenticationFailed,
    DigestMismatch,
    PullFailed,
    Words,
    describe,
    printable,
)

CODES = {
    "authentication_failed", "access_denied", "image_not_found", "image_too_large", "store_failed",
    "platform_missing", "unsupported_manifest", "digest_mismatch", "rate_limited", "registry_unreachable",
    "tls_invalid",
    "trust_refused", "host_not_allowed", "credential_malformed", "credential_expired", "interrupted", "unexpected",
    "credential_tampered", "storage_quota_reached", "organization_suspended", "registry_refuses", "host_unknown",
    "resolver_failed",
}  # fmt: skip


def test_every_code_has_its_class() -> None:
    assert set(FAILURES) == CODES


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_each_says_what_happened_and_what_to_do(failure: type[PullFailed]) -> None:
    for words in (Words(failure.title, failure.text, failure.remedy), *failure.cases.values()):
        assert not words.title.endswith(".")
        placeholders = {name for _, name, _, _ in string.Formatter().parse(words.title) if name is not None}
        assert placeholders <= {"cloud", "Cloud", "part", "Part"}, "titles name no customer's host"
        for sentence in (words.text, words.remedy):
            assert sentence.endswith(".")
            assert "!" not in sentence
            names = [name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None]
            assert all(name.isidentifier() for name in names)


def test_words_are_filled_from_the_parameters() -> None:
    failure = AccessDenied(host="registry.example.com", repository="team/app")
    assert "registry.example.com" in describe(failure.code, failure.params).text
    assert "team/app" in describe(failure.code, failure.params).text


def test_a_case_has_words_of_its_own() -> None:
    failure = AuthenticationFailed(host="registry.example.com", case="none_given")
    assert describe(failure.code, failure.params).title == "The registry asks for credentials"


def test_older_rows_still_read() -> None:
    assert "…" in describe("access_denied", {}).text
    assert describe("a_code_of_the_past", {"host": "x"}).title == FAILURES["unexpected"].title
    assert describe("authentication_failed", {"host": "x", "case": "a case of the past"}).title


def test_remote_text_becomes_one_harmless_line() -> None:
    assert printable("a\r\nb\x1b[31m\u202ec\x00") == "a b[31mc"
    assert len(printable("x" * 500)) == 80


def test_codes_are_unique() -> None:
    with pytest.raises(TypeError, match="access_denied"):
        type("Again", (PullFailed,), {"code": "access_denied"})


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_only_what_failed_itself_costs_the_credential(failure: type[PullFailed]) -> None:
    """Entering it again mends nothing else."""
    lost = {"authentication_failed", "credential_malformed", "credential_expired", "credential_tampered"}
    assert failure.keeps_credential == (failure.code not in lost | {"organization_suspended"})


def test_one_instance_may_be_retryable_where_its_class_is_not() -> None:
    assert not AccessDenied(host="r.example", repository="a").retryable
    assert AccessDenied(host="r.example", repository="a", retryable=True).retryable
    assert not DigestMismatch(what="a layer", retryable=False).retryable
    assert DigestMismatch(what="a layer").retryable
    assert "retryable" not in AccessDenied(host="r.example", repository="a", retryable=True).params


@pytest.mark.parametrize(
    ("service", "met", "text"),
    [
        ("registry", "harbor.example", "The registry harbor.example did not let"),
        ("registry", "registry-1.docker.io", "The registry harbor.example (at registry-1.docker.io) did not let"),
        ("sign_in", "git.example", "The sign-in service git.example of the registry harbor.example did not let"),
        ("sign_in", "harbor.example", "The sign-in service of the registry harbor.example did not let"),
        ("storage", "minio.example", "The storage minio.example of the registry harbor.example did not let"),
    ],
)
def test_the_words_say_which_of_the_three_did_it(service: str, met: str, text: str) -> None:
    failure = AccessDenied(host="harbor.example", repository="a/b", service=service, met=met)
    assert failure.words.text.startswith(text)


def test_rows_from_before_there_was_a_service_name_the_registry() -> None:
    words = describe("registry_unreachable", {"host": "r.example", "reason": "it broke off"})
    assert words.title == "The registry can't be reached"
    assert words.text.startswith("The registry r.example ")
    assert "r.example is the right host" in words.remedy
    assert describe("registry_unreachable", {"host": "r.example", "service": "of the future"}).title == words.title
