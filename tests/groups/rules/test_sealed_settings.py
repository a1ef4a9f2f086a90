"""Options and environment: encrypted for one group and one purpose, and masked values that stay as they were."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from groups.models import ContainerGroup
from groups.rules.sealed_settings import (
    open_environment,
    open_options,
    seal_environment,
    seal_options,
    unmask,
)
from registries.foundation.ids import GroupId
from registries.secrets.at_rest import AtRestBroken

SECRET = "canary-7f3a-secret"  # pragma: allowlist secret
MASKED = "********"


def a_group() -> ContainerGroup:
    key = GroupId(uuid4())
    options, environment = seal_options(key, {"log": {"token": SECRET}}), seal_environment(key, {"TOKEN": SECRET})
    return ContainerGroup(pk=key, options=options, environment=environment)


def test_what_is_sealed_is_opened_again_and_is_not_readable() -> None:
    group = a_group()

    assert open_options(group) == {"log": {"token": SECRET}}
    assert open_environment(group) == {"TOKEN": SECRET}
    assert SECRET.encode() not in bytes(group.options or b"") + bytes(group.environment or b"")


def test_nothing_is_sealed_as_nothing() -> None:
    key = GroupId(uuid4())

    assert seal_options(key, {}) is None
    assert seal_environment(key, {}) is None
    assert open_options(ContainerGroup(pk=key)) == {}
    assert open_environment(ContainerGroup(pk=key)) == {}


def test_neither_another_group_nor_another_purpose_opens_it() -> None:
    group, other = a_group(), a_group()
    other.options, other.environment = group.options, group.environment
    swapped = ContainerGroup(pk=group.pk, options=group.environment, environment=group.options)

    for row in (other, swapped):
        with pytest.raises(AtRestBroken):
            open_options(row)
        with pytest.raises(AtRestBroken):
            open_environment(row)


@pytest.mark.parametrize(("new", "old", "kept"), [
    (MASKED, "old", "old"),
    ("new", "old", "new"),
    ("*******", "old", "*******"),
    ("*********", "old", "*********"),
    (MASKED, None, MASKED),
    (MASKED, 7, MASKED),
    (MASKED, {"a": "old"}, MASKED),
    ({"a": MASKED, "b": "new"}, {"a": "old", "b": "older", "c": "gone"}, {"a": "old", "b": "new"}),
    ({"a": {"b": MASKED}}, {"a": {"b": "old"}}, {"a": {"b": "old"}}),
    ({"a": MASKED}, {"b": "old"}, {"a": MASKED}),
    ({"a": MASKED}, "old", {"a": MASKED}),
    ([MASKED, "new", MASKED], ["old", "older"], ["old", "new", MASKED]),
    ([{"a": MASKED}, {"a": MASKED}], [{"a": "one"}, {"a": "two"}], [{"a": "one"}, {"a": "two"}]),
    ([MASKED], "old", [MASKED]),
    (None, "old", None),
    (0, "old", 0),
])  # fmt: skip
def test_a_mask_keeps_the_text_at_its_place(new: Any, old: Any, kept: Any) -> None:
    assert unmask(new, old) == kept
