"""A uuid has power only in the row that it was given to."""

from __future__ import annotations

from uuid import UUID

import pytest

from registries.secrets.identity_marks import Kind, is_marked, mark_of

ACME, GLOBEX = UUID(int=1), UUID(int=2)


def test_a_mark_fits_its_own_row() -> None:
    assert is_marked(mark_of(Kind.PROJECT, ACME, 1, 2), Kind.PROJECT, ACME, 1, 2)


@pytest.mark.parametrize(
    ("kind", "uuid", "keys"),
    [
        (Kind.ORGANIZATION, ACME, (1, 2)),
        (Kind.PROJECT, GLOBEX, (1, 2)),
        (Kind.PROJECT, ACME, (2, 1)),
        (Kind.PROJECT, ACME, (12,)),
        (Kind.PROJECT, ACME, (1, 2, 3)),
    ],
)
def test_it_fits_no_other(kind: Kind, uuid: UUID, keys: tuple[int, ...]) -> None:
    assert not is_marked(mark_of(Kind.PROJECT, ACME, 1, 2), kind, uuid, *keys)
    assert not is_marked("", kind, uuid, *keys)
    assert not is_marked("é", kind, uuid, *keys)
