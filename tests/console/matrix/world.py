"""Two organizations with a row of everything in each, and everybody who could ask."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.test import Client

from configs import adopting, changesets, publishing, signing
from configs.changes import Actor, Change, Operation
from configs.models import DeviceProfile, Version
from configs.rollouts import starting
from configs.rollouts.models import Rollout
from configs.rollouts.policies import Wish
from configs.timed import scheduling
from configs.timed.scheduling import When
from edges import contacts, inviting, journals, tenancy
from edges.models import Edge, EdgeEvent, EdgeStatus, Membership, Organization
from monitoring.models import Alert, AlertEdge, AlertEntry, Delivery, Recipient
from tests import build

# Stands in every text of an organization: in an answer to somebody else it is a leak.
CANARY = {"acme": "canary-of-acme", "birch": "canary-of-birch"}
UNKNOWN = "11111111-1111-4111-8111-111111111111"
API_PRINCIPALS = (
    "anonymous",
    "edge",
    "sibling",
    "viewer",
    "operator",
    "owner",
    "other_owner",
    "revoked",
    "revoked_edge",
)
DESK_PRINCIPALS = ("anonymous", "edge", "token", "viewer", "operator", "owner", "other_owner", "revoked")
HOME = {"other_owner": "birch"}


@dataclass
class World:
    """`targets[kind]` = values for the parameters of addresses; `credentials` and `sessions` by principal."""

    targets: dict[str, dict[str, str]] = field(default_factory=dict)
    credentials: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)

    def client(self, principal: str, *, is_desk: bool) -> tuple[Client, dict[str, str]]:
        client = Client(raise_request_exception=False)
        if is_desk and principal in self.sessions:
            client.cookies["sessionid"] = self.sessions[principal]
            return client, {"Accept": "text/html"}
        if principal in self.credentials:
            return client, {"Authorization": f"Bearer {self.credentials[principal]}"}
        return client, {}


def make_world() -> World:
    cast = build.make_cast()
    world = World()
    for organization in (cast.acme, cast.birch):
        _mark(organization)
    dora, eve, ann = (build.make_user(name) for name in ("dora", "eve", "ann"))
    build.make_membership(dora, cast.birch, "owner")
    build.make_membership(eve, cast.acme, "operator")
    build.make_membership(build.make_user("finn"), cast.birch, "viewer")
    people = {"viewer": cast.bob, "operator": eve, "owner": cast.alice, "other_owner": dora}
    rows = {
        "own": _everything(cast.acme_north, cast.alice),
        "same_org": _everything(cast.acme_south, cast.alice),
        "other_org": _everything(cast.birch_edge, dora),
    }
    world.targets = {**rows, "unknown": _unknown(rows["own"])}
    for name, user in people.items():
        organization = cast.birch if name == "other_owner" else cast.acme
        world.credentials[name] = build.make_operator_token(user, organization)[1]
    world.credentials["token"] = world.credentials["owner"]
    world.credentials["edge"] = build.make_key(cast.acme_north)[1]
    world.credentials["sibling"] = build.make_key(cast.acme_south)[1]
    world.credentials["revoked_edge"] = build.make_key(cast.acme_north, revoked_at=build.NOW)[1]
    token, world.credentials["revoked"] = build.make_operator_token(cast.alice, cast.acme)
    with tenancy.scope([cast.acme.pk]):
        type(token).objects.filter(pk=token.pk).update(revoked_at=build.NOW)
    for name, user in {**people, "revoked": ann}.items():
        client = Client()
        client.force_login(user)
        world.sessions[name] = client.cookies["sessionid"].value
    return world


def _mark(organization: Organization) -> None:
    """Names that cannot occur by chance, and a layer from which edges can be published."""
    with tenancy.scope([organization.pk]):
        organization.name = CANARY[organization.code]
        organization.save()
    body = build.document() | {"extensions": {"vendor": {"note": CANARY[organization.code]}}}
    _publish(organization, Operation("organization", organization.code, "set", "", body))


def _publish(organization: Organization, *operations: Operation) -> Any:
    return publishing.publish(
        organization_id=organization.pk,
        change=_change(organization, *operations),
        actor=Actor(CANARY[organization.code]),
        now=build.NOW,
        signer=signing.signer(),
    )


def _change(organization: Organization, *operations: Operation) -> Change:
    return Change(reason=f"reason {CANARY[organization.code]}", operations=operations)


def _furnish(edge: Edge, owner: Any) -> dict[str, str]:
    """Two versions, keys, an event, a token, a draft and a published change; what addresses are made of."""
    organization = Organization(pk=edge.organization_id, code="birch" if "birch" in edge.edge_id else "acme")
    canary = CANARY[organization.code]
    with tenancy.scope([organization.pk]):
        Edge.objects.filter(pk=edge.pk).update(name=canary, tags=[canary])
        edge = Edge.objects.select_related("site", "organization").get(pk=edge.pk)
        adopting.adopt(edge=edge, actor=Actor(canary), now=build.NOW, signer=signing.signer())
        done = _publish(organization, Operation("edge", edge.edge_id, "set", "/core_cycle/period_ms", 2000))
        draft = changesets.create_draft(
            organization_id=organization.pk,
            change=_change(
                organization, Operation("edge", edge.edge_id, "set", "/core_cycle/period_ms", 3000)
            ),
            actor=Actor(canary),
            now=build.NOW,
        )
        rollout = _roll_out(edge, canary)
        EdgeStatus.objects.update_or_create(
            edge=edge,
            defaults={
                "organization_id": organization.pk,
                "last_attempt": {"version": 2, "status": "rejected", "code": canary, "detail": canary},
            },
        )
        event = EdgeEvent.objects.create(
            organization_id=organization.pk, edge=edge, event_id=uuid4(), seq=1, type="alarm", at=build.NOW,
            received_at=build.NOW, detail=canary,
        )  # fmt: skip
        edge.save()
        edge.site.save()
        member = Membership.objects.filter(organization_id=organization.pk).exclude(user=owner).first()
        assert member is not None
        member.save()
        version = Version.objects.get(edge=edge, number=2)
        histories = [row.history.latest().history_id for row in (edge.organization, edge.site, edge, member)]
    build.make_key(edge)
    key, _ = build.make_key(edge)
    token, _ = build.make_operator_token(owner, edge.organization)
    profile = DeviceProfile.objects.get(name="tesla_powerwall_2")
    return {
        "org": organization.code,
        "site": edge.site.code,
        "edge_id": edge.edge_id,
        "edge_uid": str(edge.pk),
        "key_id": key.key_id,
        "token_id": token.token_id,
        "membership": str(member.pk),
        **_of_people(edge, owner, canary),
        "scope": "edge",
        "target": edge.edge_id,
        "draft": str(draft.change_set_id),
        "done": str(done.change_set_id),
        "rollout": str(rollout.pk),
        "edges/organization": str(organization.pk),
        "edges/site": str(edge.site_id),
        "edges/edge": str(edge.pk),
        "edges/membership": str(member.pk),
        "edges/edgeevent": str(event.pk),
        "edges/operatortoken": str(token.pk),
        "configs/changeset": str(done.change_set_id),
        "configs/version": str(version.pk),
        "configs/deviceprofile": str(profile.pk),
        "history edges/organization": str(histories[0]),
        "history edges/site": str(histories[1]),
        "history edges/edge": str(histories[2]),
        "history edges/membership": str(histories[3]),
        "history configs/deviceprofile": str(profile.history.latest().history_id),
    }


def _of_people(edge: Edge, owner: Any, canary: str) -> dict[str, str]:
    """What people keep beside the configuration: an invitation, a contact, a note, a change that waits."""
    with tenancy.scope([edge.organization_id]):
        invitation, _ = inviting.invite(
            organization_id=edge.organization_id,
            email=f"{canary}@example.com",
            role="viewer",
            site=None,
            by=owner.username,
            by_role="owner",
            lifetime=timedelta(days=7),
            now=build.NOW,
            random_bytes=secrets.token_bytes,
        )
        contact = contacts.add(site=edge.site, name=canary, phone="1", now=build.NOW)
        contacts.note_access(site=edge.site, text=canary)
        journals.write(site=edge.site, edge=edge, text=canary, by=canary, now=build.NOW)
        waiting = _schedule(edge, canary)
    return {
        "waiting": str(waiting),
        "invitation": str(invitation.pk),
        "contact": str(contact.pk),
        "site_uid": str(edge.site_id),
    }


def _everything(edge: Edge, owner: Any) -> dict[str, str]:
    furnished = _furnish(edge, owner)
    with tenancy.scope([edge.organization_id]):
        return {**furnished, **_alert(edge, CANARY[furnished["org"]])}


def _alert(edge: Edge, canary: str) -> dict[str, str]:
    """An alert that reaches the edge, somebody who is told of it, and what was sent."""
    own = {"organization_id": edge.organization_id}
    alert = Alert.objects.create(
        **own, kind="clock", key=f"clock:{edge.edge_id}", what=canary, detail=canary, reach=1,
        opened_at=build.NOW, changed_at=build.NOW,
    )  # fmt: skip
    AlertEdge.objects.create(**own, alert=alert, edge=edge, since=build.NOW)
    AlertEntry.objects.create(**own, alert=alert, what="opened", at=build.NOW, reason=canary)
    recipient = Recipient.objects.create(
        **own, kind="email", address=f"{canary}@{edge.edge_id}.example", by=canary, created_at=build.NOW
    )
    delivery = Delivery.objects.create(
        **own, recipient=recipient, alert=alert, key=canary, body={"event": canary}, state="delivered",
        created_at=build.NOW,
    )  # fmt: skip
    return {"alert": str(alert.pk), "recipient": str(recipient.pk), "delivery": str(delivery.pk)}


def _schedule(edge: Edge, canary: str) -> UUID:
    """A change set that waits for a year's end."""
    organization = edge.organization
    step = Operation("edge", edge.edge_id, "set", "/core_cycle/period_ms", 2500)
    which = {"organization_id": organization.pk, "actor": Actor(canary), "now": build.NOW}
    made = changesets.create_draft(**which, change=_change(organization, step))
    later = When(at=build.NOW + timedelta(days=30))
    scheduling.schedule(**which, change_set_id=made.change_set_id, when=later)
    return made.change_set_id


def _roll_out(edge: Edge, canary: str) -> Rollout:
    """A rollout of the site's layer, before its first wave."""
    organization = edge.organization
    step = Operation("site", edge.site.code, "set", "/core_cycle/supervisor", {"overrun_alert_threshold": 9})
    drafted = changesets.create_draft(
        organization_id=organization.pk,
        change=_change(organization, step),
        actor=Actor(canary),
        now=build.NOW,
    )
    return starting.start(
        organization_id=organization.pk,
        change_set_id=drafted.change_set_id,
        wish=Wish(),
        actor=Actor(canary),
        now=build.NOW,
    )


def _unknown(like: dict[str, str]) -> dict[str, str]:
    """Values of the same shape that name nothing."""
    numbers = {"edges/edgeevent", "configs/version"}
    named = {
        "org": "nowhere",
        "site": "nowhere",
        "edge_id": "unknown-1",
        "target": "unknown-1",
        "scope": "edge",
    }
    made = {name: "987654321" if name in numbers or name.startswith("history") else UNKNOWN for name in like}
    same = {name: value for name, value in like.items() if "deviceprofile" in name}
    return {**made, **same, **named, "key_id": "0" * 12, "token_id": "0" * 12}
