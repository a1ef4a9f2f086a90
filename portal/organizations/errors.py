"""Refusals of changes to a team."""

from __future__ import annotations

from registries.foundation.refusal import Refusal


class TeamRefused(Refusal):
    """The team can't be changed like this."""

    code = "team_refused"
    title = "The team can't be changed like this"


class AddressUnproven(TeamRefused):
    """The person has not proven that the address of their account is theirs: somebody else may have made it."""

    code = "address_unproven"
    title = "This address is not verified yet"

    def __init__(self, email: str) -> None:
        super().__init__(
            f"The address {email} is not verified, so its account can't get access to anything more. Whoever reads its "
            "email can verify it: under Profile, or with “Forgot your password?” on the sign-in page.",
            field="email",
        )


class AccountDeactivated(TeamRefused):
    """An operator has deactivated the person's account."""

    code = "account_deactivated"
    title = "This account is deactivated"

    def __init__(self, email: str) -> None:
        super().__init__(
            f"An operator has deactivated the account {email}, so it gets no access and no role. Ask an operator of "
            "this portal to activate it first.",
            field="email",
        )


class LastOwner(TeamRefused):
    """The change would leave the organization without an owner."""

    code = "last_owner"

    def __init__(self) -> None:
        super().__init__("An organization needs an owner. Make somebody else owner first.")


class NoLongerOwner(TeamRefused):
    """The person was an owner when the page was opened, and no longer is."""

    code = "no_longer_owner"

    def __init__(self) -> None:
        super().__init__("Only an owner of the organization can do this. Ask an owner.")
