"""Shapes of what operators read about rollouts, for the OpenAPI document."""

from typing import Any

from rest_framework import serializers as s

from console.api.answers import ChangeAnswer


class RolloutAnswer(s.Serializer[Any]):
    id = s.UUIDField()
    change_set = s.UUIDField()
    number = s.IntegerField(help_text="Of the change set")
    reason = s.CharField()
    phase = s.CharField()
    said = s.CharField(help_text="Where it stands, with the arithmetic in words")
    wave = s.IntegerField(help_text="The open wave, from 1 on")
    wave_count = s.IntegerField()
    targets = s.DictField(child=s.IntegerField(), help_text="Edges by state")
    edges_on_bad_version = s.IntegerField(
        help_text="Recalled edges that have not said yet that they are back"
    )
    by = s.CharField()
    started_at = s.DateTimeField()
    closed_at = s.DateTimeField(allow_null=True)


class WaveAnswer(s.Serializer[Any]):
    position = s.IntegerField()
    name = s.CharField()
    share = s.DictField()
    phase = s.CharField()
    said = s.CharField()
    size = s.IntegerField()
    counts = s.DictField(child=s.IntegerField(), help_text="What the gate counts")
    targets = s.DictField(child=s.IntegerField(), help_text="Edges by state")
    since = s.DateTimeField(allow_null=True)
    bake_seconds_left = s.IntegerField(allow_null=True)


class FailureGroup(s.Serializer[Any]):
    status = s.CharField()
    code = s.CharField()
    count = s.IntegerField()
    edges = s.ListField(child=s.CharField(), help_text="The first 20")


class WaitingAnswer(s.Serializer[Any]):
    count = s.IntegerField()
    offline = s.IntegerField(help_text="Of them, not heard for half an hour or never")
    edges = s.ListField(child=s.CharField(), help_text="The first 20")


class HistoryEntry(s.Serializer[Any]):
    at = s.DateTimeField()
    what = s.CharField()
    by = s.CharField()
    reason = s.CharField()
    wave = s.IntegerField(allow_null=True)
    evidence = s.DictField()


class RolloutDetail(RolloutAnswer):
    preset = s.CharField()
    policy = s.DictField()
    due_at = s.DateTimeField(allow_null=True, help_text="When it is looked at again without a report")
    skipped = s.DictField(child=s.IntegerField(), help_text="Edges passed by, by reason")
    gone = s.DictField(child=s.IntegerField(), help_text="Edges that left meanwhile: retired, moved")
    waves = WaveAnswer(many=True, help_text="The last one holds the stragglers")
    failures = FailureGroup(many=True)
    waiting = WaitingAnswer(help_text="Edges still on what is being taken back")
    history = HistoryEntry(many=True)


class TargetAnswer(s.Serializer[Any]):
    edge_id = s.CharField()
    site = s.CharField()
    wave = s.IntegerField(allow_null=True)
    state = s.CharField()
    why = s.CharField()
    version = s.IntegerField(allow_null=True)
    has_fault_alarm = s.BooleanField()
    offered_at = s.DateTimeField(allow_null=True)
    deadline_at = s.DateTimeField(allow_null=True)
    changed_at = s.DateTimeField()


class PlannedWave(s.Serializer[Any]):
    name = s.CharField()
    edges = s.ListField(child=s.CharField())


class Planned(ChangeAnswer):
    waves = PlannedWave(many=True)
