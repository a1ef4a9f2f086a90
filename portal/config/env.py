"""Typed reading of environment variables. `docs/operation.md` has a table of them.

Every variable is optional. For a secret, the name with the suffix `_FILE` may hold the path of a file that contains
it. `portal.settings` says what the values mean for Django.
"""

from __future__ import annotations

import grp
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from portal.config.hosts import LOCAL, answered_hosts, bracketed
from portal.config.secret_files import SecretEnv, with_password
from portal.config.storage import FileAccess
from registries.oci.opened_networks import NetworkInvalid, OpenedNetwork
from registries.oci.opened_networks import parse as parse_opened_networks
from registries.secrets.private_files import make_private, write_once

CHECKOUT = Path(__file__).resolve().parent.parent.parent
ZONES = ("all", "web", "worker")
CONSOLE_MAIL = "portal.mail.console.ConsoleMail"
HSTS = ("host", "subdomains", "preload")
DELIVERIES = ("embedded", "accel", "redirect")
PROXY_HEADERS = ("x-forwarded-for", "forwarded")
MAX_PROXIES = 32
WEB_STATEMENT_SECONDS = 30
"""What a statement of the web zone may take in PostgreSQL; then it is canceled, and its thread is free again."""


class EnvironmentInvalid(ValueError):
    """A variable has a value that can't be used; the message names it."""


@dataclass(frozen=True)
class SsoEnvironment:
    """The whole portal's identity provider; `issuer` is empty where there is none."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    domains: list[str]


@dataclass(frozen=True)
class Environment:
    """The environment with defaults filled in. Sizes in bytes, times in seconds."""

    data_dir: Path
    key_dir: Path
    zone: str
    debug: bool
    public_url: str
    layers_url: str
    allowed_hosts: list[str]
    database: dict[str, object]
    redis_url: str
    storage_url: str
    storage_group: int | None
    delivery: str
    accel_prefix: str
    max_image_bytes: int
    platform: str
    registry_allow_networks: list[OpenedNetwork]
    webhook_allow_networks: list[OpenedNetwork]
    sso_allow_networks: list[OpenedNetwork]
    sso: SsoEnvironment
    dns_resolver: str
    registry_ca_file: Path | None
    enrol_in_admin: bool
    pull_retry_seconds: int
    retry_pause_seconds: float
    lease_seconds: float
    blob_grace_seconds: float
    failpoints_dir: Path | None
    workers: int
    port: int
    layers_port: int
    api_calls_a_minute: int
    known_passwords_file: Path | None
    idle_hours: int
    session_hours: int
    kept_session_hours: int
    staff_idle_minutes: int
    staff_session_hours: int
    support_email: str
    email: dict[str, object]
    email_named: bool
    console_fd: int | None
    metrics_token: str
    hsts: str
    trusted_proxies: list[IPv4Network | IPv6Network] | int
    proxy_header: str
    secret_key: str

    @property
    def public_host(self) -> str:
        """Host name of the public address, without the port."""
        return urlsplit(self.public_url).hostname or "localhost"

    @property
    def is_local(self) -> bool:
        """Whether the public address is this machine's loopback."""
        return self.public_host in LOCAL

    @property
    def file_access(self) -> FileAccess:
        """Who may read blobs that are files. Without a group, nginx may run as any user, as it always could."""
        return FileAccess(self.storage_group, everybody=self.delivery == "accel")

    @property
    def sends_mail(self) -> bool:
        """Whether a mail server was named."""
        return not self.prints_mail and not str(self.email["EMAIL_BACKEND"]).endswith("dummy.EmailBackend")

    @property
    def prints_mail(self) -> bool:
        """Whether mails are printed on a console."""
        return str(self.email["EMAIL_BACKEND"]) == CONSOLE_MAIL

    @property
    def https(self) -> bool:
        """Whether people and nodes reach the portal over TLS."""
        return self.public_url.startswith("https://")


