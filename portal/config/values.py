"""Forms that values of environment variables have: words, numbers, networks, groups."""

from __future__ import annotations

import grp
from ipaddress import IPv4Network, IPv6Network, ip_network

from groups.rules.group_settings import MAX_PLATFORM_LENGTH
from portal.config.secret_files import SecretEnv
from registries.oci.opened_networks import NetworkInvalid, OpenedNetwork, parse
from registries.oci.platform import Platform

MAX_PROXIES = 32


class EnvironmentInvalid(ValueError):
    """A variable has a value that can't be used; the message names it."""


def one_of(env: SecretEnv, name: str, values: tuple[str, ...]) -> str:
    """Return one of these words; the first is the default. Raises EnvironmentInvalid."""
    word = str(env.str(name, values[0]))
    if word not in values:
        raise EnvironmentInvalid(f"{name} is one of {', '.join(values)}")
    return word


def words(env: SecretEnv, name: str) -> list[str]:
    """Return the words of a list that commas separate."""
    return [word.strip() for word in env.str(name, "").split(",") if word.strip()]


def at_least_one(env: SecretEnv, name: str, default: int) -> int:
    """Return a number above 0. Raises EnvironmentInvalid."""
    number = int(env.int(name, default))
    if number < 1:
        raise EnvironmentInvalid(f"{name} must be at least 1")
    return number


def positive(env: SecretEnv, name: str, default: float) -> float:
    """Return a number of seconds above 0. Raises EnvironmentInvalid."""
    seconds: float = env.float(name, default)
    if seconds <= 0:
        raise EnvironmentInvalid(f"{name} is a number of seconds above 0")
    return seconds


def system_group(env: SecretEnv, name: str) -> int | None:
    """Return the id of a group that is given by its name or its id. Raises EnvironmentInvalid."""
    given = env.str(name, "")
    try:
        return int(given) if given.isdecimal() else grp.getgrnam(given).gr_gid if given else None
    except KeyError:
        raise EnvironmentInvalid(f"{name} is the name or the id of a group; there is no {given} here") from None


def proxies(env: SecretEnv, name: str) -> list[IPv4Network | IPv6Network] | int:
    """Return the networks of the proxies in front, or how many there are. Raises EnvironmentInvalid."""
    given = words(env, name)
    try:
        if len(given) == 1 and given[0].isascii() and given[0].isdecimal():
            if 1 <= int(given[0]) <= MAX_PROXIES:
                return int(given[0])
            raise ValueError
        return [ip_network(word) for word in given]
    except ValueError as error:
        raise EnvironmentInvalid(
            f"{name} is a list such as 10.0.0.0/8,fd00::/8, or how many proxies each request passes, from 1 to "
            f"{MAX_PROXIES}"
        ) from error


def platform(env: SecretEnv, name: str, default: str) -> str:
    """Return a platform in its one spelling: `linux/x86_64` is `linux/amd64`. Raises EnvironmentInvalid."""
    try:
        text = str(Platform.parse(str(env.str(name, default))))
    except ValueError:
        text = ""
    if not text or len(text) > MAX_PLATFORM_LENGTH:
        raise EnvironmentInvalid(f"{name} is written os/architecture, such as linux/amd64 or linux/amd64/v3")
    return text


def opened_networks(env: SecretEnv, name: str) -> list[OpenedNetwork]:
    """Return the networks that connections may reach although they are private. Raises EnvironmentInvalid."""
    try:
        return parse(env.str(name, ""))
    except NetworkInvalid as error:
        raise EnvironmentInvalid(f"{name}: {error}") from None
