"""The only reader of the environment.

Values come from the environment, then `.env`, then `.state/env` (written by `make run` for its embedded parts).
Outside development a missing or weak secret refuses to boot: there are no defaults to forget.
"""

import base64
import binascii
import hmac
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from cryptopay.feeds.sources import SOURCES
from monitor.chains import CHAINS

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = BASE_DIR / ".state"

env = environ.Env()
for env_file in (BASE_DIR / ".env", STATE_DIR / "env"):
    if env_file.is_file():
        env.read_env(str(env_file))

DEVELOPMENT = env.str("CRYPTOPAY_ENV", default="production") == "development"
DEBUG = env.bool("DEBUG", default=False)

SHORTEST_SECRET = 50


def _required(name: str, fix: str) -> str:
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {fix}")
    return value


def _secret_key() -> str:
    value = _required("SECRET_KEY", "Set it to 50 random characters or more.")
    if not DEVELOPMENT and (len(value) < SHORTEST_SECRET or len(set(value)) < 10 or "insecure" in value):  # noqa: PLR2004
        raise ImproperlyConfigured("SECRET_KEY is too weak: set it to 50 random characters or more.")
    return value


def _keys_encryption_key() -> bytes:
    """The key that encrypts extended public keys at rest: 32 bytes, in base64."""
    value = _required("KEYS_ENCRYPTION_KEY", "Set it to the base64 form of 32 random bytes.")
    try:
        key = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ImproperlyConfigured("KEYS_ENCRYPTION_KEY is not base64.") from error
    if len(key) != 32 or len(set(key)) < 10:  # noqa: PLR2004
        raise ImproperlyConfigured("KEYS_ENCRYPTION_KEY must be 32 random bytes, in base64.")
    return key


def _period_signing_key(encryption_key: bytes) -> bytes:
    """The seed of the Ed25519 key that signs period packages: 32 bytes, in base64. It may follow from the other key."""
    value = env.str("PERIOD_SIGNING_KEY", default="")
    if not value:
        return hmac.digest(encryption_key, b"cryptopay period packages, Ed25519, 1", "sha256")
    try:
        key = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ImproperlyConfigured("PERIOD_SIGNING_KEY is not base64.") from error
    if len(key) != 32 or len(set(key)) < 10:  # noqa: PLR2004
        raise ImproperlyConfigured("PERIOD_SIGNING_KEY must be 32 random bytes, in base64.")
    return key


SECRET_KEY = _secret_key()
KEYS_ENCRYPTION_KEY = _keys_encryption_key()
PERIOD_SIGNING_KEY = _period_signing_key(KEYS_ENCRYPTION_KEY)

PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000" if DEVELOPMENT else "")
"""Where payers and integrators reach this installation; stands in checkout links."""
if not PUBLIC_URL:
    raise ImproperlyConfigured("PUBLIC_URL is not set. Set it to https://your-host.")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "testserver"] if DEVELOPMENT else [])

NODE_URLS: dict[str, str] = {
    row.code: url for row in CHAINS.values() if (url := env.str(f"{row.setting_name}_NODE_URL", default=""))
}
"""Chains that are switched on: those with a node."""
SECOND_NODE_URLS: dict[str, str] = {
    row.code: url for row in CHAINS.values() if (url := env.str(f"{row.setting_name}_SECOND_NODE_URL", default=""))
}
"""Chains on which two nodes must agree before a large deposit counts."""
AGREEMENT_ABOVE: dict[str, int] = {
    row.code: env.int(name)
    for row in CHAINS.values()
    if env.str(name := f"{row.setting_name}_AGREEMENT_ABOVE", default="")
}
"""Base units up to which one node suffices; 0 where it is not said."""
for _code in {*SECOND_NODE_URLS, *AGREEMENT_ABOVE}:
    if _code not in NODE_URLS or _code not in SECOND_NODE_URLS or AGREEMENT_ABOVE.get(_code, 0) < 0:
        _name = CHAINS[_code].setting_name
        raise ImproperlyConfigured(
            f"{_name}_AGREEMENT_ABOVE and {_name}_SECOND_NODE_URL say when a second node must agree with "
            f"{_name}_NODE_URL: set both URLs, and the limit in base units (0 or more), or none of them."
        )

