"""What the API says of alerts, recipients, deliveries and service levels; what it takes about them."""

from rest_framework import serializers

from console.api.shapes import REASON, Exact, Text


class AlertAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    what = serializers.CharField()
    detail = serializers.CharField()
    reach = serializers.IntegerField(help_text="Edges that it reaches now, of those that you may see")
    change_set = serializers.UUIDField(allow_null=True)
    rollout = serializers.UUIDField(allow_null=True)
    opened_at = serializers.DateTimeField()
    resolved_at = serializers.DateTimeField(allow_null=True)
    owner = serializers.CharField(allow_null=True)
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    muted_until = serializers.DateTimeField(allow_null=True)
    mute_reason = serializers.CharField(allow_null=True)
    next_step = serializers.CharField(allow_null=True)


class AlertEntryAnswer(serializers.Serializer):
    what = serializers.CharField()
    at = serializers.DateTimeField()
    by = serializers.CharField()
    reason = serializers.CharField()


class AlertDetail(AlertAnswer):
    history = AlertEntryAnswer(many=True)


class AlertEdgeAnswer(serializers.Serializer):
    edge_id = serializers.CharField()
    site = serializers.CharField()
    since = serializers.DateTimeField()


class RecipientAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    address = serializers.CharField()
    site = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class NewRecipient(RecipientAnswer):
    secret = serializers.CharField(allow_null=True, help_text="Of a webhook; shown this once")


class DeliveryAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    recipient = serializers.UUIDField()
    alert = serializers.UUIDField(allow_null=True)
    key = serializers.CharField()
    event = serializers.CharField()
    state = serializers.CharField()
    attempts = serializers.ListField(child=serializers.DictField())
    created_at = serializers.DateTimeField()
    next_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)


class Point(serializers.Serializer):
    at = serializers.DateTimeField()
    value = serializers.FloatField(allow_null=True)
    counted = serializers.IntegerField()


class LevelSeries(serializers.Serializer):
    name = serializers.CharField()
    target = serializers.FloatField()
    unit = serializers.CharField()
    points = Point(many=True)


class ServiceLevels(serializers.Serializer):
    organization = serializers.CharField()
    step = serializers.IntegerField(help_text="Seconds")
    levels = LevelSeries(many=True)


class Nothing(Exact):
    """An empty object."""


class MayReason(Exact):
    reason = Text(max_length=REASON, required=False)


class Muting(Exact):
    reason = Text(max_length=REASON)
    until = serializers.DateTimeField()


class RecipientWish(Exact):
    kind = serializers.ChoiceField(["email", "webhook"])
    address = Text(max_length=500)
    site = Text(max_length=40, required=False, allow_null=True)
