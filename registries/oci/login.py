"""What a registry accepts as proof of who asks: a user name and a secret."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Login:
    """User name and secret, sent as Basic. Its `repr` hides the secret."""

    username: str
    secret: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of the Authorization header."""
        return f"Basic {base64.b64encode(f'{self.username}:{self.secret}'.encode()).decode('ascii')}"
