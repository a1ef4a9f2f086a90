"""A person, known by an e-mail address."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from registries.foundation.id_fields import UserIdField


def canonical_email(text: str) -> str:
    """Return an email address as it is stored: in lower case, so that each belongs to one person."""
    return text.strip().lower()


class UserManager(BaseUserManager["User"]):
    """Creates people; addresses are stored in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        """Create a person. Without a password they can't sign in until they set one."""
        user = self.model(email=canonical_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        """Create an operator, who may do everything in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractUser):
    """Members, support and operators alike. `is_support` with `is_staff` opens failures and requests in
    the admin and nothing else; operators are superusers."""

    id = UserIdField("ID", primary_key=True, auto_created=True)
    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    is_support = models.BooleanField(
        "support", default=False, help_text="Sees failures and support requests in the admin, nothing else."
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        ordering = ["email"]
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        return self.email
