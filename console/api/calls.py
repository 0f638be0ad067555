"""What every operator call shares: its body by shape, its query string by name, its repetition by key."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson
from django.db import transaction
from django.http.response import HttpResponseBase
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from configs.changes import Actor
from configs.models import State
from doors import idempotency
from doors.problems import Refused
from doors.views import OperatorView
from edges.credentials import OperatorPrincipal

MOST_TEXT = 1024


class Answering(Protocol):
    """What use cases give back: an outcome, a draft or a preview."""

    def to_dict(self) -> dict[str, Any]: ...


class Call(OperatorView):
    """One address of the operator API: look up, check the role, then one call into a use case."""

    principal: OperatorPrincipal

    def body(self, shape: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The body in this shape. Raises: ValidationError (422 `invalid`), JsonError (400 or 422)."""
        checked = shape(data=self.request.data)
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)

    def document(self, request: Request) -> dict[str, Any]:
        """A body that is a JSON object of any content. An absent one is malformed: it must not wipe a layer.

        Raises: Refused 400 `bad_json`, 422 `invalid`; JsonError.
        """
        if request.META.get("CONTENT_LENGTH") in (None, "", "0"):
            raise Refused(400, "bad_json", "Send a JSON object.")
        if not isinstance(request.data, dict):
            raise Refused(422, "invalid", "The body is a JSON object.")
        return request.data

    def actor(self) -> Actor:
        return Actor(self.principal.username, self.principal.user_id)

    def once(self, respond: Callable[[], Response], *, secret: bool = False) -> HttpResponseBase:
        """`respond()`, at most once per Idempotency-Key of this person or token."""
        person = f"operator:{self.principal.token_id or self.principal.user_id}"
        return idempotency.once(self.request, principal=person, respond=respond, secret=secret)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """What an operator reads, secrets among it, stays in no cache."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "no-store"
        return answer

    def publishing(
        self,
        query: Mapping[str, str],
        act: Callable[[], Answering],
        *,
        preview: Callable[[], Answering] | None = None,
        status: int = 201,
    ) -> HttpResponseBase:
        """The answer of an act that publishes; with `?dry_run=true` what it would be, and nothing is changed.

        An act without a preview of its own is rehearsed: done in a savepoint that is then undone.
        """
        if not flag(query, "dry_run"):
            return self.once(lambda: Response(act().to_dict(), status=status))
        if preview is not None:
            return Response(preview().to_dict())
        with transaction.atomic():
            told = act().to_dict()
            transaction.set_rollback(True)
        return Response(told | {"id": None, "state": State.DRAFT})

    def query(self, request: Request, *known: str) -> dict[str, str]:
        """The query string's members, all of them known: a misspelt `dry_run` must not publish."""
        unknown = sorted(set(request.query_params) - {*known, "cursor", "limit"})
        if unknown:
            raise Refused(400, "bad_query", f"This address knows no query member {unknown[0]!r}.")
        members = {name: values[-1] for name, values in request.query_params.lists()}
        for name, value in members.items():
            if "\0" in value or len(value) > MOST_TEXT:
                raise Refused(400, "bad_query", f"The query member {name!r} is not acceptable text.")
        return members


def flag(query: Mapping[str, str], name: str) -> bool:
    """`true` or `false`; absent is false. Raises: Refused 400 `bad_query` for anything else."""
    text = query.get(name, "false")
    if text not in ("true", "false"):
        raise Refused(400, "bad_query", f"{name} is true or false.")
    return text == "true"


def whole(text: str, name: str) -> int:
    """A version number as it stands in an address. Raises: Refused 400 `bad_query`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and not (len(text) > 1 and text[0] == "0")):
        raise Refused(400, "bad_query", f"{name} is a whole number.")
    return int(text)


def etag_of(item: Mapping[str, Any]) -> str:
    """A strong tag of what a GET shows of a small thing (a site, an edge)."""
    return f'"{hashlib.sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]}"'


def tagged(item: Mapping[str, Any], *, status: int = 200) -> Response:
    """The item with its tag, to be sent back in If-Match."""
    return Response(item, status=status, headers={"ETag": etag_of(item)})
