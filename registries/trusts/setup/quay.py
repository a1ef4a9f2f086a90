"""Quay: the federation of a robot account (Project Quay, "Keyless authentication with robot accounts")."""

from __future__ import annotations

from registries.trusts.setup.other_side import OtherSide, Step, Way


def ways(side: OtherSide) -> tuple[Way, ...]:
    """Return the one way: the page of the robot account."""
    robot = side.settings.get("robot") or "the robot"
    subjects = tuple(
        Step(f"Subject{f' for the project {slug}, in an entry of its own' if len(side.subjects) > 1 else ''}:", subject)
        for slug, subject in side.subjects.items()
    )
    return (
        Way(
            "Quay",
            (
                Step(
                    f"Your organization, Robot Accounts: create {robot} if it isn't there, and give it the permission "
                    "Read on the repository. Then its menu, Set robot federation. Issuer URL:",
                    side.issuer,
                ),
                *subjects,
                Step(
                    "Audience, where Quay asks for it. Set it: without one, Quay compares only issuer and subject.",
                    side.audience,
                ),
            ),
        ),
    )
