"""One-time secrets: of a form that existing rows and scanners hold on to."""

from __future__ import annotations

import pytest

from registries.secrets import one_time


def test_a_secret_is_new_and_known_by_its_digest() -> None:
    (first, digest), (second, _) = one_time.new("drx_"), one_time.new("drx_")

    assert first != second
    assert first.startswith("drx_")
    assert len(first) == len("drx_") + 43  # 256 random bits
    assert one_time.has_form(first, "drx_")
    assert not one_time.has_form(first, "d.x_")
    assert digest == one_time.digest_of(first)


def test_the_digest_is_that_of_rows_that_exist() -> None:
    known = "29368ebbc9e82aeca3c04fc93de88bbbbf859f9a9c91d46d873b3eb7ff9e0ece"
    assert one_time.digest_of("dri_" + "A" * 43) == known


@pytest.mark.parametrize(
    "text",
    [
        "",
        "drx_",
        "drx_" + "A" * 42,
        "drx_" + "A" * 44,
        "dry_" + "A" * 43,
        "drx_" + "A" * 42 + "é",
        "drx_" + "A" * 43 + "\n",
        "drx_" + "A" * 42 + "\0",
    ],
)
def test_other_texts_have_not_the_form(text: str) -> None:
    assert not one_time.has_form(text, "drx_")
