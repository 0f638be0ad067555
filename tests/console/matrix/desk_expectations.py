"""What each page of the desk answers to whom."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from edges import roles
from tests.console.matrix.expectations import ROLE

LOGIN = frozenset({302})
FORBIDDEN = frozenset({403})
# A row that is not theirs: Django leads home with a sentence, histories and our own pages say 404.
AWAY, MISSING = frozenset({302}), frozenset({404})
SHOWN = frozenset({200})


@dataclass(frozen=True)
class Model:
    """The act that each view of a model takes; None: nobody may."""

    view: str | None = "read"
    add: str | None = None
    change: str | None = None
    delete: str | None = None
    has_history: bool = False
    is_shared: bool = False


MODELS = {
    "edges/organization": Model(change="manage_edges", has_history=True),
    "edges/site": Model(add="manage_edges", change="manage_edges", has_history=True),
    "edges/edge": Model(add="manage_edges", change="manage_edges", has_history=True),
    "edges/membership": Model(
        add="manage_people", change="manage_people", delete="manage_people", has_history=True
    ),
    "edges/edgeevent": Model(),
    "edges/operatortoken": Model(view="manage_tokens"),
    "configs/changeset": Model(),
    "configs/version": Model(),
    "configs/deviceprofile": Model(has_history=True, is_shared=True),
}
ACTS = {
    "rollback": "rollback",
    "retry": "rollback",
    "apply": "publish",
    "hold": "rollback",
    "review": "rollback",
    "release": "rollback",
    "token": "manage_keys",
}


@dataclass(frozen=True)
class Page:
    """`act` on their own rows: `ok` when the role allows it, else 403; `foreign`: for rows not theirs.

    `asks_first`: who may do this nowhere is refused before anything is looked up. `member` False: everybody
    who is signed in.
    """

    act: str | None
    ok: frozenset[int] = SHOWN
    foreign: frozenset[int] | None = None
    is_public: bool = False
    member: bool = True
    asks_first: bool = False
    form: Mapping[str, str] = field(default_factory=dict)

    def expected(self, principal: str, target: str) -> frozenset[int]:
        if self.is_public:
            return self.ok
        if principal in ("anonymous", "edge", "token"):
            return LOGIN
        if not self.member:
            return self.ok
        home = {"revoked": set(), "other_owner": {"other_org"}}.get(principal, {"own", "same_org"})
        role = ROLE.get(principal)
        allowed = self.act is not None and roles.allows(role, self.act)  # type: ignore[arg-type]
        if self.foreign is not None and target not in home and (allowed or not self.asks_first):
            return self.foreign
        return self.ok if allowed else FORBIDDEN


def pages() -> dict[str, dict[str, Page]]:
    """Every pattern under admin/ with its methods."""
    table: dict[str, dict[str, Page]] = dict(SITE)
    for label, model in MODELS.items():
        table |= _of_model(f"admin/{label}/", model)
    return table


def _of_model(base: str, model: Model) -> dict[str, dict[str, Page]]:
    one = f"{base}<path:object_id>/"
    away = None if model.is_shared else AWAY
    table = {
        base: _both(Page(model.view), Page(model.view, frozenset({200, 302}))),
        f"{base}add/": _both(Page(model.add), Page(model.add)),
        f"{one}change/": _both(
            Page(model.view, foreign=away, asks_first=True), Page(model.change, foreign=away, asks_first=True)
        ),
        f"{one}delete/": _delete(model),
        f"{one}history/": _both(*[Page(model.view, foreign=_history_away(model))] * 2),
        one: _both(*[Page(None, frozenset({301, 302}), member=False)] * 2),
    }
    if model.has_history:
        missing = None if model.is_shared else MISSING
        table[f"{base}<object_id>/history/<version_id>/"] = {
            "GET": Page(model.view, foreign=missing),
            "POST": Page(None, FORBIDDEN, member=False),
        }
    return table


def _history_away(model: Model) -> frozenset[int] | None:
    if model.is_shared:
        return None
    return MISSING if model.has_history else AWAY


def _delete(model: Model) -> dict[str, Page]:
    if model.delete is None:
        return _both(*[Page(None, FORBIDDEN, member=False)] * 2)
    return _both(
        Page(model.delete, foreign=AWAY, asks_first=True),
        Page(model.delete, frozenset({302}), foreign=AWAY, asks_first=True),
    )


def _both(get: Page, post: Page) -> dict[str, Page]:
    return {"GET": get, "POST": post}


ANYBODY = Page(None, member=False)
NO_POST = Page(None, frozenset({405}), member=False)
EDGE = "admin/edges/edge/<uuid:edge_uid>/"
PEOPLE = "admin/people/<str:org>/"
ALERT = "admin/alerts/<uuid:alert>/"
ROLLOUT = "admin/rollouts/<uuid:rollout>/"
SITE: dict[str, dict[str, Page]] = {
    "admin/": _both(ANYBODY, ANYBODY),
    "admin/login/": _both(*[Page(None, frozenset({200, 302}), is_public=True)] * 2),
    "admin/login/code/": _both(*[Page(None, frozenset({302}), is_public=True)] * 2),
    "admin/join/": _both(*[Page(None, is_public=True)] * 2),
    "admin/second-factor/": _both(ANYBODY, ANYBODY),
    "admin/sites/<uuid:site_uid>/book/": _both(
        Page("read", foreign=MISSING), Page("edit", frozenset({302, 422}), foreign=MISSING)
    ),
    f"{EDGE}journal/": _both(
        Page("read", foreign=MISSING), Page("edit", frozenset({302, 422}), foreign=MISSING)
    ),
    "admin/audit/": _both(ANYBODY, NO_POST),
    "admin/audit/<str:org>/export/": _both(*[Page("manage_tokens", foreign=MISSING)] * 2),
    "admin/tokens/": _both(ANYBODY, NO_POST),
    "admin/tokens/<str:org>/new/": _both(*[Page("manage_tokens", foreign=MISSING)] * 2),
    "admin/tokens/<str:org>/<str:token_id>/revoke/": _both(
        Page("manage_tokens", foreign=MISSING), Page("manage_tokens", LOGIN, foreign=MISSING)
    ),
    "admin/people/": _both(ANYBODY, NO_POST),
    f"{PEOPLE}invite/": _both(*[Page("manage_people", foreign=MISSING)] * 2),
    f"{PEOPLE}second-factor/": _both(
        Page("manage_people", foreign=MISSING), Page("manage_people", LOGIN, foreign=MISSING)
    ),
    f"{PEOPLE}invitations/<uuid:invitation>/revoke/": _both(
        Page("manage_people", foreign=MISSING), Page("manage_people", LOGIN, foreign=MISSING)
    ),
    "admin/logout/": _both(
        Page(None, frozenset({302, 405}), is_public=True), Page(None, frozenset({200, 302}), is_public=True)
    ),
    "admin/password_change/": _both(ANYBODY, ANYBODY),
    "admin/password_change/done/": _both(ANYBODY, NO_POST),
    # Asked without naming a field, which no page of ours does: refused for everybody.
    "admin/autocomplete/": _both(Page(None, FORBIDDEN, member=False), NO_POST),
    "admin/jsi18n/": _both(ANYBODY, NO_POST),
    "admin/<app_label>/": _both(*[Page("read", foreign=frozenset({200, 404}))] * 2),
    "admin/<url>": _both(*[Page(None, MISSING, member=False)] * 2),
    # Lists of what is theirs; whose memberships ended sees empty ones.
    "admin/fleet/": _both(ANYBODY, NO_POST),
    "admin/alerts/": _both(ANYBODY, NO_POST),
    "admin/holds/": _both(ANYBODY, NO_POST),
    "admin/service-levels/": _both(ANYBODY, NO_POST),
    ALERT: _both(Page("read", foreign=MISSING), NO_POST),
    f"{ALERT}act/<str:verb>/": _both(
        Page("edit", foreign=MISSING), Page("edit", frozenset({302, 422}), foreign=MISSING)
    ),
    "admin/recipients/": _both(Page("manage_edges"), Page("manage_edges", frozenset({422}))),
    "admin/rollouts/": _both(ANYBODY, NO_POST),
    "admin/history/": _both(ANYBODY, NO_POST),
    "admin/values/": _both(ANYBODY, NO_POST),
    ROLLOUT: _both(Page("read", foreign=MISSING), NO_POST),
    f"{ROLLOUT}targets/": _both(Page("read", foreign=MISSING), NO_POST),
    f"{ROLLOUT}act/<str:name>/": _both(
        Page("rollback", foreign=MISSING), Page("rollback", frozenset({302, 422}), foreign=MISSING)
    ),
    "admin/change-sets/<uuid:change_set>/act/<str:deed>/": _both(
        Page("edit", foreign=MISSING), Page("edit", frozenset({422}), foreign=MISSING)
    ),
    "admin/approvals/": _both(ANYBODY, NO_POST),
    "admin/approvals/<str:org>/": _both(
        Page("read", foreign=MISSING), Page("manage_edges", LOGIN, foreign=MISSING)
    ),
    "admin/layers/<str:org>/<str:scope>/<str:target>/": _both(
        Page("read", foreign=MISSING), Page("read", frozenset({200, 422}), foreign=MISSING)
    ),
    "admin/profiles/<str:org>/": _both(
        Page("read", foreign=MISSING), Page("manage_edges", frozenset({422}), foreign=MISSING)
    ),
    "admin/transfer/": _both(ANYBODY, Page(None, frozenset({422}), member=False)),
    "admin/transfer/<str:org>/": _both(*[Page("read", foreign=MISSING)] * 2),
    "admin/edges/bulk/": _both(Page("manage_edges"), Page("manage_edges", frozenset({422}))),
    f"{EDGE}copy/": _both(Page("edit", foreign=MISSING), Page("edit", frozenset({422}), foreign=MISSING)),
    f"{EDGE}place/": _both(Page("edit", foreign=MISSING), Page("edit", frozenset({422}), foreign=MISSING)),
    f"{EDGE}versions/": _both(Page("read", foreign=MISSING), NO_POST),
    f"{EDGE}compare/": _both(Page("read", foreign=MISSING), NO_POST),
    f"{EDGE}value/": _both(Page("edit", foreign=MISSING), Page("edit", frozenset({422}), foreign=MISSING)),
    "admin/changes/<uuid:change_set>/revert/": _both(
        Page("read", foreign=MISSING), Page("publish", frozenset({422}), foreign=MISSING)
    ),
    "admin/changes/new/": _both(ANYBODY, Page(None, frozenset({422}), member=False)),
    "admin/drafts/<uuid:draft>/": _both(Page("read", foreign=MISSING), Page("edit", foreign=MISSING)),
    f"{EDGE}effective/": _both(*[Page("read", foreign=MISSING)] * 2),
    f"{EDGE}keys/<str:key_id>/revoke/": _both(
        Page("manage_keys", foreign=MISSING), Page("manage_keys", frozenset({302, 422}), foreign=MISSING)
    ),
    f"{EDGE}act/<str:name>/": _both(
        Page("rollback", foreign=MISSING), Page("rollback", frozenset({200, 302, 422}), foreign=MISSING)
    ),
}