def read() -> Environment:
    """Read the process's environment. Raises EnvironmentInvalid with the name of the first bad variable."""
    env = SecretEnv()
    data_dir = Path(env.str("PORTAL_DATA_DIR", "var")).absolute()
    key_dir = Path(env.str("PORTAL_KEY_DIR", "") or data_dir / "keys").absolute()
    port = env.int("PORT", 8000)
    public_url = env.str("PORTAL_PUBLIC_URL", f"http://localhost:{port}").rstrip("/")
    if urlsplit(public_url).scheme not in ("http", "https") or not urlsplit(public_url).hostname:
        raise EnvironmentInvalid("PORTAL_PUBLIC_URL needs the form https://host[:port]")
    layers_port = env.int("PORTAL_LAYERS_PORT", port + 1)
    layers_url = _layers_url(env, public_url, layers_port)
    zone = _one_of(env, "PORTAL_ZONE", ZONES)
    storage_url = env.str("PORTAL_STORAGE_URL", "") or f"file://{data_dir / 'blobs'}"
    delivery, accel_prefix = _delivery(env, storage_url)
    ca_file = env.str("PORTAL_REGISTRY_CA_FILE", "")
    known_passwords = env.str("PORTAL_KNOWN_PASSWORDS_FILE", "")
    failpoints = env.str("PORTAL_FAILPOINTS_DIR", "")
    return Environment(
        data_dir=data_dir,
        key_dir=key_dir,
        zone=zone,
        debug=env.bool("PORTAL_DEBUG", False),
        public_url=public_url,
        layers_url=layers_url,
        allowed_hosts=_words(env, "PORTAL_ALLOWED_HOSTS") or answered_hosts(public_url, layers_url),
        database=_database(env, data_dir, zone),
        redis_url=_redis(env, data_dir),
        storage_url=storage_url,
        storage_group=_group(env, "PORTAL_STORAGE_GROUP"),
        delivery=delivery,
        accel_prefix=accel_prefix,
        max_image_bytes=env.int("PORTAL_MAX_IMAGE_BYTES", 10_000_000_000),
        platform=env.str("PORTAL_PLATFORM", "linux/amd64"),
        registry_allow_networks=_opened_networks(env, "PORTAL_REGISTRY_ALLOW_NETWORKS"),
        webhook_allow_networks=_opened_networks(env, "PORTAL_WEBHOOK_ALLOW_NETWORKS"),
        sso_allow_networks=_opened_networks(env, "PORTAL_SSO_ALLOW_NETWORKS"),
        sso=_sso(env),
        dns_resolver=env.str("PORTAL_DNS_RESOLVER", ""),
        registry_ca_file=Path(ca_file).absolute() if ca_file else None,
        enrol_in_admin=env.bool("PORTAL_ENROL_IN_ADMIN", True),
        pull_retry_seconds=env.int("PORTAL_PULL_RETRY_SECONDS", 900),
        retry_pause_seconds=_positive(env, "PORTAL_RETRY_PAUSE_SECONDS", 10),
        lease_seconds=_positive(env, "PORTAL_LEASE_SECONDS", 60),
        blob_grace_seconds=_positive(env, "PORTAL_BLOB_GRACE_SECONDS", 3600),
        failpoints_dir=Path(failpoints).absolute() if failpoints else None,
        workers=env.int("PORTAL_WORKERS", max(2, os.cpu_count() or 2)),
        port=port,
        layers_port=layers_port,
        api_calls_a_minute=env.int("PORTAL_API_CALLS_A_MINUTE", 240),
        known_passwords_file=Path(known_passwords).absolute() if known_passwords else None,
        idle_hours=_at_least_one(env, "PORTAL_IDLE_HOURS", 24),
        session_hours=_at_least_one(env, "PORTAL_SESSION_HOURS", 12),
        kept_session_hours=_at_least_one(env, "PORTAL_KEPT_SESSION_HOURS", 7 * 24),
        staff_idle_minutes=_at_least_one(env, "PORTAL_STAFF_IDLE_MINUTES", 30),
        staff_session_hours=_at_least_one(env, "PORTAL_STAFF_SESSION_HOURS", 12),
        support_email=env.str("PORTAL_SUPPORT_EMAIL", "support@localhost"),
        email=_email(env),
        email_named=bool(env.str("PORTAL_EMAIL_URL", "")),
        console_fd=env.int("PORTAL_CONSOLE_FD", None),
        hsts=_one_of(env, "PORTAL_HSTS", HSTS),
        metrics_token=env.str("PORTAL_METRICS_TOKEN", ""),
        trusted_proxies=_proxies(env, "PORTAL_TRUSTED_PROXIES"),
        proxy_header=_one_of(env, "PORTAL_PROXY_HEADER", PROXY_HEADERS),
        secret_key=env.str("PORTAL_SECRET_KEY", "") or _stored_secret(key_dir / "web" / "django-secret"),
    )


