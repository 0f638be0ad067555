"""One change, by the keyboard alone: it goes wrong, is taken back, and is made well."""

from typing import Any

from ems.demo.operator import wait_until
from tests.browser import steps
from tests.browser.screen import Screen
from tests.browser.stage import BAD, BETTER, EXCEPTION, FAILED, GOOD, NORTH, OVERRUN, OWN, Stage

REASON, MENDED, BACK = "Shave less at the northern site", "Shave earlier instead", "Back to the defaults"


def threshold(watts: int) -> dict[str, Any]:
    controller = {"id": "ctrlPeakShaving0", "parameters": {"threshold_watts": watts}}
    return {"scheduler": {"controllers": [controller]}}


def run(stage: Stage, watts: int) -> bool:
    """Do the edges of the site run this, and the exception its own?"""
    return {stage.runs(edge) for edge in NORTH} == {watts} and stage.runs(EXCEPTION) == OWN


def find_the_failed_edge(screen: Screen) -> None:
    steps.open_page(screen, "Fleet")
    steps.sees(screen, OVERRUN.detail)
    screen.look("walk-1-fleet")
    steps.follow(screen, "1 failed")
    steps.follow(screen, FAILED, screen.page.get_by_role("region", name="1 edge"))
    steps.sees(screen, "rolled back (core_cycle)")
    screen.look("walk-2-failed-edge")


def preview_names_the_edges(screen: Screen) -> None:
    steps.open_site_layer(screen, "north")
    steps.preview(screen, threshold(BAD), REASON)
    steps.sees(screen, "8 edges will get a new version; 1 keeps its own value, which hides this one.")
    assert steps.previewed_edges(screen) - {EXCEPTION} == set(NORTH)
    screen.look("walk-3-preview")


def roll_out_until_it_halts(screen: Screen, stage: Stage) -> None:
    steps.press(screen, "Roll out (normal)")
    assert [(row[0][:1], row[2]) for row in steps.told_waves(screen)[:3]] == [
        ("1", "1"),
        ("2", "1"),
        ("3", "6"),
    ]
    steps.wait_to_see(screen, "1 of 1 confirmed")
    screen.look("walk-4-first-wave")
    steps.act(screen, "Open the next wave", "The first edge is well")
    steps.wait_to_see(screen, "wave 2: 1 of 1 failed, limit 5 %: halted")
    screen.look("walk-5-halted")
    assert sum(stage.runs(edge) == BAD for edge in NORTH) == 1


def roll_back_all(screen: Screen, stage: Stage) -> None:
    steps.act(screen, "Roll back all", "The grid connection trips")
    steps.wait_to_see(screen, "Edges still on the bad version: 0")
    wait_until("all are back", lambda: run(stage, GOOD), steps.SECONDS)
    steps.wait_to_see(screen, "rolled_back")
    screen.look("walk-6-rolled-back")


def history_tells_the_story(screen: Screen) -> None:
    told = steps.told_history(screen)
    story = ["started", "wave_passed", "halted", "rolling_back", "rolled_back"]
    assert [entry for entry in told if entry in story] == story
    steps.open_page(screen, "Change sets")
    steps.sees(screen, REASON)
    screen.look("walk-7-history")


def publish(screen: Screen, stage: Stage, layer: dict[str, Any], reason: str, watts: int) -> None:
    steps.open_site_layer(screen, "north")
    steps.preview(screen, layer, reason)
    steps.press(screen, "Publish to 8 edges")
    wait_until(f"the site runs {watts} W", lambda: run(stage, watts), steps.SECONDS)
    steps.sees(screen, reason)


def test_a_change_that_goes_wrong_is_taken_back_and_made_well(stranger: Screen, stage: Stage) -> None:
    steps.sign_in(stranger, stage.login)
    find_the_failed_edge(stranger)
    preview_names_the_edges(stranger)
    roll_out_until_it_halts(stranger, stage)
    roll_back_all(stranger, stage)
    history_tells_the_story(stranger)
    publish(stranger, stage, threshold(BETTER), MENDED, BETTER)
    stranger.look("walk-8-published")
    publish(stranger, stage, {}, BACK, GOOD)
    assert stranger.problems == [], "\n".join(stranger.problems)
