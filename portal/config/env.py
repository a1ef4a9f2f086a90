"""Typed reading of environment variables. `docs/operation.md` has a table of them.

Every variable is optional. For a secret, the name with the suffix `_FILE` may hold the path of a file that contains
it. `portal.settings` says what the values mean for Django.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from urllib.parse import urlsplit

from portal.config.database import read_database
from portal.config.hosts import LOCAL, answered_hosts, bracketed
from portal.config.mail import CONSOLE_MAIL, read_mail
from portal.config.secret_files import SecretEnv, with_password
from portal.config.sso import SsoEnvironment, read_sso
from portal.config.storage import FileAccess
from portal.config.values import (
    EnvironmentInvalid,
    at_least_one,
    one_of,
    opened_networks,
    platform,
    positive,
    proxies,
    system_group,
    words,
)
from registries.oci.opened_networks import OpenedNetwork
from registries.secrets.private_files import make_private, write_once

CHECKOUT = Path(__file__).resolve().parent.parent.parent
ZONES = ("all", "web", "worker")
HSTS = ("host", "subdomains", "preload")
DELIVERIES = ("embedded", "accel", "redirect")
PROXY_HEADERS = ("x-forwarded-for", "forwarded")


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
    issuer_key_days: int
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
    zone = one_of(env, "PORTAL_ZONE", ZONES)
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
        allowed_hosts=words(env, "PORTAL_ALLOWED_HOSTS") or answered_hosts(public_url, layers_url),
        database=read_database(env, data_dir, zone),
        redis_url=_redis(env, data_dir),
        storage_url=storage_url,
        storage_group=system_group(env, "PORTAL_STORAGE_GROUP"),
        delivery=delivery,
        accel_prefix=accel_prefix,
        max_image_bytes=env.int("PORTAL_MAX_IMAGE_BYTES", 10_000_000_000),
        platform=platform(env, "PORTAL_PLATFORM", "linux/amd64"),
        registry_allow_networks=opened_networks(env, "PORTAL_REGISTRY_ALLOW_NETWORKS"),
        webhook_allow_networks=opened_networks(env, "PORTAL_WEBHOOK_ALLOW_NETWORKS"),
        sso_allow_networks=opened_networks(env, "PORTAL_SSO_ALLOW_NETWORKS"),
        sso=read_sso(env),
        dns_resolver=env.str("PORTAL_DNS_RESOLVER", ""),
        registry_ca_file=Path(ca_file).absolute() if ca_file else None,
        enrol_in_admin=env.bool("PORTAL_ENROL_IN_ADMIN", True),
        pull_retry_seconds=env.int("PORTAL_PULL_RETRY_SECONDS", 900),
        retry_pause_seconds=positive(env, "PORTAL_RETRY_PAUSE_SECONDS", 10),
        lease_seconds=positive(env, "PORTAL_LEASE_SECONDS", 60),
        blob_grace_seconds=positive(env, "PORTAL_BLOB_GRACE_SECONDS", 3600),
        failpoints_dir=Path(failpoints).absolute() if failpoints else None,
        workers=env.int("PORTAL_WORKERS", max(2, os.cpu_count() or 2)),
        issuer_key_days=at_least_one(env, "PORTAL_ISSUER_KEY_DAYS", 30),
        port=port,
        layers_port=layers_port,
        api_calls_a_minute=env.int("PORTAL_API_CALLS_A_MINUTE", 240),
        known_passwords_file=Path(known_passwords).absolute() if known_passwords else None,
        idle_hours=at_least_one(env, "PORTAL_IDLE_HOURS", 24),
        session_hours=at_least_one(env, "PORTAL_SESSION_HOURS", 12),
        kept_session_hours=at_least_one(env, "PORTAL_KEPT_SESSION_HOURS", 7 * 24),
        staff_idle_minutes=at_least_one(env, "PORTAL_STAFF_IDLE_MINUTES", 30),
        staff_session_hours=at_least_one(env, "PORTAL_STAFF_SESSION_HOURS", 12),
        support_email=env.str("PORTAL_SUPPORT_EMAIL", "support@localhost"),
        email=read_mail(env),
        email_named=bool(env.str("PORTAL_EMAIL_URL", "")),
        console_fd=env.int("PORTAL_CONSOLE_FD", None),
        hsts=one_of(env, "PORTAL_HSTS", HSTS),
        metrics_token=env.str("PORTAL_METRICS_TOKEN", ""),
        trusted_proxies=proxies(env, "PORTAL_TRUSTED_PROXIES"),
        proxy_header=one_of(env, "PORTAL_PROXY_HEADER", PROXY_HEADERS),
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


def _delivery(env: SecretEnv, storage_url: str) -> tuple[str, str]:
    """Return what sends layers (one of DELIVERIES), and the path below which nginx serves them."""
    delivery, prefix = one_of(env, "PORTAL_DELIVERY", DELIVERIES), env.str("PORTAL_ACCEL_PREFIX", "/-/blobs/")
    has_files = storage_url.startswith("file://")
    if delivery == "accel" and not has_files:
        raise EnvironmentInvalid("PORTAL_DELIVERY=accel needs a PORTAL_STORAGE_URL of files")
    if delivery == "redirect" and has_files:
        raise EnvironmentInvalid("PORTAL_DELIVERY=redirect needs a PORTAL_STORAGE_URL of s3://, gs:// or azure://")
    if not prefix.startswith("/") or not prefix.endswith("/"):
        raise EnvironmentInvalid("PORTAL_ACCEL_PREFIX begins and ends with a slash")
    return delivery, prefix


def _layers_url(env: SecretEnv, public_url: str, port: int) -> str:
    """Return the address that nodes fetch layers from. Where nothing else is named it is the public one, whose proxy
    routes `/v2/` to the layers process; without a proxy, which means on loopback, it is that process itself."""
    parts = urlsplit(public_url)
    own = f"{parts.scheme}://{bracketed(parts.hostname or '')}:{port}" if parts.hostname in LOCAL else public_url
    url = (env.str("PORTAL_LAYERS_URL", "") or own).rstrip("/")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname or urlsplit(url).path:
        raise EnvironmentInvalid("PORTAL_LAYERS_URL needs the form https://host[:port]")
    return url


def _stored_secret(path: Path) -> str:
    """Return the secret at `path`, which is created on first use. Of two processes that create it at once, both get the
    one that was written first."""
    if not path.exists():
        make_private(path.parent)
        write_once(path, secrets.token_urlsafe(64).encode())
    return path.read_text().strip()
