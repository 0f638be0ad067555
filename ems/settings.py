"""Assembly of the cloud. What the environment may change is in env.py."""

from ems import database, production
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
PUBLIC_URL = _env.text("PUBLIC_URL").rstrip("/")
ALLOWED_HOSTS = _env.words("ALLOWED_HOSTS") or ["127.0.0.1", "localhost", "[::1]", "testserver"]

# The server's role owns nothing and is subject to row level security.
EMBEDDED_DATABASE = not _env.text("DATABASE_URL")
_cluster = database.cluster(EMS_VAR)
_app_url = _env.text("DATABASE_URL") or _cluster.url(database.APP)
_owner_url = _env.text("DATABASE_OWNER_URL") or (_cluster.url(database.OWNER) if EMBEDDED_DATABASE else "")
DATABASES = {
    "default": database.django_database(_app_url, pool_size=_env.number("DATABASE_POOL_SIZE", 1, 10))
}
if _owner_url:
    DATABASES["owner"] = database.django_database(_owner_url)
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
    "edges",
    "configs",
    "doors",
    "sync_api",
    "console",
    "ems",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
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
