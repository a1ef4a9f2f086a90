"""Django's settings. Values come from `portal.config.env`; `docs/operation.md` has a table of them."""

from __future__ import annotations

from csp.constants import NONE, SELF

from portal.config import env
from portal.config.logs import logging_config
from portal.config.storage import storage_options

ENV = env.read()

SECRET_KEY = ENV.secret_key
DEBUG = ENV.debug
ALLOWED_HOSTS = ENV.allowed_hosts
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "portal.User"

# Drayage's own settings.
PORTAL_DATA_DIR = ENV.data_dir
PORTAL_KEY_DIR = ENV.key_dir
PORTAL_ZONE = ENV.zone
PORTAL_PUBLIC_URL = ENV.public_url
PORTAL_LAYERS_URL = ENV.layers_url
PORTAL_MAX_IMAGE_BYTES = ENV.max_image_bytes
PORTAL_PLATFORM = ENV.platform
PORTAL_REGISTRY_ALLOW_NETWORKS = ENV.registry_allow_networks
PORTAL_WEBHOOK_ALLOW_NETWORKS = ENV.webhook_allow_networks
PORTAL_SSO_ALLOW_NETWORKS = ENV.sso_allow_networks
PORTAL_SSO_ISSUER = ENV.sso.issuer
PORTAL_SSO_CLIENT_ID = ENV.sso.client_id
PORTAL_SSO_CLIENT_SECRET = ENV.sso.client_secret
PORTAL_SSO_NAME = ENV.sso.name
PORTAL_SSO_DOMAINS = ENV.sso.domains
PORTAL_DNS_RESOLVER = ENV.dns_resolver
PORTAL_REGISTRY_CA_FILE = ENV.registry_ca_file
PORTAL_ENROL_IN_ADMIN = ENV.enrol_in_admin
PORTAL_PULL_RETRY_SECONDS = ENV.pull_retry_seconds
PORTAL_RETRY_PAUSE_SECONDS = ENV.retry_pause_seconds
PORTAL_LEASE_SECONDS = ENV.lease_seconds
PORTAL_BLOB_GRACE_SECONDS = ENV.blob_grace_seconds
PORTAL_FAILPOINTS_DIR = ENV.failpoints_dir
PORTAL_WORKERS = ENV.workers
PORTAL_ISSUER_KEY_DAYS = ENV.issuer_key_days
PORTAL_SUPPORT_EMAIL = ENV.support_email
PORTAL_PORT = ENV.port
PORTAL_LAYERS_PORT = ENV.layers_port
PORTAL_API_CALLS_A_MINUTE = ENV.api_calls_a_minute
PORTAL_KNOWN_PASSWORDS_FILE = ENV.known_passwords_file
PORTAL_IDLE_HOURS = ENV.idle_hours
PORTAL_SESSION_HOURS = ENV.session_hours
PORTAL_KEPT_SESSION_HOURS = ENV.kept_session_hours
PORTAL_STAFF_IDLE_MINUTES = ENV.staff_idle_minutes
PORTAL_STAFF_SESSION_HOURS = ENV.staff_session_hours
PORTAL_METRICS_TOKEN = ENV.metrics_token
PORTAL_TRUSTED_PROXIES = ENV.trusted_proxies
PORTAL_PROXY_HEADER = ENV.proxy_header
PORTAL_DELIVERY = ENV.delivery
PORTAL_ACCEL_PREFIX = ENV.accel_prefix

# Appends what actions of all apps record (`registries.foundation.activity`).
ACTIVITY_RECORDER = "portal.audit.chain.append"
# Erases what the activity says about a target.
ACTIVITY_ERASER = "portal.audit.erasure.erase_texts_of"

INSTALLED_APPS = [
    "portal",
    "groups",
    "registries",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_htmx",
    "template_partials",
]

MIDDLEWARE = [
    "portal.http.secret_paths.SecretPathMiddleware",
    "portal.http.browser_policy.BrowserPolicyMiddleware",
    "portal.http.probe_host.ProbeHostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "portal.http.client_address.ClientAddressMiddleware",
    "portal.http.request_id.RequestIdMiddleware",
    "portal.api.middleware.ApiMiddleware",
    "portal.http.body_limits.BodyLimitMiddleware",
    "portal.http.nul.NulMiddleware",
    "portal.http.form_encoding.Utf8FormsMiddleware",
    "portal.http.machines.MachinesMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.http.compression.PageCompressionMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.http.session_cookie.EarlierSessionCookieMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "portal.accounts.known_browser.KnownBrowserMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "portal.accounts.middleware.UnalteredAccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.accounts.sso.middleware.SsoSessionMiddleware",
    "portal.accounts.factor_policy.SecondFactorMiddleware",
    "portal.http.middleware.OrganizationMiddleware",
    "portal.accounts.limited_accounts.LimitedAccountMiddleware",
    "portal.accounts.fresh_sign_in.FreshSignInMiddleware",
    "portal.accounts.limited_pages.LimitedPagesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [env.CHECKOUT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.http.context.frame",
            ],
        },
    }
]

DATABASES = {"default": ENV.database}

