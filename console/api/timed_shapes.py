"""Shapes of what operators send about change sets that wait. What makes sense, the use cases say."""

from rest_framework import serializers

from configs.timed.windows import DAYS
from console.api.rollout_shapes import Wished
from console.api.shapes import REASON, Exact, Flag, Text, Whole


class WindowShape(Exact):
    time_zone = Text(max_length=64, help_text="An IANA name, such as Europe/Berlin")
    opens = Text(max_length=5, help_text="HH:MM")
    closes = Text(max_length=5, help_text="HH:MM; at or before `opens`: on the next day")
    days = serializers.ListField(
        child=serializers.ChoiceField(list(DAYS)), required=False, help_text="None: every day"
    )


class Scheduling(Exact):
    """`at` or `window`; neither: as soon as a worker has time."""

    at = serializers.DateTimeField(required=False)
    window = WindowShape(required=False)
    rollout = Wished(required=False, help_text="Left out: everywhere at once")
    rebase = Flag(required=False, default=False, help_text="Rollouts of these layers take it as well")
    until = serializers.DateTimeField(required=False, help_text="Its planned end")
    preview_digest = Text(max_length=64, required=False)


class Ending(Exact):
    until = serializers.DateTimeField(allow_null=True, help_text="null: it stays")


class Asking(Exact):
    preview_digest = Text(max_length=64, required=False)


class Approving(Exact):
    comment = Text(max_length=REASON, required=False, allow_blank=True, default="")
    preview_digest = Text(max_length=64, required=False, help_text="Of the preview that you looked at")
    rule = Whole(min_value=0, max_value=2**31 - 1, required=False, help_text="Number of the rule you know")


class Rejecting(Exact):
    comment = Text(max_length=REASON)


class ApprovalRule(Exact):
    above_edges = Whole(allow_null=True, min_value=0, max_value=1_000_000, help_text="null: any number")
    paths = serializers.ListField(
        child=Text(max_length=1024, allow_blank=True, trim_whitespace=False), max_length=200
    )
