"""A person, known by an e-mail address."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from registries.foundation.id_fields import UserIdField
from registries.secrets.account_marks import AccountState, is_marked, is_marked_before, mark_of


def canonical_email(text: str) -> str:
    """Return an email address as it is stored: in lower case, so that each belongs to one person."""
    return text.strip().lower()


class AddressProof(models.TextChoices):
    """Who showed that a person has the email address of their account. Without a proof the account may be anybody's
    who knew the address, such as whoever invited that person."""

    NONE = "", "not proven"
    MAIL = "mail", "by a link that was mailed there"
    SSO = "sso", "by the identity provider"
    OPERATOR = "operator", "by an operator"


class UserManager(BaseUserManager["User"]):
    """Creates people, with their mark; addresses are stored in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        """Create a person. Without a password they can't sign in until they set one."""
        user = self.model(email=canonical_email(email), **fields)
        user.set_password(password)
        with transaction.atomic(using=self._db):
            user.save(using=self._db)
            user.set_authority_mark()  # it covers the primary key
            user.save(using=self._db, update_fields=["authority_mark"])
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        """Create an operator, who may do everything in the admin."""
        proof = {"address_proof": AddressProof.OPERATOR} | fields
        return self.create_user(email, password, is_staff=True, is_superuser=True, **proof)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractUser):
    """Members, support and operators alike. `is_support` with `is_staff` opens failures and requests in
    the admin and nothing else; operators are superusers.

    `authority_mark` covers who the person is and what they may do (`registries.secrets.account_marks`); whatever
    changes one of these columns renews it. An account whose mark doesn't fit is nobody's. `second_factors` says
    which the person has, with digests of their contents (`portal.accounts.factor_rows`). `altered_at` is when the
    portal found that the mark doesn't fit. `address_proof` changes in `portal.accounts.address_proof` only. Raising
    `session_epoch` ends all sessions.
    """

    id = UserIdField("ID", primary_key=True, auto_created=True)
    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    is_support = models.BooleanField(
        "support", default=False, help_text="Sees failures and support requests in the admin, nothing else."
    )

    second_factors = models.TextField(blank=True, default="", db_default="", editable=False)
    authority_mark = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    address_proof = models.CharField(
        max_length=10, choices=AddressProof.choices, blank=True, default="", db_default="", editable=False
    )
    session_epoch = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    altered_at = models.DateTimeField("changed outside", null=True, blank=True, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        ordering = ["email"]
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_any_case"),
            models.CheckConstraint(
                condition=models.Q(address_proof__in=AddressProof.values), name="user_address_proof"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_unaltered(self) -> bool:
        """Whether only the portal has changed the account. Raises KeyUnavailable."""
        return is_marked(self.authority_mark, self._state_to_mark())

    @property
    def was_unaltered(self) -> bool:
        """Whether the mark is the previous version's, and fits. Raises KeyUnavailable."""
        return is_marked_before(self.authority_mark, self._state_to_mark())

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session keeps of the account: it ends when the password or the epoch changes. Without an epoch it is
        Django's own, so that nobody is signed out by an upgrade."""
        covered = f"{self.password}\n{self.session_epoch}" if self.session_epoch else self.password
        key_salt = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"
        return salted_hmac(key_salt, covered, secret=secret, algorithm="sha256").hexdigest()

    def set_authority_mark(self) -> None:
        """Make the mark fit the present values; it is not saved. Raises KeyUnavailable."""
        self.authority_mark = mark_of(self._state_to_mark())

    def check_password(self, raw_password: str | None) -> bool:
        """Whether this is the password. Its hash is made again if it is weaker than new ones, as Django does, and the
        mark with it; not in an altered account, whose mark would fit then."""
        return check_password(raw_password, self.password, self._upgrade_hash)

    def _upgrade_hash(self, raw_password: str) -> None:
        if self.is_unaltered:
            before = {"password": self.password, "authority_mark": self.authority_mark}
            self.password = make_password(raw_password)
            self.set_authority_mark()
            after = {"password": self.password, "authority_mark": self.authority_mark}
            if not User.objects.filter(pk=self.pk, **before).update(**after):  # changed at the same time
                self.password, self.authority_mark = before["password"], before["authority_mark"]

    def _state_to_mark(self) -> AccountState:
        return AccountState(
            person_id=self.pk,
            email=self.email,
            password=self.password,
            second_factors=self.second_factors,
            is_active=self.is_active,
            is_staff=self.is_staff,
            is_support=self.is_support,
            is_superuser=self.is_superuser,
            address_proof=self.address_proof,
            session_epoch=self.session_epoch,
        )
