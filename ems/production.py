"""What production refuses to start with."""

from django.core.exceptions import ImproperlyConfigured

from ems.env import GENERATED, Environment

REQUIRED = ("DATABASE_URL", "SECRET_KEY", "EMS_PEPPERS", "EMS_SIGNING_KEY_FILE", "ALLOWED_HOSTS")


def require(env: Environment) -> None:
    """Raise ImproperlyConfigured, with every reason at once, unless the environment is fit for production."""
    complaints = [f"{name} is not set" for name in REQUIRED if not env.text(name)]
    complaints += [
        f"{name} was generated for development: make a new one"
        for name in ("SECRET_KEY", "EMS_PEPPERS")
        if GENERATED in env.text(name)
    ]
    if env.text("SECRET_KEY").startswith("django-insecure-") or 0 < len(env.text("SECRET_KEY")) < 50:
        complaints.append("SECRET_KEY must be at least 50 random characters")
    if str(env.folder("EMS_VAR")) in env.text("DATABASE_URL").replace("%2F", "/"):
        complaints.append("DATABASE_URL names the embedded PostgreSQL, which is for development")
    if "*" in env.words("ALLOWED_HOSTS"):
        complaints.append("ALLOWED_HOSTS must name hosts, not *")
    if env.flag("DEBUG"):
        complaints.append("DEBUG must be off")
    if complaints:
        raise ImproperlyConfigured("ENVIRONMENT=production refuses to start: " + "; ".join(complaints) + ".")
