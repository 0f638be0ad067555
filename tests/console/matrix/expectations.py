"""What each address answers to whom. A route of the resolver that stands in no row fails the build."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edges import roles
from edges.roles import Act

ROLE = {"viewer": "viewer", "operator": "operator", "owner": "owner", "other_owner": "owner"}
EDGES = {"edge": "own", "sibling": "same_org"}
NOT_SERVED = frozenset({401, 403, 404, 405})


@dataclass(frozen=True)
class Call:
    """`who`: an act of operators, "edge" (the edge's own key), "either" (both, to read), "public"."""

    who: str
    ok: frozenset[int] = frozenset({200})
    query: str = ""
    body: Callable[[Mapping[str, str]], Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)

    def expected(self, principal: str, target: str, *, names_a_thing: bool) -> frozenset[int]:
        if self.who == "public":
            return self.ok
        if principal in ("anonymous", "revoked", "revoked_edge"):
            return frozenset({401})
        if principal in EDGES:
            return self._for_edge(principal, target)
        return self._for_person(principal, target, names_a_thing=names_a_thing)

    def _for_edge(self, principal: str, target: str) -> frozenset[int]:
        if self.who == "either" and not self.values.get("names_an_edge"):
            return self.ok
        if self.who not in ("edge", "either"):
            return frozenset({401})
        return self.ok if EDGES[principal] == target else frozenset({403})

    def _for_person(self, principal: str, target: str, *, names_a_thing: bool) -> frozenset[int]:
        if self.who == "edge":
            return frozenset({401})
        home = {"own", "same_org"} if principal != "other_owner" else {"other_org"}
        if names_a_thing and target not in home:
            return frozenset({404})
        act: Act = "read" if self.who == "either" else self.who  # type: ignore[assignment]
        return self.ok if roles.allows(ROLE[principal], act) else frozenset({403})  # type: ignore[arg-type]


def reads(**more: Any) -> dict[str, Call]:
    return {"GET": Call("read", **more), "HEAD": Call("read", **more)}


def reviewed(values: Mapping[str, str]) -> dict[str, str]:
    return {**why(values), "until": "2099-01-01T00:00:00Z"}


def why(_: Mapping[str, str]) -> dict[str, str]:
    return {"reason": "matrix"}


def comment(_: Mapping[str, str]) -> dict[str, str]:
    return {"comment": "matrix"}


def recall(_: Mapping[str, str]) -> dict[str, str]:
    return {"reason": "matrix", "scope": "all"}


def change(target: Mapping[str, str]) -> dict[str, Any]:
    operation = {"scope": "edge", "target": target["edge_id"], "op": "set", "path": "/core_cycle/period_ms"}
    return {"reason": "matrix", "operations": [operation | {"value": 4000}], "publish": True}


def past(_: Mapping[str, str]) -> dict[str, str]:
    return {"reason": "matrix", "until": "2020-01-01T00:00:00Z"}


def site(_: Mapping[str, str]) -> dict[str, str]:
    return {"code": "fresh", "name": "Fresh", "time_zone": "UTC"}


def edge(target: Mapping[str, str]) -> dict[str, str]:
    return {"edge_id": "fresh-edge-1", "site": target["site"]}


def bulk(target: Mapping[str, str]) -> dict[str, Any]:
    return {"edges": [{"edge_id": "fresh-edge-2", "site": target["site"]}]}


def layers(target: Mapping[str, str]) -> dict[str, Any]:
    layer = {"scope": "edge", "target": target["edge_id"], "body": {"core_cycle": {"period_ms": 4000}}}
    return {"reason": "matrix", "layers": [layer], "publish": True}


def copied(target: Mapping[str, str]) -> dict[str, Any]:
    return {"reason": "matrix", "selector": {"edges": [target["edge_id"]]}}


def note(_: Mapping[str, str]) -> dict[str, str]:
    return {"text": "matrix"}


def heartbeat(_: Mapping[str, str]) -> dict[str, Any]:
    running = {"version": 0, "digest": None}
    return {"boot_id": "11111111-1111-4111-8111-111111111111", "seq": 1, "running": running}


def event(_: Mapping[str, str]) -> dict[str, Any]:
    one = {
        "id": "22222222-2222-4222-8222-222222222222",
        "seq": 9,
        "type": "alarm",
        "at": "2026-01-01T00:00:00Z",
    }
    return {"events": [one]}


CREATED = frozenset({201})
MATCH = {"If-Match": "*"}
DRAFT, DONE = {"change_set": "draft"}, {"change_set": "done"}
ORG, EDGE, SET = (
    "api/v1/organizations/<str:org>/",
    "api/v1/edges/<str:edge_id>",
    "api/v1/change-sets/<uuid:change_set>",
)
ALERT = "api/v1/alerts/<uuid:alert>"
ROLLOUT = "api/v1/rollouts/<uuid:rollout>"
EDGE_READ = {"GET": Call("edge"), "HEAD": Call("edge")}
EITHER = {"GET": Call("either"), "HEAD": Call("either")}
OWN_EDGE = {"names_an_edge": "yes"}
PUBLIC = {"GET": Call("public"), "HEAD": Call("public")}

API: dict[str, dict[str, Call]] = {
    "health": PUBLIC,
    "health/ready": PUBLIC,
    "metrics": PUBLIC,
    "static/<path:path>": PUBLIC,
    "api/openapi.json": PUBLIC,
    "api/docs": PUBLIC,
    "api/v1/enroll": {
        "POST": Call(
            "public",
            frozenset({401}),
            body=lambda _: {"token": "emsn_x", "nonce": "n" * 32, "agent_version": "1", "schemas": ["x"]},
        )
    },
    f"{EDGE}/config": EDGE_READ,
    f"{EDGE}/config/delta": {name: Call("edge", query="since=1") for name in ("GET", "HEAD")},
    f"{EDGE}/heartbeat": {"POST": Call("edge", body=heartbeat)},
    f"{EDGE}/events": {"POST": Call("edge", body=event)},
    f"{EDGE}/keys/rotate": {"POST": Call("edge", CREATED)},
    f"{EDGE}/versions/<number:number>/bundle": {
        name: Call("either", values={"number": "1", **OWN_EDGE}) for name in ("GET", "HEAD")
    },
    "api/v1/trust/roots/<number:root_version>": {
        name: Call("either", values={"root_version": "1"}) for name in ("GET", "HEAD")
    },
    "api/v1/organizations": reads(),
    "api/v1/registry/profiles": reads(),
    "api/v1/registry/profiles/<str:profile>": reads(values={"profile": "tesla_powerwall_2"}),
    f"{ORG}sites": {**reads(), "POST": Call("manage_edges", CREATED, body=site)},
    f"{ORG}sites/<str:site>": {
        **reads(), "PATCH": Call("manage_edges", body=lambda _: {"name": "x"}, headers=MATCH),
    },
    f"{ORG}sites/<str:site>/contacts": {
        **reads(), "POST": Call("edit", CREATED, body=lambda _: {"name": "x", "phone": "1"}),
    },
    f"{ORG}sites/<str:site>/contacts/<uuid:contact>": {
        "PATCH": Call("edit", body=lambda _: {"phone": "2"}), "DELETE": Call("edit", frozenset({204})),
    },
    f"{ORG}sites/<str:site>/access-notes": {
        **reads(), "PUT": Call("edit", body=lambda _: {"text": "x"}, headers=MATCH),
    },
    f"{ORG}sites/<str:site>/journal": {**reads(), "POST": Call("edit", CREATED, body=note)},
    f"{EDGE}/journal": {**reads(), "POST": Call("edit", CREATED, body=note)},
    f"{ORG}audit": {"GET": Call("manage_tokens"), "HEAD": Call("manage_tokens")},
    f"{ORG}audit/export": {"POST": Call("manage_tokens", body=lambda _: {})},
    f"{ORG}memberships": reads(),
    f"{ORG}memberships/<uuid:membership>": {
        "PATCH": Call("manage_people", body=lambda _: {"role": "approver"}),
        "DELETE": Call("manage_people", frozenset({204})),
    },
    f"{ORG}invitations": {
        "GET": Call("manage_people"),
        "HEAD": Call("manage_people"),
        "POST": Call("manage_people", CREATED, body=lambda _: {"email": "x@example.com", "role": "viewer"}),
    },
    f"{ORG}invitations/<uuid:invitation>": {"DELETE": Call("manage_people")},
    f"{ORG}second-factor": {
        **reads(), "PUT": Call("manage_people", body=lambda _: {"mandatory": True}),
    },
    f"{ORG}edges": {**reads(), "POST": Call("manage_edges", CREATED, body=edge)},
    f"{ORG}fleet": reads(),
    f"{ORG}edges/bulk": {"POST": Call("manage_edges", CREATED, body=bulk)},
    f"{ORG}export": reads(),
    f"{ORG}import": {"POST": Call("publish", CREATED, body=layers)},
    f"{ORG}values": reads(query="path=/core_cycle/period_ms"),
    f"{ORG}history": reads(query="path=/core_cycle/period_ms"),
    f"{ORG}events": reads(),
    f"{ORG}tokens": {
        "GET": Call("manage_tokens"),
        "HEAD": Call("manage_tokens"),
        "POST": Call("manage_tokens", CREATED, body=lambda _: {"name": "t", "role": "viewer"}),
    },
    f"{ORG}tokens/<str:token_id>": {"DELETE": Call("manage_tokens")},
    f"{ORG}layers/<str:scope>/<str:target>": {
        **reads(), "PUT": Call("publish", body=lambda _: {"core_cycle": {"period_ms": 5000}}, headers=MATCH),
    },
    f"{ORG}change-sets": {**reads(), "POST": Call("publish", CREATED, body=change)},
    SET: {
        **reads(values=DONE),
        "PATCH": Call("edit", body=why, headers=MATCH, values=DRAFT),
    },
    f"{SET}/publish": {"POST": Call("publish", CREATED, body=why, values=DRAFT)},
    f"{SET}/forecast": reads(values=DRAFT),
    f"{SET}/revert": {"POST": Call("publish", CREATED, body=why, values=DONE)},
    f"{SET}/rollout": {"POST": Call("publish", CREATED, body=why, values=DRAFT)},
    f"{ORG}rollouts": reads(),
    ROLLOUT: reads(),
    f"{ROLLOUT}/targets": reads(),
    f"{ROLLOUT}/pause": {"POST": Call("publish", body=why)},
    f"{ROLLOUT}/resume": {"POST": Call("publish", frozenset({409}), body=why)},
    f"{ROLLOUT}/roll-back": {"POST": Call("rollback", body=recall)},
    f"{ROLLOUT}/cancel": {"POST": Call("publish", body=why)},
    f"{ROLLOUT}/advance": {"POST": Call("publish", frozenset({409}), body=why)},
    f"{ORG}alerts": reads(query="state=all"),
    f"{ORG}service-levels": reads(),
    f"{ORG}recipients": {
        "GET": Call("manage_edges"),
        "HEAD": Call("manage_edges"),
        "POST": Call(
            "manage_edges", CREATED, body=lambda _: {"kind": "email", "address": "new@example.com"}
        ),
    },
    f"{ORG}deliveries": {"GET": Call("manage_edges"), "HEAD": Call("manage_edges")},
    ALERT: reads(),
    f"{ALERT}/edges": reads(),
    f"{ALERT}/acknowledge": {"POST": Call("edit", body=lambda _: {})},
    f"{ALERT}/mute": {"POST": Call("edit", frozenset({409}), body=past)},
    f"{ALERT}/unmute": {"POST": Call("edit", frozenset({409}), body=lambda _: {})},
    "api/v1/recipients/<uuid:recipient>": {"DELETE": Call("manage_edges")},
    "api/v1/recipients/<uuid:recipient>/test": {
        "POST": Call("manage_edges", frozenset({202}), body=lambda _: {})
    },
    "api/v1/deliveries/<uuid:delivery>/redeliver": {
        "POST": Call("manage_edges", frozenset({202}), body=lambda _: {})
    },
    f"{SET}/schedule": {"POST": Call("publish", frozenset({202}), body=lambda _: {}, values=DRAFT)},
    f"{SET}/unschedule": {"POST": Call("publish", body=why, values={"change_set": "waiting"})},
    f"{SET}/end": {"POST": Call("publish", body=lambda _: {"until": None}, values=DONE)},
    f"{SET}/progress": reads(values={"change_set": "waiting"}),
    f"{SET}/request-approval": {"POST": Call("edit", frozenset({409}), body=lambda _: {}, values=DRAFT)},
    f"{SET}/approve": {"POST": Call("approve", frozenset({409}), body=lambda _: {}, values=DRAFT)},
    f"{SET}/take-back": {"POST": Call("edit", frozenset({409}), body=why, values=DRAFT)},
    f"{SET}/reject": {"POST": Call("approve", frozenset({409}), body=comment, values=DRAFT)},
    f"{ORG}approval-rule": {
        **reads(), "PUT": Call("manage_edges", body=lambda _: {"above_edges": 5, "paths": []}),
    },
    f"{ORG}holds": reads(),
    f"{ORG}profile-registry": reads(),
    f"{ORG}profile-registry/adopt": {"POST": Call("manage_edges", CREATED, body=why)},
    f"{SET}/cancel": {"POST": Call("edit", body=why, values=DRAFT)},
    EDGE: {**reads(), "PATCH": Call("manage_edges", body=lambda _: {"name": "x"}, headers=MATCH)},
    f"{EDGE}/enrollment-token": {"POST": Call("manage_keys", CREATED, body=lambda _: {})},
    f"{EDGE}/keys": reads(),
    f"{EDGE}/keys/<str:key_id>": {"DELETE": Call("manage_keys", query="cut_off=true")},
    f"{EDGE}/status": reads(),
    f"{EDGE}/effective": reads(),
    f"{EDGE}/versions": reads(),
    f"{EDGE}/versions/<version:one>...<version:other>": reads(values={"one": "1", "other": "2"}),
    f"{EDGE}/versions/<version:number>": reads(values={"number": "1"}),
    f"{EDGE}/history": reads(query="path=/core_cycle"),
    f"{EDGE}/running": reads(),
    f"{EDGE}/overrides/copy": {"POST": Call("edit", CREATED, body=copied)},
    f"{EDGE}/rollback": {"POST": Call("rollback", CREATED, body=why)},
    f"{EDGE}/retry": {"POST": Call("rollback", CREATED, body=why)},
    f"{EDGE}/apply": {"POST": Call("publish", frozenset({202}), body=why)},
    f"{EDGE}/hold": {"POST": Call("rollback", CREATED, body=why)},
    f"{EDGE}/hold/review": {
        "POST": Call("rollback", frozenset({409}), body=reviewed)
    },
    f"{EDGE}/release": {"POST": Call("rollback", frozenset({409}), body=why)},
}  # fmt: skip
# Parameters that name something of an organization; the others are numbers within it.
THINGS = frozenset({"org", "edge_id", "change_set", "rollout", "alert", "recipient", "delivery"})
STATIC = {"path": "console/desk.css", "deed": "cancel", "verb": "acknowledge"}