def _redis(env: SecretEnv, data_dir: Path) -> str:
    if url := env.str("REDIS_URL", ""):
        return with_password(url, env.str("REDIS_PASSWORD", ""))
    return f"unix://{redis_socket(data_dir)}"


def redis_socket(data_dir: Path) -> Path:
    """The socket of the embedded Redis. A socket's path may have 107 bytes, so a deep data directory gets a short one
    under the runtime directory instead, the same at each call."""
    near = data_dir / "redis" / "redis.sock"
    if len(os.fsencode(near)) <= 100:
        return near
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108 (the folder inside is 0700 and ours)
    return runtime / f"drayage-{os.getuid()}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}" / "redis.sock"


def _email(env: SecretEnv) -> dict[str, object]:
    config: dict[str, object] = env.dj_email_url("PORTAL_EMAIL_URL", "dummy://")
    if not env.str("PORTAL_EMAIL_URL", ""):
        config["EMAIL_BACKEND"] = "django.core.mail.backends.dummy.EmailBackend"
    if "EMAIL_BACKEND" not in config:
        raise EnvironmentInvalid(
            "PORTAL_EMAIL_URL needs the form submission://user:password@host:587, smtp://host:25 or console:"
        )
    if str(config["EMAIL_BACKEND"]).endswith("console.EmailBackend"):
        config["EMAIL_BACKEND"] = CONSOLE_MAIL
    return config


def _sso(env: SecretEnv) -> SsoEnvironment:
    issuer, client_id = env.str("PORTAL_SSO_ISSUER", ""), env.str("PORTAL_SSO_CLIENT_ID", "")
    if bool(issuer) != bool(client_id):
        raise EnvironmentInvalid("PORTAL_SSO_ISSUER and PORTAL_SSO_CLIENT_ID are set together")
    if issuer and urlsplit(issuer).scheme not in ("http", "https"):
        raise EnvironmentInvalid("PORTAL_SSO_ISSUER needs the form https://host[/path], as the provider says it")
    return SsoEnvironment(
        issuer=issuer,
        client_id=client_id,
        client_secret=env.str("PORTAL_SSO_CLIENT_SECRET", ""),
        name=env.str("PORTAL_SSO_NAME", "") or "single sign-on",
        domains=[domain.lower() for domain in _words(env, "PORTAL_SSO_DOMAINS")],
    )


def _delivery(env: SecretEnv, storage_url: str) -> tuple[str, str]:
    """Return what sends layers (one of DELIVERIES), and the path below which nginx serves them."""
    delivery, prefix = _one_of(env, "PORTAL_DELIVERY", DELIVERIES), env.str("PORTAL_ACCEL_PREFIX", "/-/blobs/")
    has_files = storage_url.startswith("file://")
    if delivery == "accel" and not has_files:
        raise EnvironmentInvalid("PORTAL_DELIVERY=accel needs a PORTAL_STORAGE_URL of files")
    if delivery == "redirect" and has_files:
        raise EnvironmentInvalid("PORTAL_DELIVERY=redirect needs a PORTAL_STORAGE_URL of s3://, gs:// or azure://")
    if not prefix.startswith("/") or not prefix.endswith("/"):
        raise EnvironmentInvalid("PORTAL_ACCEL_PREFIX begins and ends with a slash")
    return delivery, prefix


def _one_of(env: SecretEnv, name: str, values: tuple[str, ...]) -> str:
    """Return one of these words; the first is the default."""
    word = str(env.str(name, values[0]))
    if word not in values:
        raise EnvironmentInvalid(f"{name} is one of {', '.join(values)}")
    return word


