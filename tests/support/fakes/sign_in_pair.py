"""A registry and its sign-in service at another name and port, both over TLS, as GitLab and its registry are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.fakes.certificates import Authority
from tests.support.fakes.registry import FakeRegistry


@dataclass
class SignInPair:
    """The registry is at 127.0.0.1 and its sign-in service at localhost, each with a certificate for its own name. They
    share their users and tokens."""

    registry: FakeRegistry
    sign_in: FakeRegistry
    authority: Authority

    @property
    def sign_in_host(self) -> str:
        return f"localhost:{self.sign_in.port}"

    def name_realm(self, address: str) -> None:
        """Have the registry sign in at this address, with `{host}` for the service's host and `{port}` for its port."""
        self.registry.realm = address.format(host=self.sign_in_host, port=self.sign_in.port)


@contextmanager
def running_pair(folder: Path, user: str, secret: str) -> Iterator[SignInPair]:
    """Run both, with the image `team/app:1.0` and one user who may pull it."""
    authority = Authority(folder)
    users = {user: secret}
    with (
        FakeRegistry(auth="bearer", users=users, tls=authority.issue("127.0.0.1")) as registry,
        FakeRegistry(auth="bearer", users=users, tls=authority.issue("localhost")) as sign_in,
    ):
        sign_in._tokens = registry._tokens
        registry.push_image("team/app", "1.0")
        pair = SignInPair(registry, sign_in, authority)
        pair.name_realm("https://{host}/token")
        yield pair
        assert registry.errors == sign_in.errors == []
