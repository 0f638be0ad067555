"""Which edges a change reaches, and why the others are left as they are."""

from configs import holding
from configs.models import EdgePins, Hold, HoldSource, Quarantine
from edges import tenancy
from edges.models import EdgeHead, EdgeStatus
from tests import build
from tests.configs.conftest import ALICE, World

CONTROLLERS = "/scheduler/controllers"
THRESHOLD = f"{CONTROLLERS}/ctrlPeakShaving0/parameters/threshold_watts"
PERIOD = "/core_cycle/period_ms"


def fates(outcome):
    reached = {one.edge_id: one.version for one in outcome.affected}
    return reached | {one.edge_id: one.why for one in outcome.unaffected}


def rules(outcome):
    return {(one.rule, one.edge_id, one.path) for one in outcome.warnings}


def test_a_site_layer_reaches_the_edges_of_its_site_only(world: World) -> None:
    assert fates(world.desk.publish(("site/north", "set", THRESHOLD, 30_000))) == {"acme-north-1": 2}


def test_an_edge_layer_reaches_its_edge_only(world: World) -> None:
    assert fates(world.desk.publish(("edge/acme-south-1", "set", THRESHOLD, 30_000))) == {"acme-south-1": 2}


def test_a_value_that_is_overridden_below_is_hidden_there(world: World) -> None:
    world.desk.publish(("site/north", "set", THRESHOLD, 30_000))
    outcome = world.desk.publish(("organization/acme", "set", THRESHOLD, 45_000))
    assert fates(outcome) == {"acme-north-1": "hidden", "acme-south-1": 2}
    assert ("hidden", "acme-north-1", THRESHOLD) in rules(outcome)


def test_the_value_that_stands_already_changes_nothing(world: World) -> None:
    outcome = world.desk.publish(("organization/acme", "set", THRESHOLD, 50_000))
    assert fates(outcome) == {"acme-north-1": "same", "acme-south-1": "same"}
    assert ("no_effect", None, THRESHOLD) in rules(outcome)


def test_pins_move_also_where_the_content_stays_the_same(world: World) -> None:
    outcome = world.desk.publish(("site/north", "set", THRESHOLD, 50_000))
    assert fates(outcome) == {"acme-north-1": "same"}
    with tenancy.scope([world.organization.pk]):
        pins = EdgePins.objects.get(edge=world.north_edge)
        assert pins.site_revision.number == 1
        assert EdgePins.objects.get(edge=world.south_edge).site_revision is None


def test_a_held_edge_is_passed_by_but_its_own_layer_stays_editable(world: World) -> None:
    holding.hold(edge=world.north_edge, reason="on site", actor=ALICE, now=build.NOW)
    assert fates(world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))) == {
        "acme-north-1": "held",
        "acme-south-1": 2,
    }
    assert fates(world.desk.publish(("edge/acme-north-1", "set", PERIOD, 500))) == {"acme-north-1": 2}
    with tenancy.scope([world.organization.pk]):
        assert EdgePins.objects.get(edge=world.north_edge).organization_revision.number == 1


def test_a_released_edge_takes_what_accumulated(world: World) -> None:
    holding.hold(edge=world.north_edge, reason="on site", actor=ALICE, now=build.NOW)
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    world.desk.publish(("site/north", "set", PERIOD, 500))
    preview = holding.preview_release(edge=world.north_edge, now=build.NOW)
    assert [one.changed_sections for one in preview.affected] == [("core_cycle", "scheduler")]
    outcome = holding.release(
        edge=world.north_edge,
        reason="done",
        actor=ALICE,
        now=build.NOW,
        signer=world.desk.signer,
        preview_digest=preview.preview_digest,
    )
    assert fates(outcome) == {"acme-north-1": 2}
    with tenancy.scope([world.organization.pk]):
        assert not EdgeHead.objects.get(edge=world.north_edge).held
        assert Hold.objects.get(edge=world.north_edge).released_by == "alice"


def test_an_excluded_edge_is_left_out_and_held_with_the_reason(world: World) -> None:
    outcome = world.desk.publish(
        ("organization/acme", "set", THRESHOLD, 40_000), exclude=["acme-north-1"], reason="not there yet"
    )
    assert fates(outcome) == {"acme-north-1": "excluded", "acme-south-1": 2}
    with tenancy.scope([world.organization.pk]):
        hold = Hold.objects.get(edge=world.north_edge, released_at=None)
        assert (hold.source, hold.reason, hold.by) == (HoldSource.EXCLUDE, "not there yet", "alice")
        assert EdgeHead.objects.get(edge=world.north_edge).held
    assert fates(world.desk.publish(("organization/acme", "set", PERIOD, 500)))["acme-north-1"] == "held"


def test_a_retired_edge_gets_no_more_versions(world: World) -> None:
    _, _text = build.make_key(world.north_edge)
    outcome = world.desk.publish(("edge/acme-north-1", "retire"))
    assert fates(outcome) == {"acme-north-1": "retired"}
    with tenancy.scope([world.organization.pk]):
        world.north_edge.refresh_from_db()
        assert world.north_edge.stage == "retired"
        assert world.north_edge.keys.filter(revoked_at=None).count() == 0
    assert fates(world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))) == {
        "acme-north-1": "retired",
        "acme-south-1": 2,
    }