# The default cache holds limits of allauth's, so it is shared by all web processes and survives a restart of Redis.
CACHES = {
    "default": {"BACKEND": "portal.accounts.limits_cache.LimitsCache", "LOCATION": "portal_cache"},
    "node_calls": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "node-calls",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
}

STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": ENV.data_dir / "media"},
    },
    "blobs": storage_options(ENV.storage_url, ENV.file_access),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
# What else is written to disk, such as collected static files, is for this user only.
FILE_UPLOAD_PERMISSIONS = 0o600
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o700
STATIC_URL = "/static/"
STATIC_ROOT = ENV.data_dir / "static"
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# Redis only wakes workers; the work to do is in the database.
_QUEUE = {"URL": ENV.redis_url, "SERIALIZER": "rq.serializers.JSONSerializer"}
RQ_QUEUES = {"pulls": _QUEUE, "nodes": _QUEUE, "checks": _QUEUE, "notices": _QUEUE, "sign_ins": _QUEUE}
WAKEUP_JOBS = {
    "pull": "groups.jobs.pull",
    "prepare": "groups.jobs.prepare",
    "check": "groups.jobs.check",
    "fan_out": "portal.notifications.jobs.tell",
    "deliver": "portal.notifications.jobs.deliver",
    "mail_password": "portal.accounts.jobs.mail_password",
    "configure": "portal.accounts.sso.jobs.configure",
    "sign_in": "portal.accounts.sso.jobs.sign_in",
    "sign_out": "portal.accounts.sso.jobs.sign_out",
    "refresh": "portal.accounts.sso.jobs.refresh",
    "find_domain": "portal.accounts.sso.jobs.find_domain",
}
"""Which function a worker runs for each job (`groups.queues.wakeup`). Redis has only the names on the left."""

# Sign-in: allauth signs people in, the portal limits attempts and decides on permissions.
AUTHENTICATION_BACKENDS = [
    "portal.organizations.permissions.SupportBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "portal.accounts.password_rules.MaximumLength"},
    {"NAME": "portal.accounts.password_rules.NotGuessable"},
]
PASSWORD_HASHERS = [
    "portal.accounts.hashers.Argon2id",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "portal.accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "portal.accounts.forms.SignInForm",
    "reset_password": "portal.accounts.forms.ForgottenPasswordForm",
    "reset_password_from_key": "portal.accounts.forms.NewPasswordForm",
    "change_password": "portal.accounts.forms.OtherPasswordForm",
    "set_password": "portal.accounts.forms.FirstPasswordForm",
}
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "portal.accounts.reset_tokens.ResetTokens"  # noqa: S105
ACCOUNT_LOGOUT_ON_GET = False
PASSWORD_RESET_TIMEOUT = 3600
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
# `portal.accounts.sign_in_limits` has the limits of these instead: allauth's keep out whoever shares an address.
ACCOUNT_RATE_LIMITS: dict[str, str | None] = dict.fromkeys(
    ("change_password", "login", "login_failed", "reauthenticate", "reset_password", "reset_password_from_key")
)
MFA_RATE_LIMITS: dict[str, str | None] = {"webauthn_login": None}
MFA_ADAPTER = "portal.accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_ISSUER = "Drayage"
# Nobody signs up, and operators decide which addresses count: an unproven one must not keep a person from a factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_FORMS = {
    "activate_totp": "portal.accounts.factor_forms.AppForm",
    "add_webauthn": "portal.accounts.factor_forms.PasskeyForm",
    "authenticate": "portal.accounts.factor_forms.CodeForm",
    "authenticate_webauthn": "portal.accounts.factor_forms.PasskeyStepForm",
    "login_webauthn": "portal.accounts.factor_forms.PasskeyLoginForm",
    "reauthenticate": "portal.accounts.factor_forms.CodeAgainForm",
    "reauthenticate_webauthn": "portal.accounts.factor_forms.PasskeyAgainForm",
}

# The database has a digest of a session's key, so that a copy of it signs nobody in.
SESSION_ENGINE = "portal.accounts.sessions"

# The browser.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
# Over https no subdomain and no proxy in clear can set or read a cookie of this name.
COOKIE_PREFIX = "__Host-" if ENV.https else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
MESSAGE_STORAGE = "portal.http.message_storage.MessageStorage"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = ENV.kept_session_hours * 3600
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [ENV.public_url]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if ENV.https:
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^livez$", r"^readyz$", r"^metrics$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = ENV.hsts != "host"
    SECURE_HSTS_PRELOAD = ENV.hsts == "preload"
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Other hosts of the domain may not have https, and a preloaded domain can't be taken back: the operator decides.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 10

PORTAL_SENDS_MAIL = ENV.sends_mail
PORTAL_PRINTS_MAIL = ENV.prints_mail
PORTAL_CONSOLE_FD = ENV.console_fd
EMAIL_BACKEND = ENV.email["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = ENV.email["EMAIL_HOST"], ENV.email["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = ENV.email["EMAIL_HOST_USER"], ENV.email["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = ENV.email["EMAIL_USE_TLS"], ENV.email["EMAIL_USE_SSL"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = ENV.support_email
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Drayage] "

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
FORMAT_MODULE_PATH = ["portal.formats"]
USE_TZ = True

LOGGING = logging_config(debug=ENV.debug)