FAUCET_URLS: dict[str, str] = {
    row.code: url for row in CHAINS.values() if (url := env.str(f"{row.setting_name}_FAUCET_URL", default=""))
}
"""Development nodes that test keys may command, with a wallet that pays: test mode is on for their chains."""
for _code in FAUCET_URLS:
    if CHAINS[_code].live:
        raise ImproperlyConfigured(f"{CHAINS[_code].setting_name}_FAUCET_URL: a chain of real money has no faucet.")

EMAIL_URL = env.str("EMAIL_URL", default=f"filemail:////{STATE_DIR / 'mail'}" if DEVELOPMENT else "")
"""How mail leaves: `smtp+tls://user:password@host:587`. In development each mail is a file of `.state/mail/`."""
if not EMAIL_URL:
    raise ImproperlyConfigured("EMAIL_URL is not set. Set it to smtp+tls://user:password@host:587.")
vars().update(env.email_url_config(EMAIL_URL))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("EMAIL_FROM", default="CryptoPay <cryptopay@localhost>")

DEMO_SHOP_URL = env.str("DEMO_SHOP_URL", default="")
"""Where `make run` puts the demo shop; empty elsewhere."""

EXPORTS_KEPT_DAYS = env.int("EXPORTS_KEPT_DAYS", default=7)
RATE_MAX_AGE_SECONDS = env.int("RATE_MAX_AGE_SECONDS", default=900)
RATE_SOURCES: list[str] = env.list("RATE_SOURCES", default=[] if DEVELOPMENT else sorted(SOURCES))
"""Public sources that are asked; none: rates are recorded by hand, by file or by API."""
RATE_CURRENCIES: list[str] = env.list("RATE_CURRENCIES", default=["EUR", "USD"])
RATE_TOKENS: list[str] = env.list("RATE_TOKENS", default=["USDC", "USDT"])
"""Tokens whose code means the same to every source. A coin's own code does."""
RATE_FETCH_SECONDS = env.int("RATE_FETCH_SECONDS", default=60)
RATE_MIN_SOURCES = env.int("RATE_MIN_SOURCES", default=2)
RATE_DEVIATION_PERCENT = Decimal(env.str("RATE_DEVIATION_PERCENT", default="3"))
RATE_JUMP_PERCENT = Decimal(env.str("RATE_JUMP_PERCENT", default="20"))
RATE_JUMP_SECONDS = env.int("RATE_JUMP_SECONDS", default=900)
RATE_CONFIRM_SECONDS = env.int("RATE_CONFIRM_SECONDS", default=300)
if unknown := set(RATE_SOURCES) - set(SOURCES):
    raise ImproperlyConfigured(f"RATE_SOURCES knows no {', '.join(sorted(unknown))}: there are {', '.join(SOURCES)}.")
if not 1 <= RATE_MIN_SOURCES <= max(len(RATE_SOURCES), 1) and RATE_SOURCES:
    raise ImproperlyConfigured("RATE_MIN_SOURCES is from 1 to the number of RATE_SOURCES.")
_RATE_LIMITS = (RATE_MAX_AGE_SECONDS, RATE_FETCH_SECONDS, RATE_DEVIATION_PERCENT, RATE_JUMP_PERCENT)
if not all(limit > 0 for limit in (*_RATE_LIMITS, RATE_JUMP_SECONDS, RATE_CONFIRM_SECONDS)):
    raise ImproperlyConfigured("RATE_..._SECONDS and RATE_..._PERCENT are more than 0.")
if RATE_CONFIRM_SECONDS >= RATE_JUMP_SECONDS:
    raise ImproperlyConfigured("RATE_CONFIRM_SECONDS is less than RATE_JUMP_SECONDS: else a jump is forgotten first.")
RECONCILE_SECONDS = env.int("RECONCILE_SECONDS", default=3600)
"""How often each node is asked what our addresses hold."""
if RECONCILE_SECONDS < 60:  # noqa: PLR2004
    raise ImproperlyConfigured("RECONCILE_SECONDS is at least 60: a node searches all it has each time.")
