"""One change, by the keyboard alone: it goes wrong, is taken back, is made well, and is undone."""

from ems.demo.operator import wait_until
from tests.browser import steps
from tests.browser.screen import Screen
from tests.browser.stage import BAD, BETTER, EXCEPTION, FAILED, GOOD, NORTH, OVERRUN, OWN, THRESHOLD, Stage

REASON, MENDED, BACK = "Shave less at the northern site", "Shave earlier instead", "Back to the defaults"


def run(stage: Stage, watts: int) -> bool:
    """Do the edges of the site run this, and the exception its own?"""
    return {stage.runs(edge) for edge in NORTH} == {watts} and stage.runs(EXCEPTION) == OWN


def sign_in_with_a_second_factor(screen: Screen, stage: Stage) -> str:
    """Set up first; then the password alone is not enough. Gives a recovery code."""
    steps.sign_in(screen, stage.login)
    key, recovery_codes = steps.set_up_second_factor(screen)
    screen.look("walk-0-recovery-codes")
    steps.sign_in_with_code(screen, stage.login, steps.code_of_app(key))
    return recovery_codes[0]


def find_the_failed_edge(screen: Screen) -> None:
    steps.open_page(screen, "Fleet")
    steps.sees(screen, OVERRUN.detail)
    screen.look("walk-1-fleet")
    steps.follow(screen, "1 failed")
    steps.follow(screen, FAILED, screen.page.get_by_role("region", name="1 edge"))
    why = screen.page.get_by_role("region", name="Why?")
    assert OVERRUN.detail in why.inner_text()
    assert "deadband_watts" in why.inner_text()
    screen.look("walk-2-failed-edge")


def set_for_the_site(screen: Screen, watts: int) -> None:
    """From a value as it is seen on one edge, for all of its site."""
    steps.open_page(screen, "Edges")
    steps.follow(screen, NORTH[0])
    steps.follow(screen, "Effective configuration")
    steps.follow(screen, f"Change {THRESHOLD}")
    steps.choose(screen, "Set it for the site")
    steps.fill(screen, "The new value", str(watts))
    steps.press(screen, "Put it in the draft and preview")


def preview_names_the_edges(screen: Screen) -> None:
    does = screen.page.get_by_role("region", name="What it does").inner_text()
    assert f"50,000 → {BAD:,} on 8 edges in 1 site" in does
    assert f"1 keeps its own value, which hides this one: {EXCEPTION}" in does
    assert set(NORTH) <= steps.named_edges(screen, "Edge by edge")
    screen.look("walk-3-preview")


def roll_out_until_it_halts(screen: Screen, stage: Stage) -> None:
    steps.fill(screen, "Why do you change this?", REASON)
    steps.own_waves(screen, "1", "1", "100 %", bake_minutes=0)
    steps.press(screen, "Roll out")
    assert [(row[0][:1], row[2]) for row in steps.told_waves(screen)[:3]] == [
        ("1", "1"),
        ("2", "1"),
        ("3", "6"),
    ]
    screen.look("walk-4-first-wave")
    steps.wait_to_see(screen, "wave 2: 1 of 1 failed, limit 5 %: halted")
    screen.look("walk-5-halted")
    assert sum(stage.runs(edge) == BAD for edge in NORTH) == 1


def roll_back_all(screen: Screen, stage: Stage) -> None:
    steps.act(screen, "Roll back all", "The grid connection trips")
    steps.wait_to_see(screen, "Edges still on the bad version: 0")
    wait_until("all are back", lambda: run(stage, GOOD), steps.SECONDS)
    steps.wait_to_see(screen, "rolled_back")
    screen.look("walk-6-rolled-back")


def history_and_alerts_tell_the_story(screen: Screen) -> None:
    told = steps.told_history(screen)
    story = ["started", "wave_passed", "halted", "rolling_back", "rolled_back"]
    assert [entry for entry in told if entry in story] == story
    steps.open_page(screen, "History")
    steps.sees(screen, REASON)
    screen.look("walk-7-history")
    screen.go("/admin/alerts/?state=all")
    steps.sees(screen, "halted")
    screen.look("walk-7-alerts")


def publish_a_good_value(screen: Screen, stage: Stage) -> None:
    set_for_the_site(screen, BETTER)
    steps.fill(screen, "Why do you change this?", MENDED)
    steps.fill(screen, "Type the number of edges", "8")
    steps.press(screen, "Publish now")
    wait_until(f"the site runs {BETTER} W", lambda: run(stage, BETTER), steps.SECONDS)
    screen.look("walk-8-published")


def revert_it(screen: Screen, stage: Stage) -> None:
    steps.open_page(screen, "History")
    row = screen.page.get_by_role("row").filter(has_text=MENDED)
    steps.follow_first(screen, row)
    steps.follow(screen, "Revert this change")
    steps.fill(screen, "Why is it undone?", BACK)
    screen.look("walk-9-revert")
    steps.press(screen, "Revert on 8 edges")
    wait_until(f"the site runs {GOOD} W", lambda: run(stage, GOOD), steps.SECONDS)


def test_a_change_that_goes_wrong_is_taken_back_and_made_well(stranger: Screen, stage: Stage) -> None:
    recovery_code = sign_in_with_a_second_factor(stranger, stage)
    find_the_failed_edge(stranger)
    set_for_the_site(stranger, BAD)
    preview_names_the_edges(stranger)
    roll_out_until_it_halts(stranger, stage)
    roll_back_all(stranger, stage)
    history_and_alerts_tell_the_story(stranger)
    publish_a_good_value(stranger, stage)
    revert_it(stranger, stage)
    steps.end_second_factor(stranger, recovery_code)
    assert stranger.problems == [], "\n".join(stranger.problems)
