"""How a provider's table turns the general meaning of an answer into its own."""

from __future__ import annotations

from registries.failures import (
    AccessDenied,
    AuthenticationFailed,
    ImageNotFound,
    PullFailed,
    RateLimited,
    RegistryRefuses,
)
from registries.oci.errors import Stage, response_failure
from registries.providers.rules import Rule, apply


def answered(stage: Stage, status: int, body: bytes = b"", *, login: bool = True) -> PullFailed:
    where = {"host": "registry.example", "repository": "team/app", "version": "1.0"}
    return response_failure(stage, status, {"Retry-After": "7"}, body, login=login, **where)


DENIED = b'{"errors":[{"code":"DENIED","message":"Go Away","detail":"for GOOD"}]}'


def test_without_a_rule_the_failure_stays_the_same() -> None:
    failure = answered(Stage.TOKEN, 403, DENIED)
    assert apply((), failure) is failure
    assert apply((Rule(RateLimited, statuses=(418,)),), failure) is failure
    assert apply((Rule(AccessDenied),), failure) is failure


def test_a_failure_that_no_answer_made_stays_the_same() -> None:
    failure = AccessDenied(host="x", repository="y")
    assert apply((Rule(RateLimited),), failure) is failure


def test_what_was_said_is_carried_over() -> None:
    failure = answered(Stage.TOKEN, 403, DENIED)
    meant = apply((Rule(AuthenticationFailed, stages=(Stage.TOKEN,), statuses=(403,), codes=("DENIED",)),), failure)
    assert isinstance(meant, AuthenticationFailed)
    assert (meant.raw, meant.response) == ("403 DENIED", failure.response)
    assert meant.params["host"] == "registry.example"


def test_all_that_is_set_must_fit() -> None:
    said = answered(Stage.MANIFEST, 403, DENIED).response
    assert said is not None
    assert Rule(AccessDenied, words=("away for good", "nothing")).matches(said)
    assert not Rule(AccessDenied, words=("away for good",), stages=(Stage.TOKEN,)).matches(said)
    assert not Rule(AccessDenied, login=False).matches(said)
    assert not Rule(AccessDenied, silent=True).matches(said)
    silent = answered(Stage.TOKEN, 403, b"<html>no</html>", login=False).response
    assert silent is not None
    assert Rule(AccessDenied, silent=True, login=False).matches(silent)


def test_the_first_rule_wins() -> None:
    rules = (Rule(ImageNotFound, statuses=(403,)), Rule(RateLimited))
    assert apply(rules, answered(Stage.BLOB, 403)).code == "image_not_found"


def test_the_message_is_never_shown() -> None:
    failure = answered(Stage.TOKEN, 403, b'{"details":"your password is hunter2"}')
    assert "hunter2" not in repr(failure) + str(vars(failure)) + failure.raw
    assert failure.response is not None
    assert "hunter2" in failure.response.message


def test_messages_of_any_shape() -> None:
    for body in (
        b"[]",
        b"7",
        b'"x"',
        b'{"errors":[]}',
        b'{"errors":[7]}',
        b'{"errors":{}}',
        b"[" * 60_000,
        b"\xff",
        b"{",
    ):
        said = answered(Stage.TOKEN, 401, body).response
        assert said is not None
        assert said.message == ""
    long = answered(Stage.TOKEN, 401, b'{"message":"' + b"A\\u001b" * 9000 + b'"}').response
    assert long is not None
    assert set(long.message) == {"a", "…"}
    assert len(long.message) == 500


def test_a_rule_chooses_a_case_and_whether_it_passes() -> None:
    """harbor#19983 and others: the words of one kind of registry choose one of the failure's cases."""
    failure = answered(Stage.MANIFEST, 403, DENIED)
    rules = (Rule(RegistryRefuses, statuses=(403,), words=("go away",), case="policy", retryable=True),)
    meant = apply(rules, failure)
    assert isinstance(meant, RegistryRefuses)
    assert (meant.params["case"], meant.params["reply"], meant.retryable) == ("policy", "403 DENIED", True)
    assert (meant.params["service"], meant.params["met"]) == ("registry", "registry.example")
    assert "403 DENIED" in meant.words.text


def test_a_rule_may_change_only_the_case() -> None:
    failure = answered(Stage.MANIFEST, 418)
    meant = apply((Rule(RegistryRefuses, case="payment"),), failure)
    assert (meant.code, meant.params["case"]) == ("registry_refuses", "payment")
    assert apply((Rule(RegistryRefuses),), failure) is failure


def test_a_rule_for_a_status_alone_leaves_what_the_registry_says_itself() -> None:
    """Azure's 403 is a matter of permissions, except where it says "quarantine"."""
    said = b'{"errors":[{"code":"DENIED","message":"the image is in quarantine"}]}'
    failure = answered(Stage.MANIFEST, 403, said)
    assert (failure.code, failure.params["case"]) == ("registry_refuses", "policy")
    assert apply((Rule(AccessDenied, statuses=(403,)),), failure) is failure
    assert apply((Rule(AccessDenied, words=("quarantine",)),), failure).code == "access_denied"


def test_words_within_the_name_of_the_image_are_no_words_of_the_registry() -> None:
    said = b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no manifest for team/quarantined:1.0"}]}'
    failure = response_failure(
        Stage.MANIFEST, 404, {}, said, host="r.example", repository="team/quarantined", version="1.0", login=True
    )
    assert apply((Rule(RegistryRefuses, words=("quarantined",)),), failure) is failure