def test_a_moved_edge_takes_its_new_site(world: World) -> None:
    world.desk.publish(("site/south", "set", THRESHOLD, 30_000))
    outcome = world.desk.publish(("edge/acme-north-1", "move", "", "south"))
    assert fates(outcome) == {"acme-north-1": 2}
    with tenancy.scope([world.organization.pk]):
        world.north_edge.refresh_from_db()
        assert world.north_edge.site == world.south
        pins = EdgePins.objects.get(edge=world.north_edge)
        assert pins.site_revision == EdgePins.objects.get(edge=world.south_edge).site_revision
    assert fates(world.desk.publish(("site/north", "set", THRESHOLD, 20_000))) == {}


def test_an_agent_that_does_not_know_the_schema_is_not_offered_it(world: World) -> None:
    with tenancy.scope([world.organization.pk]):
        EdgeStatus.objects.filter(edge=world.north_edge).update(schemas=["ems-config/0"])
    outcome = world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    assert fates(outcome) == {"acme-north-1": "agent_too_old", "acme-south-1": 2}


def quarantine(world: World, version: int, **sections: str | None) -> None:
    with tenancy.scope([world.organization.pk]):
        Quarantine.objects.create(
            organization=world.organization,
            edge=world.north_edge,
            version=version,
            sections=sections,
            code="core_cycle_crash",
            created_at=build.NOW,
        )


def section(world: World, name: str) -> str:
    with tenancy.scope([world.organization.pk]):
        head = EdgeHead.objects.get(edge=world.north_edge)
        return world.north_edge_version(head.version).sections[name]


def test_an_unrelated_edit_does_not_bring_a_crash_back_and_a_fix_goes_through(world: World) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    quarantine(world, 2, scheduler=section(world, "scheduler"))
    unrelated = world.desk.publish(("organization/acme", "set", PERIOD, 500))
    assert fates(unrelated) == {"acme-north-1": "quarantined", "acme-south-1": 3}
    with tenancy.scope([world.organization.pk]):
        assert EdgePins.objects.get(edge=world.north_edge).organization_revision.number == 3
        assert EdgeHead.objects.get(edge=world.north_edge).version == 2
    fix = world.desk.publish(("organization/acme", "set", THRESHOLD, 30_000))
    assert fates(fix) == {"acme-north-1": 3, "acme-south-1": 4}
    assert {one.edge_id: one.changed_sections for one in fix.affected} == {
        "acme-north-1": ("core_cycle", "scheduler"),
        "acme-south-1": ("scheduler",),
    }


def test_going_back_by_hand_is_other_content_too(world: World) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    quarantine(world, 2, scheduler=section(world, "scheduler"))
    assert fates(world.desk.publish(("organization/acme", "set", THRESHOLD, 50_000)))["acme-north-1"] == 3


def test_a_selector_gives_each_selected_edge_its_own_value(world: World) -> None:
    world.desk.add_edge(world.north, "acme-north-2", tags=["roof"])
    change = {"selector": {"sites": ["north"]}, "exclude": ["acme-north-1"]}
    outcome = world.desk.publish(("edge/", "set", THRESHOLD, 30_000), **change)
    assert fates(outcome) == {"acme-north-1": "excluded", "acme-north-2": 2}
    outcome = world.desk.publish(("edge/", "set", THRESHOLD, 20_000), selector={"tags": ["roof"]})
    assert fates(outcome) == {"acme-north-2": 3}
    outcome = world.desk.publish(("edge/", "set", PERIOD, 500), selector={"all": True})
    assert set(fates(outcome)) == {"acme-north-1", "acme-north-2", "acme-south-1"}
    outcome = world.desk.publish(("edge/", "set", PERIOD, 400), selector={"status": ["never"]})
    assert len(fates(outcome)) == 3


def test_numbers_that_leap_are_told(world: World) -> None:
    outcome = world.desk.publish(("organization/acme", "set", THRESHOLD, 4_000))
    assert ("ten_times", "acme-north-1", THRESHOLD) in rules(outcome)
    grid = f"{CONTROLLERS}/ctrlBalancing0/parameters/target_grid_power"
    world.desk.publish(("organization/acme", "set", grid, 100))
    assert ("sign_flip", "acme-south-1", grid) in rules(
        world.desk.publish(("organization/acme", "set", grid, -100))
    )


def test_a_number_outside_what_the_other_edges_have_is_told_by_the_preview(world: World) -> None:
    for number in range(3):
        world.desk.add_edge(world.south, f"acme-south-{number + 2}")
    world.desk.publish(("edge/acme-south-2", "set", THRESHOLD, 40_000))
    preview = world.desk.preview(("site/north", "set", THRESHOLD, 60_000))
    assert ("fleet_range", "acme-north-1", THRESHOLD) in rules(preview)
    assert rules(world.desk.preview(("site/north", "set", THRESHOLD, 45_000))) == set()


def test_removing_what_nobody_above_has_is_told(world: World) -> None:
    outcome = world.desk.publish(("edge/acme-north-1", "remove", "/alarms/nothing"))
    assert ("removes_nothing", "acme-north-1", "/alarms/nothing") in rules(outcome)
