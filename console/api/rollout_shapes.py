"""Shapes of what operators send about rollouts. What numbers make sense, the use case says."""

from typing import Any

from rest_framework import serializers

from configs.rollouts.policies import ADVANCE, ON_FAIL, PRESETS
from console.api.shapes import REASON, TEXT, Exact, SelectorShape, Text, Whole

NOT_KNOBS = frozenset({"preset", "waves", "reason", "preview_digest"})
HOW = ("continue", "retry_failed", "skip_failed", "restart_wave")


class Number(serializers.FloatField):
    """A number as JSON writes it, whole or not."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise serializers.ValidationError("Must be a number.")
        return super().to_internal_value(data)


def _limit(meaning: str) -> Whole:
    return Whole(required=False, allow_null=True, help_text=f"{meaning}; null: no limit")


def _whole(meaning: str) -> Whole:
    return Whole(required=False, help_text=meaning)


def _percent(meaning: str) -> Number:
    return Number(required=False, help_text=meaning)


class WaveShape(Exact):
    """One of `selector`, `count` and `percent`; a percentage counts from the first wave on."""

    name = Text(max_length=TEXT, required=False)
    selector = SelectorShape(required=False)
    count = Whole(required=False, min_value=1, max_value=1_000_000)
    percent = Number(required=False)


class Wished(Exact):
    """A preset or waves, and any knob."""

    preset = serializers.ChoiceField(list(PRESETS), required=False)
    waves = WaveShape(many=True, required=False, allow_empty=False)
    on_fail = serializers.ChoiceField(list(ON_FAIL), required=False)
    advance = serializers.ChoiceField(list(ADVANCE), required=False)
    rate_per_minute = _limit("Edges offered the change a minute")
    per_site = _limit("Edges of one site under change at once")
    settle_seconds = _whole("How long an edge may take to answer")
    bake_seconds = _whole("How long a wave is watched after all have answered")
    bad_limit = _limit("Failed edges of a wave that halt the rollout")
    bad_percent = _percent("Failed edges of a wave that halt the rollout, in % of those attempted")
    minimum_sample = _whole("Edges to be attempted before a percentage counts")
    pass_percent = _percent("Confirmed edges that a wave needs, in % of those attempted")
    minimum_coverage_percent = _percent("Edges of a wave that must be reached, in %")
    maximum_wait_seconds = _whole("How long a wave may wait before a person must decide")
    stragglers_per_site = _whole("Edges of one site that follow at once after completion")


class Starting(Wished):
    reason = Text(max_length=REASON, required=False)
    preview_digest = Text(max_length=64, required=False)


class Resuming(Exact):
    reason = Text(max_length=REASON)
    how = serializers.ChoiceField(list(HOW), required=False, default="continue")


class RollingBackWaves(Exact):
    reason = Text(max_length=REASON)
    scope = serializers.ChoiceField(["wave", "all"])
