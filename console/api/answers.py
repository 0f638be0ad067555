"""Shapes of what operators read, for the OpenAPI document."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers as s

from console.api.timed_answers import ApprovalAnswer, TimingAnswer

AnyDocument = OpenApiTypes.OBJECT


def page_of(item: type[s.Serializer[Any]], name: str) -> type[s.Serializer[Any]]:
    """`{"items": [...], "next": cursor|null}`, the form of every list."""
    members = {"items": item(many=True), "next": s.CharField(allow_null=True)}
    return type(name, (s.Serializer,), members)


class OrganizationAnswer(s.Serializer[Any]):
    code = s.CharField()
    name = s.CharField()
    time_zone = s.CharField()
    key_rotation_days = s.IntegerField()
    role = s.CharField(
        allow_null=True, help_text="Your role for the whole organization; null when it is per site."
    )


class SiteAnswer(s.Serializer[Any]):
    code = s.CharField()
    name = s.CharField()
    time_zone = s.CharField()
    created_at = s.DateTimeField()


class EdgeAnswer(s.Serializer[Any]):
    edge_id = s.CharField()
    edge_uid = s.UUIDField()
    organization = s.CharField()
    site = s.CharField()
    name = s.CharField()
    tags = s.ListField(child=s.CharField())
    stage = s.CharField()
    created_at = s.DateTimeField()
    retired_at = s.DateTimeField(allow_null=True)
    link = s.CharField(help_text="online, late, offline or never")
    configuration = s.CharField(help_text="in sync, updating, behind, failed, drifted or none")
    headline = s.CharField(help_text="The one word by which this edge is counted and filtered")
    flags = s.ListField(child=s.CharField())
    desired_version = s.IntegerField(allow_null=True)
    running_version = s.IntegerField(allow_null=True)


class EnrollmentTokenAnswer(s.Serializer[Any]):
    token = s.CharField(help_text="Shown once")
    expires_at = s.DateTimeField()
    command = s.CharField(help_text="To paste on the edge; carries the digest of trust root 1")


class LabelAnswer(s.Serializer[Any]):
    edge_id = s.CharField()
    site = s.CharField()
    token = s.CharField(help_text="Shown once")
    expires_at = s.DateTimeField()
    command = s.CharField(help_text="To paste on the edge; carries the digest of trust root 1")


class LabelsAnswer(s.Serializer[Any]):
    edges = LabelAnswer(many=True)


class KeyAnswer(s.Serializer[Any]):
    key_id = s.CharField()
    created_at = s.DateTimeField()
    first_used_at = s.DateTimeField(allow_null=True)
    last_used_at = s.DateTimeField(allow_null=True)
    expires_at = s.DateTimeField(allow_null=True)
    revoked_at = s.DateTimeField(allow_null=True)
    revoked_by = s.CharField(allow_null=True)
    pending = s.BooleanField()


class AffectedEdge(s.Serializer[Any]):
    edge_id = s.CharField()
    from_version = s.IntegerField(allow_null=True)
    version = s.IntegerField(allow_null=True)
    changed_sections = s.ListField(child=s.CharField())


class UnaffectedEdge(s.Serializer[Any]):
    edge_id = s.CharField()
    why = s.CharField()


class ChangeWarning(s.Serializer[Any]):
    rule = s.CharField()
    edge_id = s.CharField(allow_null=True)
    path = s.CharField()
    detail = s.CharField()


class ChangeAnswer(s.Serializer[Any]):
    id = s.UUIDField(allow_null=True)
    state = s.CharField()
    preview_digest = s.CharField()
    affected = AffectedEdge(many=True)
    unaffected = UnaffectedEdge(many=True)
    warnings = ChangeWarning(many=True)


class LayerAddress(s.Serializer[Any]):
    scope = s.CharField()
    target = s.CharField()


class ImportAnswer(ChangeAnswer):
    skipped = LayerAddress(many=True, help_text="Layers of the file that are not here")


class OperationAnswer(s.Serializer[Any]):
    scope = s.CharField()
    target = s.CharField()
    op = s.CharField()
    path = s.CharField()
    old = s.JSONField(required=False)
    value = s.JSONField(required=False)


class ChangeSetAnswer(s.Serializer[Any]):
    id = s.UUIDField()
    number = s.IntegerField()
    kind = s.CharField()
    state = s.CharField()
    author = s.CharField()
    reason = s.CharField()
    created_at = s.DateTimeField()
    published_at = s.DateTimeField(allow_null=True)
    reverts = s.UUIDField(allow_null=True)


class ChangeSetDetail(ChangeSetAnswer):
    selector = s.JSONField(allow_null=True)
    exclude = s.ListField(child=s.CharField())
    operations = OperationAnswer(many=True)
    timing = TimingAnswer(allow_null=True)
    approval = ApprovalAnswer(allow_null=True)


class VersionAnswer(s.Serializer[Any]):
    version = s.IntegerField()
    epoch = s.IntegerField()
    kind = s.CharField()
    content_of = s.IntegerField(allow_null=True)
    digest = s.CharField()
    sections = s.DictField(child=s.CharField())
    timestamp = s.CharField()
    change_set = s.UUIDField(allow_null=True)


class TokenAnswer(s.Serializer[Any]):
    id = s.UUIDField()
    token_id = s.CharField()
    name = s.CharField()
    username = s.CharField()
    role = s.CharField()
    site = s.CharField(allow_null=True)
    created_at = s.DateTimeField()
    expires_at = s.DateTimeField(allow_null=True)
    revoked_at = s.DateTimeField(allow_null=True)
    last_used_at = s.DateTimeField(allow_null=True)


class NewTokenAnswer(TokenAnswer):
    token = s.CharField(help_text="Shown once")


class MembershipAnswer(s.Serializer[Any]):
    id = s.UUIDField()
    username = s.CharField()
    role = s.CharField()
    site = s.CharField(allow_null=True)
    since = s.DateTimeField()
    second_factor = s.BooleanField()
    last_sign_in_at = s.DateTimeField(allow_null=True)


class InvitationAnswer(s.Serializer[Any]):
    id = s.UUIDField()
    email = s.EmailField()
    role = s.CharField()
    site = s.CharField(allow_null=True)
    state = s.CharField(help_text="open, accepted, revoked or expired")
    created_by = s.CharField()
    created_at = s.DateTimeField()
    expires_at = s.DateTimeField()
    accepted_by = s.CharField(allow_null=True)


class NewInvitationAnswer(InvitationAnswer):
    link = s.CharField(help_text="Shown once; the code stands behind the #, where no server sees it")
    mailed = s.BooleanField()


class SecondFactorAnswer(s.Serializer[Any]):
    mandatory = s.BooleanField()


class AuditAnswer(s.Serializer[Any]):
    at = s.DateTimeField()
    what = s.CharField()
    by = s.CharField(allow_null=True, help_text="null: nobody was noted")
    about = s.CharField()
    detail = s.CharField()
    id = s.CharField(help_text="The row that it was read from")


class ContactAnswer(s.Serializer[Any]):
    id = s.UUIDField()
    name = s.CharField()
    role = s.CharField()
    phone = s.CharField()
    email = s.CharField()


class AccessNotesAnswer(s.Serializer[Any]):
    text = s.CharField()


class JournalAnswer(s.Serializer[Any]):
    id = s.IntegerField()
    at = s.DateTimeField(help_text="When it happened")
    written_at = s.DateTimeField()
    by = s.CharField()
    text = s.CharField()
    edge = s.CharField(allow_null=True, help_text="null: the site as a whole")
    corrects = s.IntegerField(allow_null=True)
    corrected_by = s.IntegerField(allow_null=True)


class EventAnswer(s.Serializer[Any]):
    edge_id = s.CharField()
    id = s.UUIDField()
    seq = s.IntegerField()
    type = s.CharField()
    at = s.DateTimeField()
    received_at = s.DateTimeField()
    version = s.IntegerField(allow_null=True)
    code = s.CharField(allow_null=True)
    detail = s.CharField(allow_null=True)
    data = s.JSONField(allow_null=True)  # type: ignore[assignment]


class ProfileAnswer(s.Serializer[Any]):
    profile_id = s.CharField()
    version = s.CharField()
    vendor = s.CharField()
    model = s.CharField()
    role = s.CharField()


class ProfileDifferences(s.Serializer[Any]):
    added = s.ListField(child=s.CharField())
    changed = s.ListField(child=s.CharField())
    removed = s.ListField(child=s.CharField())


class RegistryRevisionAnswer(s.Serializer[Any]):
    revision = s.IntegerField()
    note = s.CharField()
    created_at = s.DateTimeField()
    edges = s.IntegerField(help_text="Edges that have this one, without the retired")
    differs = ProfileDifferences(
        allow_null=True, help_text="What the newest would bring them; null for the newest, and without edges"
    )


class RegistryAnswer(s.Serializer[Any]):
    revisions = RegistryRevisionAnswer(many=True, help_text="The newest first")


class ProblemAnswer(s.Serializer[Any]):
    """RFC 9457, the form of every refusal."""

    type = s.CharField()
    title = s.CharField()
    status = s.IntegerField()
    detail = s.CharField()
    instance = s.CharField()
    code = s.CharField()
    errors = s.ListField(child=s.DictField())  # type: ignore[assignment]


class RequestAnswer(s.Serializer[Any]):
    id = s.UUIDField()
    kind = s.CharField()
    created_at = s.DateTimeField()
    expires_at = s.DateTimeField()


class HoldAnswer(s.Serializer[Any]):
    by = s.CharField()
    source = s.CharField()  # type: ignore[assignment]
    reason = s.CharField()
    review_at = s.DateTimeField(allow_null=True)
    created_at = s.DateTimeField()


class ValueAnswer(s.Serializer[Any]):
    key = s.CharField(help_text="Names the value; `absent` when nothing stands at the path")
    value = s.JSONField(required=False, help_text="Left out when nothing stands at the path")
    edges = s.IntegerField()
    set_in = s.DictField(
        child=s.IntegerField(), help_text="Edges by the layer that the value comes from: organization, ..."
    )
    sample = s.ListField(child=s.CharField(), help_text="The first edges of these")


class ValuesAnswer(s.Serializer[Any]):
    path = s.CharField()
    unpublished = s.IntegerField(help_text="Edges without a version yet")
    values = ValueAnswer(many=True)


class StepAnswer(s.Serializer[Any]):
    scope = s.CharField()
    target = s.CharField()
    op = s.CharField()
    path = s.CharField()
    value = s.JSONField(required=False)
    old = s.JSONField(required=False, help_text="What the layer had at the path")
    change_set = s.UUIDField()
    number = s.IntegerField()
    author = s.CharField()
    reason = s.CharField()
    at = s.DateTimeField()
    reverted = s.BooleanField()


StepsPage = page_of(StepAnswer, "Steps")
