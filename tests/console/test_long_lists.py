"""What is long is shown page by page or opened, and nothing is out of reach."""

from configs.models import ChangeSet, Operation
from console.admin import forecast_words
from edges import tenancy
from tests import build
from tests.console.test_desk import page, signed_in, text

STEPS = 120


def test_names_beyond_the_first_can_be_opened() -> None:
    names = [f"edge-{number}" for number in range(25)]
    told = forecast_words.all_named(names)
    assert told["names"].endswith("edge-19 and 5 more")
    assert (told["every"], told["every_count"]) == (", ".join(names), "25")
    assert forecast_words.all_named(names[:20])["every"] == ""


def test_a_long_change_is_read_page_by_page(published: build.Cast) -> None:
    with tenancy.scope([published.acme.pk]):
        change = ChangeSet.objects.earliest("number")
        Operation.objects.filter(change_set=change).delete()
        Operation.objects.bulk_create(
            Operation(
                organization_id=published.acme.pk, change_set=change, position=position,
                scope="site", target=f"s{position:03}", op="unset", path="/x",
            )
            for position in range(STEPS)
        )  # fmt: skip
    client = signed_in(published.alice)
    pages = [
        text(page(client, "configs_changeset_change", change.pk, steps=str(number)))
        for number in (1, 2, 3, 9)
    ]
    assert [one.count("give /x back") for one in pages] == [50, 50, 20, 0]
    assert ("site s049" in pages[0], "site s050" in pages[1], "Page 2 of 3 of 120 steps" in pages[1]) == (
        True,
        True,
        True,
    )
    assert ('href="?steps=3"' in pages[1], 'href="?steps=4"' in pages[2]) == (True, False)
    history = text(page(client, "console_history"))
    assert (history.count("give /x back"), "and 115 more" in history) == (5, True)


def test_the_edges_of_an_alert_are_read_page_by_page(alerts: dict[str, str], cast: build.Cast) -> None:
    address = f"/admin/alerts/{alerts['clock']}/"
    beyond = text(signed_in(cast.alice).get(f"{address}?page=2"))
    assert ("No more edges than on the pages before" in beyond, 'href="?page=1#edges"' in beyond) == (
        True,
        True,
    )
