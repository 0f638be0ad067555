"""How the desk and the OpenAPI document present themselves: values for settings, nothing else."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "EMS",
    "SITE_HEADER": "EMS",
    "SITE_SUBHEADER": "Energy edges and what they run",
    "SITE_SYMBOL": "bolt",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": ["/static/console/desk.css"],
    "ACCOUNT": {"navigation": [{"title": "Second factor", "link": "/admin/second-factor/"}]},
    "SCRIPTS": ["/static/console/desk.js", "/static/console/live.js"],
    "SIDEBAR": {"show_search": False, "navigation": "console.admin.navigation.sidebar"},
    # The stock purple says nothing; green is what a battery is.
    "COLORS": {
        "primary": {
            "50": "oklch(97.9% .021 166.1)",
            "100": "oklch(95% .052 163.1)",
            "200": "oklch(90.5% .093 164.2)",
            "300": "oklch(84.5% .143 165)",
            "400": "oklch(76.5% .177 163.2)",
            "500": "oklch(69.6% .17 162.5)",
            "600": "oklch(50.8% .118 165.6)",
            "700": "oklch(45% .105 166)",
            "800": "oklch(43.2% .095 166.9)",
            "900": "oklch(37.8% .077 168.9)",
            "950": "oklch(26.2% .051 172.6)",
        }
    },
}

SPECTACULAR: dict[str, Any] = {
    "OAS_VERSION": "3.1.1",
    "TITLE": "Edge configuration: edges and operators",
    "VERSION": "1",
    "DESCRIPTION": (
        "Errors are RFC 9457 problems. Lists are `{items, next}`. Operators send `Authorization: Bearer "
        "emso_...` or use their browser session with CSRF; edges send "
        "`Authorization: Bearer emse_...` or `X-API-Key`."
    ),
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "WEBHOOKS": "console.api.webhooks.WEBHOOKS",
    "ENUM_NAME_OVERRIDES": {"LayerScope": ["organization", "site", "edge"]},
}
