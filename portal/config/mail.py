"""Where mail is sent: `PORTAL_EMAIL_URL`."""

from __future__ import annotations

from portal.config.secret_files import SecretEnv
from portal.config.values import EnvironmentInvalid

CONSOLE_MAIL = "portal.mail.console.ConsoleMail"


def read_mail(env: SecretEnv) -> dict[str, object]:
    """Return the settings of Django's for sending mail; without a server they send nothing. Raises
    EnvironmentInvalid."""
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
