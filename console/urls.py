"""The people's door: the operator API under /api/v1, the desk under /admin/, the API's own description."""

from django.urls import URLPattern, URLResolver, include, path, register_converter

from console.admin import pages  # noqa: F401 - registers every page with the desk
from console.admin.site import desk
from console.api import (
    acts,
    audit,
    change_sets,
    documents,
    edges,
    fleet,
    holds,
    keys,
    layers,
    organizations,
    people,
    registry,
    rollouts,
    site_book,
    status,
    timed,
    tokens,
    transfers,
    values,
)
from console.api.addresses import VersionNumber
from console.openapi import Docs, schema

register_converter(VersionNumber, "version")

ORGANIZATION = [
    path("sites", organizations.Sites.as_view(), name="sites"),
    path("sites/<str:site>", organizations.OneSite.as_view(), name="site"),
    path("sites/<str:site>/contacts", site_book.Contacts.as_view(), name="contacts"),
    path("sites/<str:site>/contacts/<uuid:contact>", site_book.OneContact.as_view(), name="contact"),
    path("sites/<str:site>/access-notes", site_book.AccessNotes.as_view(), name="access-notes"),
    path("sites/<str:site>/journal", site_book.SiteJournal.as_view(), name="site-journal"),
    path("audit", audit.Audit.as_view(), name="audit"),
    path("audit/export", audit.AuditExport.as_view(), name="audit-export"),
    path("memberships", people.Memberships.as_view(), name="memberships"),
    path("memberships/<uuid:membership>", people.OneMembership.as_view(), name="membership"),
    path("invitations", people.Invitations.as_view(), name="invitations"),
    path("invitations/<uuid:invitation>", people.OneInvitation.as_view(), name="invitation"),
    path("second-factor", people.SecondFactor.as_view(), name="second-factor"),
    path("edges", edges.Edges.as_view(), name="edges"),
    path("edges/bulk", transfers.BulkEdges.as_view(), name="bulk-edges"),
    path("export", transfers.Export.as_view(), name="export"),
    path("import", transfers.Import.as_view(), name="import"),
    path("fleet", fleet.Fleet.as_view(), name="fleet"),
    path("events", status.Events.as_view(), name="reported-events"),
    path("tokens", tokens.Tokens.as_view(), name="tokens"),
    path("tokens/<str:token_id>", tokens.OneToken.as_view(), name="token"),
    path("layers/<str:scope>/<str:target>", layers.Layer.as_view(), name="layer"),
    path("values", values.Values.as_view(), name="values"),
    path("history", values.PathHistory.as_view(), name="path-history"),
    path("change-sets", change_sets.ChangeSets.as_view(), name="change-sets"),
    path("approval-rule", timed.ApprovalRule.as_view(), name="approval-rule"),
    path("holds", holds.Holds.as_view(), name="holds"),
    path("rollouts", rollouts.Rollouts.as_view(), name="rollouts"),
]
CHANGE_SET = [
    path("publish", change_sets.Publish.as_view(), name="change-set-publish"),
    path("revert", change_sets.Revert.as_view(), name="change-set-revert"),
    path("schedule", timed.Schedule.as_view(), name="change-set-schedule"),
    path("unschedule", timed.Unschedule.as_view(), name="change-set-unschedule"),
    path("end", timed.End.as_view(), name="change-set-end"),
    path("progress", timed.ProgressOf.as_view(), name="change-set-progress"),
    path("request-approval", timed.RequestApproval.as_view(), name="change-set-request-approval"),
    path("approve", timed.Approve.as_view(), name="change-set-approve"),
    path("reject", timed.Reject.as_view(), name="change-set-reject"),
    path("cancel", change_sets.Cancel.as_view(), name="change-set-cancel"),
    path("rollout", rollouts.Start.as_view(), name="change-set-rollout"),
]
ROLLOUT = [
    path("targets", rollouts.Targets.as_view(), name="rollout-targets"),
    path("pause", rollouts.Pause.as_view(), name="rollout-pause"),
    path("resume", rollouts.Resume.as_view(), name="rollout-resume"),
    path("roll-back", rollouts.RollBack.as_view(), name="rollout-roll-back"),
    path("cancel", rollouts.Cancel.as_view(), name="rollout-cancel"),
    path("advance", rollouts.Advance.as_view(), name="rollout-advance"),
]
EDGE = [
    path("enrollment-token", keys.EnrollmentToken.as_view(), name="enrollment-token"),
    path("keys", keys.Keys.as_view(), name="keys"),
    path("keys/<str:key_id>", keys.OneKey.as_view(), name="key"),
    path("status", status.Status.as_view(), name="status"),
    path("effective", documents.Effective.as_view(), name="effective"),
    path("versions", documents.Versions.as_view(), name="versions"),
    path("versions/<version:one>...<version:other>", documents.Difference.as_view(), name="difference"),
    path("versions/<version:number>", documents.OneVersion.as_view(), name="version"),
    path("journal", site_book.EdgeJournal.as_view(), name="edge-journal"),
    path("history", documents.History.as_view(), name="history"),
    path("running", documents.Running.as_view(), name="running"),
    path("overrides/copy", transfers.CopyOverrides.as_view(), name="copy-overrides"),
    path("rollback", acts.Rollback.as_view(), name="rollback"),
    path("retry", acts.Retry.as_view(), name="retry"),
    path("apply", acts.Apply.as_view(), name="apply"),
    path("hold", acts.Hold.as_view(), name="hold"),
    path("release", acts.Release.as_view(), name="release"),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/organizations", organizations.Organizations.as_view(), name="organizations"),
    path("api/v1/organizations/<str:org>/", include(ORGANIZATION)),
    path("api/v1/change-sets/<uuid:change_set>", change_sets.OneChangeSet.as_view(), name="change-set"),
    path("api/v1/change-sets/<uuid:change_set>/", include(CHANGE_SET)),
    path("api/v1/rollouts/<uuid:rollout>", rollouts.OneRollout.as_view(), name="rollout"),
    path("api/v1/rollouts/<uuid:rollout>/", include(ROLLOUT)),
    path("api/v1/edges/<str:edge_id>", edges.OneEdge.as_view(), name="edge"),
    path("api/v1/edges/<str:edge_id>/", include(EDGE)),
    path("api/v1/registry/profiles", registry.Profiles.as_view(), name="profiles"),
    path("api/v1/registry/profiles/<str:profile>", registry.OneProfile.as_view(), name="profile"),
    path("api/openapi.json", schema, name="openapi"),
    path("api/docs", Docs.as_view(), name="docs"),
    path("admin/", desk.urls),
]
