"""How the OpenAPI document names the credentials of doors/authentication.py."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


def bearer(what: str) -> dict[str, Any]:
    return {"type": "http", "scheme": "bearer", "description": what}


def header(what: str) -> dict[str, Any]:
    return {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": what}


EDGE_KEY = "An edge key, `emse_...`."
OPERATOR_TOKEN = "An operator token, `emso_...`."  # noqa: S105 - words about tokens
SCHEMES = {
    "edgeKey": bearer(EDGE_KEY),
    "edgeKeyHeader": header(EDGE_KEY),
    "operatorToken": bearer(OPERATOR_TOKEN),
    "operatorTokenHeader": header(OPERATOR_TOKEN),
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "A signed-in browser; writes need the CSRF token.",
    },
}


class _Credentials(OpenApiAuthenticationExtension):
    """Any one of `name` opens the door."""

    name: list[str]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:  # noqa: ARG002
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:  # noqa: ARG002
        return [SCHEMES[name] for name in self.name]


class EdgeKeyScheme(_Credentials):
    target_class = "doors.authentication.EdgeKeyAuthentication"
    name = ["edgeKey", "edgeKeyHeader"]


class OperatorTokenScheme(_Credentials):
    target_class = "doors.authentication.OperatorTokenAuthentication"
    name = ["operatorToken", "operatorTokenHeader"]


class OperatorSessionScheme(_Credentials):
    target_class = "doors.authentication.OperatorSessionAuthentication"
    name = ["session"]


class EitherScheme(_Credentials):
    """The schemes themselves are defined by the classes above."""

    target_class = "doors.authentication.EitherAuthentication"
    name = list(SCHEMES)

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:  # noqa: ARG002
        return []