WEBHOOKS_TO_PRIVATE_ADDRESSES = env.bool("WEBHOOKS_TO_PRIVATE_ADDRESSES", default=DEVELOPMENT)
WEBHOOKS_GIVE_UP_AFTER_DAYS = env.int("WEBHOOKS_GIVE_UP_AFTER_DAYS", default=5)
if WEBHOOKS_GIVE_UP_AFTER_DAYS < 0:
    raise ImproperlyConfigured("WEBHOOKS_GIVE_UP_AFTER_DAYS is 0 (never) or more.")

INSTALLED_APPS = [
    "cryptopay.backoffice.apps.BackofficeConfig",
    "unfold.apps.BasicAppConfig",  # the default one would put its own site in the place of ours
    "cryptopay.backoffice.apps.BackofficeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "pgtrigger",
    "pghistory",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django_structlog",
    "ledger",
    "monitor",
    "keys",
    "reports",
    "cryptopay.feeds",
    "cryptopay.merchants",
    "cryptopay.webhooks",
    "cryptopay.payments",
    "cryptopay.monthend",
    "cryptopay.testmode",
    "cryptopay.api",
    "cryptopay.checkout",
    "cryptopay.people",
]
if DEVELOPMENT:
    INSTALLED_APPS.append("cryptopay.devnet")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "cryptopay.merchants.asking.Asking",
    "allauth.account.middleware.AccountMiddleware",
    "cryptopay.people.limits.WithoutCounters",
    "cryptopay.people.doors.SecondFactorShown",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
]

ROOT_URLCONF = "cryptopay.urls"
WSGI_APPLICATION = "cryptopay.wsgi.application"
ASGI_APPLICATION = "cryptopay.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.debug",
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

LOGIN = env.str("CRYPTOPAY_LOGIN", default="worker")
"""Who this process is to the database: the `owner` migrates, the `worker` acts for every book, the `web` for one at a
time. The web server's entry and `manage.py migrate` say so themselves."""
_LOGIN_URLS = {
    "owner": "",
    "worker": env.str("WORKER_DATABASE_URL", default=""),
    "web": env.str("WEB_DATABASE_URL", default=""),
}
if LOGIN not in _LOGIN_URLS:
    raise ImproperlyConfigured(f"CRYPTOPAY_LOGIN is one of {', '.join(_LOGIN_URLS)}.")
