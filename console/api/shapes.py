"""Shapes of what operators send: names and types only. Meaning is checked by the use cases."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from edges.roles import ROLES

TEXT = 200
REASON = 500


class Exact(serializers.Serializer[Any]):
    """A body with exactly the declared members: an unknown one is an error, not a silence."""

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        unknown = sorted(set(data) - set(self.fields))
        if unknown:
            raise serializers.ValidationError({name: ["This member is not known here."] for name in unknown})
        return value


class Text(serializers.CharField):
    """Text is text: DRF would take a number or a boolean for its spelling."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Must be text.")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A whole number as JSON writes it: not text, not a boolean, not 1.5."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            raise serializers.ValidationError("Must be a whole number.")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """true or false, nothing that resembles them."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Must be true or false.")
        return data


@extend_schema_field(OpenApiTypes.ANY)
class Raw(serializers.Field[Any, Any, Any, Any]):
    """Any JSON value, untouched: the protocol's checks judge it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_null=True, **options)

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


def texts(*, maximum: int, required: bool = False) -> serializers.ListField:
    return serializers.ListField(
        child=Text(max_length=TEXT), max_length=maximum, required=required, allow_empty=True
    )


class NewSite(Exact):
    code = serializers.RegexField(r"\A[a-z0-9][a-z0-9_-]{0,62}\Z")
    name = Text(max_length=TEXT)
    time_zone = Text(max_length=64)


class SiteChange(Exact):
    name = Text(max_length=TEXT, required=False)
    time_zone = Text(max_length=64, required=False)


class NewEdge(Exact):
    edge_id = serializers.RegexField(r"\A[a-z0-9][a-z0-9_-]{1,62}\Z")
    site = Text(max_length=63)
    name = Text(max_length=TEXT, required=False, allow_blank=True, default="")
    tags = texts(maximum=50)
    stage = Text(max_length=32, required=False)


class BulkEdge(Exact):
    edge_id = Text(max_length=TEXT)
    site = Text(max_length=63)
    name = Text(max_length=TEXT, required=False, allow_blank=True, default="")
    tags = texts(maximum=50)


class BulkEdges(Exact):
    edges = BulkEdge(many=True, allow_empty=False, max_length=1_000)  # type: ignore[call-arg]
    ttl_hours = Whole(min_value=1, max_value=24 * 14, required=False, default=24 * 7)


class EdgeChange(Exact):
    name = Text(max_length=TEXT, required=False, allow_blank=True)
    tags = texts(maximum=50)
    stage = Text(max_length=32, required=False)


class NewEnrollmentToken(Exact):
    ttl_hours = Whole(min_value=1, max_value=24 * 30, required=False)


class OperationShape(Exact):
    scope = serializers.ChoiceField(["organization", "site", "edge"])
    target = Text(max_length=63, required=False)
    op = serializers.ChoiceField(["set", "unset", "remove", "lock", "unlock", "move", "retire"])
    path = Text(max_length=1024, allow_blank=True, trim_whitespace=False)
    value = Raw(required=False)


class SelectorShape(Exact):
    all = Flag(required=False)
    sites = texts(maximum=10_000)
    tags = texts(maximum=1_000)
    edges = texts(maximum=100_000)
    status = texts(maximum=20)


class NewChangeSet(Exact):
    reason = Text(max_length=REASON)
    operations = OperationShape(many=True, allow_empty=False, max_length=10_000)  # type: ignore[call-arg]
    selector = SelectorShape(required=False)
    exclude = texts(maximum=100_000)
    publish = Flag(required=False, default=False)
    rebase = Flag(required=False, default=False, help_text="Rollouts of these layers take it as well")
    preview_digest = Text(max_length=64, required=False)


class DraftChange(Exact):
    reason = Text(max_length=REASON, required=False)
    operations = OperationShape(many=True, allow_empty=False, max_length=10_000, required=False)  # type: ignore[call-arg]
    selector = SelectorShape(required=False)
    exclude = texts(maximum=100_000)


class GivenLayer(Exact):
    scope = serializers.ChoiceField(["organization", "site", "edge"])
    target = Text(max_length=63)
    revision = Whole(min_value=0, max_value=2**53 - 1, required=False)
    body = serializers.DictField()


class Importing(Exact):
    reason = Text(max_length=REASON)
    organization = Text(max_length=63, required=False, help_text="Where the file is from")
    layers = GivenLayer(many=True, allow_empty=False, max_length=10_000)  # type: ignore[call-arg]
    skip_unknown = Flag(
        required=False, default=False, help_text="Leave out sites and edges that are not here"
    )
    overwrite = Flag(required=False, default=False, help_text="Also what was changed since the export")
    publish = Flag(required=False, default=False)
    preview_digest = Text(max_length=64, required=False)


class Copying(Exact):
    reason = Text(max_length=REASON)
    selector = SelectorShape()
    paths = texts(maximum=1_000)
    publish = Flag(required=False, default=False)
    preview_digest = Text(max_length=64, required=False)


class Publishing(Exact):
    reason = Text(max_length=REASON, required=False)
    until = serializers.DateTimeField(required=False, help_text="Its planned end")
    background = Flag(required=False, default=False, help_text="By a worker; read the progress meanwhile")
    rebase = Flag(required=False, default=False, help_text="Rollouts of these layers take it as well")
    preview_digest = Text(max_length=64, required=False)


class Reverting(Exact):
    reason = Text(max_length=REASON)
    preview_digest = Text(max_length=64, required=False)


class Reasoned(Exact):
    reason = Text(max_length=REASON)


class RollingBack(Exact):
    reason = Text(max_length=REASON)
    to_version = Whole(min_value=1, max_value=2**53 - 1, required=False)


class AdoptingProfiles(Exact):
    reason = Text(max_length=REASON)
    revision = Whole(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        help_text="The newest when absent; an older one leads back",
    )
    edges = serializers.ListField(
        child=Text(max_length=TEXT),
        max_length=10_000,
        required=False,
        allow_empty=False,
        help_text="These alone, to try it on them first; all when absent",
    )
    preview_digest = Text(max_length=64, required=False)


class Holding(Exact):
    reason = Text(max_length=REASON)
    until = serializers.DateTimeField(required=False)


class Reviewing(Exact):
    reason = Text(max_length=REASON)
    until = serializers.DateTimeField()


class Releasing(Exact):
    reason = Text(max_length=REASON)
    preview_digest = Text(max_length=64, required=False)


class ContactChange(Exact):
    name = Text(max_length=TEXT, required=False)
    role = Text(max_length=100, required=False, allow_blank=True)
    phone = Text(max_length=40, required=False, allow_blank=True)
    email = Text(max_length=254, required=False, allow_blank=True)


class NewContact(ContactChange):
    name = Text(max_length=TEXT)


class AccessNotes(Exact):
    text = Text(max_length=4000, allow_blank=True)


class NewEntry(Exact):
    text = Text(max_length=4000)
    at = serializers.DateTimeField(required=False)
    corrects = Whole(min_value=1, max_value=2**53, required=False)


class AuditPeriod(Exact):
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class RoleChange(Exact):
    role = serializers.ChoiceField(list(ROLES))


class NewInvitation(Exact):
    email = Text(max_length=254)
    role = serializers.ChoiceField(list(ROLES))
    site = Text(max_length=63, required=False)
    ttl_days = Whole(min_value=1, max_value=30, required=False, default=7)


class SecondFactorRequired(Exact):
    mandatory = Flag()


class NewToken(Exact):
    name = Text(max_length=TEXT)
    role = serializers.ChoiceField(list(ROLES))
    site = Text(max_length=63, required=False)
    ttl_days = Whole(min_value=1, max_value=366, required=False, default=90)