def _layers_url(env: SecretEnv, public_url: str, port: int) -> str:
    """Return the address that nodes fetch layers from. Where nothing else is named it is the public one, whose proxy
    routes `/v2/` to the layers process; without a proxy, which means on loopback, it is that process itself."""
    parts = urlsplit(public_url)
    own = f"{parts.scheme}://{bracketed(parts.hostname or '')}:{port}" if parts.hostname in LOCAL else public_url
    url = (env.str("PORTAL_LAYERS_URL", "") or own).rstrip("/")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname or urlsplit(url).path:
        raise EnvironmentInvalid("PORTAL_LAYERS_URL needs the form https://host[:port]")
    return url


def _at_least_one(env: SecretEnv, name: str, default: int) -> int:
    number = int(env.int(name, default))
    if number < 1:
        raise EnvironmentInvalid(f"{name} must be at least 1")
    return number


def _words(env: SecretEnv, name: str) -> list[str]:
    return [word.strip() for word in env.str(name, "").split(",") if word.strip()]


def _proxies(env: SecretEnv, name: str) -> list[IPv4Network | IPv6Network] | int:
    """Return the networks of the proxies in front, or how many there are."""
    words = _words(env, name)
    try:
        if len(words) == 1 and words[0].isascii() and words[0].isdecimal():
            if 1 <= int(words[0]) <= MAX_PROXIES:
                return int(words[0])
            raise ValueError
        return [ip_network(word) for word in words]
    except ValueError as error:
        raise EnvironmentInvalid(
            f"{name} is a list such as 10.0.0.0/8,fd00::/8, or how many proxies each request passes, from 1 to "
            f"{MAX_PROXIES}"
        ) from error


def _group(env: SecretEnv, name: str) -> int | None:
    """Return the id of a group that is given by its name or its id."""
    given = env.str(name, "")
    try:
        return int(given) if given.isdecimal() else grp.getgrnam(given).gr_gid if given else None
    except KeyError:
        raise EnvironmentInvalid(f"{name} is the name or the id of a group; there is no {given} here") from None


def _opened_networks(env: SecretEnv, name: str) -> list[OpenedNetwork]:
    try:
        return parse_opened_networks(env.str(name, ""))
    except NetworkInvalid as error:
        raise EnvironmentInvalid(f"{name}: {error}") from None


def _positive(env: SecretEnv, name: str, default: float) -> float:
    seconds: float = env.float(name, default)
    if seconds <= 0:
        raise EnvironmentInvalid(f"{name} is a number of seconds above 0")
    return seconds


def _database(env: SecretEnv, data_dir: Path, zone: str) -> dict[str, object]:
    parsed: dict[str, object] = env.dj_db_url("DATABASE_URL", f"sqlite:///{data_dir / 'portal.sqlite3'}")
    if not str(parsed["ENGINE"]).endswith("sqlite3"):
        if password := env.str("DATABASE_PASSWORD", ""):
            parsed["PASSWORD"] = password
        if zone == "web" and str(parsed["ENGINE"]).endswith("postgresql"):
            limit = {"options": f"-c statement_timeout={WEB_STATEMENT_SECONDS}s"}
            parsed["OPTIONS"] = limit | cast("dict[str, object]", parsed.get("OPTIONS", {}))
        return parsed | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    return parsed | {
        # Tests use a file as well: threads that share a database in memory lock each other out.
        "TEST": {"NAME": str(data_dir / "test.sqlite3")},
        # Writers queue instead of failing half-way, readers never wait for them.
        "OPTIONS": cast("dict[str, object]", parsed.get("OPTIONS", {}))
        | {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA foreign_keys=ON;"
            # Deleted content is overwritten; `registries.secrets.sqlite_remnants` does the rest.
            "PRAGMA secure_delete=ON;",
        },
    }


def _stored_secret(path: Path) -> str:
    """Return the secret at `path`, which is created on first use. Of two processes that create it at once, both get the
    one that was written first."""
    if not path.exists():
        make_private(path.parent)
        write_once(path, secrets.token_urlsafe(64).encode())
    return path.read_text().strip()