_DATABASE_URL = _LOGIN_URLS[LOGIN] or _required(
    "DATABASE_URL", "Point it at PostgreSQL, or use `make run`, which brings one."
)
LOGINS: dict[str, dict[str, Any]] = {name: env.db_url_config(url) for name, url in _LOGIN_URLS.items() if url}
"""The logins of other processes, as far as this one is told: `migrate` makes those that are missing."""
DATABASES: dict[str, Any] = {
    "default": {**env.db_url_config(_DATABASE_URL), "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True},
}
# PostgreSQL plans a statement once a connection and not each time, which was half of what opening an invoice cost it.
# A statement then has at most 65,535 parameters. PgBouncer in transaction mode must be 1.22 or later.
DATABASES["default"].setdefault("OPTIONS", {}).update(server_side_binding=True, prepare_threshold=5)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "merchants.User"
AUTHENTICATION_BACKENDS = ["cryptopay.merchants.permissions.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "people_home"

SECOND_FACTOR_REQUIRED = env.bool("SECOND_FACTOR_REQUIRED", default=not DEVELOPMENT)
"""Whether those who could do most harm must have one: see `merchants.second_factor`."""
SIGN_UP_OPEN = env.bool("SIGN_UP_OPEN", default=DEVELOPMENT)
"""Whether strangers may open a merchant here; people who were invited always may sign up."""
PROXIES = env.int("PROXIES", default=0 if DEVELOPMENT else 1)
"""How many reverse proxies stand in front: so many entries from the right of X-Forwarded-For are to be believed."""

# There is one way in, and it is allauth's; the back office sends everybody there.
ACCOUNT_ADAPTER = "cryptopay.people.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "CryptoPay: "
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if PUBLIC_URL.startswith("https://") else "http"
ALLAUTH_TRUSTED_PROXY_COUNT = PROXIES
MFA_ADAPTER = "cryptopay.people.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "CryptoPay"
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_PASSKEY_LOGIN_ENABLED = True
# A passkey alone signs in, so it must prove the person, too: by a PIN, a finger, a face.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEVELOPMENT

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "French"), ("de", "German"), ("es", "Spanish"), ("ar", "Arabic")]
# Of the payment page and of what it says of a payment's outlook. Named here, they go before other packages' words.
LOCALE_PATHS = [BASE_DIR / "cryptopay" / "checkout" / "locale", BASE_DIR / "monitor" / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = DEVELOPMENT

REDIS_URL = env.str("REDIS_URL", default="")
if not REDIS_URL and not DEVELOPMENT:
    raise ImproperlyConfigured("REDIS_URL is not set. Point it at Redis or Valkey.")

# Counters of tries, beside the broker's queues. Log-in counts there and lets nobody in where it cannot.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "people"}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=0 if DEVELOPMENT else 6000)
"""Of one API key; 0: as many as it likes."""
API_REQUESTS_PER_MINUTE_WITHOUT_KEY = env.int("API_REQUESTS_PER_MINUTE_WITHOUT_KEY", default=0 if DEVELOPMENT else 600)
"""Of one address that shows no valid key: payers' pages and guesses."""

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["cryptopay.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["cryptopay.api.authentication.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["cryptopay.api.limits.RequestLimits"],
    "NUM_PROXIES": PROXIES,
    "DEFAULT_PARSER_CLASSES": ["cryptopay.api.bodies.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "cryptopay.api.bodies.AlwaysJson",
    "DEFAULT_SCHEMA_CLASS": "cryptopay.api.openapi.ScopedSchema",
    "EXCEPTION_HANDLER": "cryptopay.api.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CryptoPay",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "cryptopay.api.examples.add_to",
        "cryptopay.api.introduction.add_to",
        "cryptopay.api.event_docs.add_to",
    ],
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "persistAuthorization": False,
        "validatorUrl": None,
        "defaultModelsExpandDepth": -1,
    },
    "ENUM_NAME_OVERRIDES": {
        "InvoiceStatus": "cryptopay.payments.models.Invoice.Status",
        "InvoiceException": "cryptopay.payments.models.Invoice.Exceptional",
        "PaymentState": "cryptopay.payments.models.Payment.State",
        "DeliveryState": "cryptopay.webhooks.models.Delivery.State",
        "Scope": "cryptopay.merchants.models.ApiKey.Scope",
        "ApiKeyState": "cryptopay.merchants.models.ApiKey.State",
        "AccountKind": "cryptopay.api.ledger_fields.ACCOUNT_KINDS",
        "AssetKind": "cryptopay.api.ledger_assets.ASSET_KINDS",
        "CostCounting": "ledger.models.CostMethod.Method",
        "EntryKind": "cryptopay.api.ledger_entries.ENTRY_KINDS",
        "RateOrigin": "cryptopay.api.rates.ORIGINS",
        "RateRefusalCode": "cryptopay.api.rates.REFUSALS",
    },
}

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
# Plain tracebacks: the rich ones print every local variable, secrets among them, and take seconds each.
_READABLE = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": _READABLE if DEVELOPMENT else structlog.processors.JSONRenderer(),
            "foreign_pre_chain": [
                structlog.stdlib.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # A poll a second for each chain is no news; what a task cannot do is.
    "loggers": {name: {"level": "WARNING"} for name in ("httpx", "httpcore", "celery")},
}
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line a request: the finished one

UNFOLD = {
    "SITE_TITLE": "CryptoPay",
    "SITE_HEADER": "CryptoPay",
    "SITE_SYMBOL": "account_balance",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("checkout/icon.svg")}],
    "SHOW_HISTORY": False,
    "STYLES": [lambda request: static("backoffice/style.css")],
    "DASHBOARD_CALLBACK": "cryptopay.backoffice.today.dashboard",
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": "cryptopay.backoffice.navigation.sidebar",
    },
}
