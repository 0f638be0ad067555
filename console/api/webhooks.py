"""What we send to others' webhooks, for the OpenAPI document. docs/webhooks.md tells it at length."""

from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema
from rest_framework import serializers

EVENTS = ["opened", "spread", "grown", "reopened", "resolved"]
HEADERS = (
    "Headers: `EMS-Key` names the message and is the same for every attempt: drop what you have seen. "
    "`EMS-Timestamp`: when this attempt was signed, in seconds since 1970. `EMS-Signature`: `v1=` and, "
    "in hex, the HMAC-SHA256 of `<timestamp>.<body>`; its key is the secret's text as it was shown. "
    "Anything but 200 to 299 within 5 s is tried again after 30 s, then each time four times as long, "
    "at most 8 h, twelve attempts in all. A recipient of one site reads of that site alone."
)


class NamedAnswer(serializers.Serializer):
    code = serializers.CharField()
    name = serializers.CharField()


class AlertChange(serializers.Serializer):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    author = serializers.CharField()
    reason = serializers.CharField()


class AlertRollout(serializers.Serializer):
    id = serializers.UUIDField()
    phase = serializers.CharField()


class AlertTold(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    what = serializers.CharField()
    detail = serializers.CharField(allow_blank=True)
    reach = serializers.IntegerField(help_text="Edges that it reaches now")
    edges = serializers.ListField(child=serializers.CharField(), help_text="Twenty at most")
    sites = NamedAnswer(many=True, help_text="Twenty at most")
    change = AlertChange(allow_null=True)
    rollout = AlertRollout(allow_null=True)
    opened_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    owner = serializers.CharField(allow_blank=True)
    next_step = serializers.CharField()
    address = serializers.CharField(
        allow_null=True, help_text="Its page on the desk, where PUBLIC_URL is set"
    )


class AlertMessage(serializers.Serializer):
    event = serializers.ChoiceField([f"alert.{one}" for one in EVENTS])
    organization = NamedAnswer()
    alert = AlertTold()
    at = serializers.DateTimeField()


class TestMessage(serializers.Serializer):
    event = serializers.ChoiceField(["test"])
    organization = NamedAnswer()
    by = serializers.CharField()
    at = serializers.DateTimeField()


def _told(name: str, summary: str, body: type[serializers.Serializer]) -> OpenApiWebhook:
    answers = {200: OpenApiResponse(description="Any status from 200 to 299: it is delivered.")}
    described = extend_schema(
        summary=summary, description=HEADERS, request=body, responses=answers, tags=["webhooks"]
    )
    return OpenApiWebhook(name, described)


WEBHOOKS = [
    _told("alert", "Something happened to an alert that concerns the recipient", AlertMessage),
    _told("test", "A person asked for a test", TestMessage),
]
