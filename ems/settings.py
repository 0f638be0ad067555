"""Assembly of the cloud. What the environment may change is in env.py."""

from console import look
from ems import database, logs, mail, production
from ems.env import REPOSITORY, Environment, development_secrets, parse_peppers

_env = Environment()
ENVIRONMENT = _env.choice("ENVIRONMENT", ("development", "production"))
PRODUCTION = ENVIRONMENT == "production"
DEBUG = _env.flag("DEBUG")
EMS_VAR = _env.folder("EMS_VAR")
if PRODUCTION:
    production.require(_env)
_secrets = {} if PRODUCTION else development_secrets(EMS_VAR)
SECRET_KEY = _env.text("SECRET_KEY") or _secrets["SECRET_KEY"]
EMS_PEPPERS = parse_peppers(_env.text("EMS_PEPPERS") or _secrets["EMS_PEPPERS"])
EMS_SIGNING_KEY_FILE = _env.text("EMS_SIGNING_KEY_FILE") or str(EMS_VAR / "keys" / "config-signing.key")
EMS_ROOT_KEY_FILE = _env.text("EMS_ROOT_KEY_FILE")
PUBLIC_URL = _env.text("PUBLIC_URL").rstrip("/")
ALLOWED_HOSTS = _env.words("ALLOWED_HOSTS") or ["127.0.0.1", "localhost", "[::1]", "testserver"]

# The server's role owns nothing and is subject to row level security.
EMBEDDED_DATABASE = not _env.text("DATABASE_URL")
_cluster = database.cluster(EMS_VAR)
_app_url = _env.text("DATABASE_URL") or _cluster.url(database.APP)
_owner_url = _env.text("DATABASE_OWNER_URL") or (_cluster.url(database.OWNER) if EMBEDDED_DATABASE else "")
_pool_size = _env.number("DATABASE_POOL_SIZE", 1, 10)
DATABASES = {"default": database.django_database(_app_url, pool_size=_pool_size)}
if _owner_url:
    DATABASES["owner"] = database.django_database(_owner_url, engine=database.UNGUARDED)
# LISTEN holds one connection for ever: not through a transaction pooler.
DATABASE_DIRECT_URL = _env.text("DATABASE_DIRECT_URL")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TENANT_APPLICATION_FILTER = True  # tests switch it off to prove that row level security holds alone

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "simple_history",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "channels",
    # The second factor of people. None of allauth's own addresses is served.
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "edges",
    "configs",
    "monitoring",
    "doors",
    "sync_api",
    "console",
    "ems",
]
MIDDLEWARE = [
    "doors.request_ids.RequestIdMiddleware",
    "doors.metrics.MetricsMiddleware",
    "ems.browsers.CrossOriginMiddleware",
    "doors.compression.CompressionMiddleware",
    "doors.problems.ProblemMiddleware",
    "ems.health.ProbesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "ems.browsers.PagePolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
ROOT_URLCONF = "ems.urls"
ASGI_APPLICATION = "ems.asgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [REPOSITORY / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LANGUAGE_CODE, TIME_ZONE, USE_I18N, USE_TZ = "en-gb", "UTC", False, True
STATIC_URL, STATIC_ROOT = "/static/", EMS_VAR / "static"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/admin/"
MFA_ADAPTER = "edges.second_factor.Sealed"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "EMS"
CSRF_FAILURE_VIEW = "doors.problems.csrf_failure"
CORS_ORIGINS = _env.origins("CORS_ORIGINS")
PING_URL = _env.text("PING_URL")
WEBHOOKS_TO_PRIVATE = _env.flag("WEBHOOKS_TO_PRIVATE")
_mail = mail.parse(_env.text("EMAIL_URL"))
EMAIL_IS_SET, EMAIL_BACKEND = _mail.is_set, _mail.backend
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL, EMAIL_TIMEOUT = _mail.tls == "starttls", _mail.tls == "tls", 10
DEFAULT_FROM_EMAIL = _env.text("EMAIL_FROM")
EMS_LIMITS = _env.json_object("EMS_LIMITS")
EMS_MOST_SOCKETS = _env.number("EMS_MOST_SOCKETS", 1, 1_000_000)
TRUSTED_PROXIES = _env.number("TRUSTED_PROXIES", 0, 9)
# Keeps Django from spooling what the gate in front of it has bounded already.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024

# Cookies and transport. A development server speaks plain HTTP on the loopback.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if _env.flag("TRUST_FORWARDED_PROTO"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

REST_FRAMEWORK = {
    # Who says nothing lets nobody in; the views of doors/ say who may.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["doors.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["doors.bodies.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "doors.rendering.OnlyJSON",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "doors.refusals.respond",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = look.SPECTACULAR
UNFOLD = look.UNFOLD
LOGGING = logs.configuration(
    level=_env.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR")),
    as_json=_env.choice("LOG_FORMAT", ("", "json", "text")) == "json"
    or (PRODUCTION and not _env.text("LOG_FORMAT")),
)
