"""An edge is moved or retired from its page: a step in the draft, previewed, then published."""

from django.urls import reverse

from configs.models import ChangeSet
from edges import tenancy
from edges.models import Edge, Site, Stage
from tests import build
from tests.console.test_desk import signed_in, text
from tests.console.test_drafts import digest_of, drafts, forecast, steps_of


def page(edge: Edge) -> str:
    return reverse("admin:console_place", args=[edge.pk])


def now(edge: Edge) -> Edge:
    with tenancy.scope([edge.organization_id]):
        return Edge.objects.select_related("site").get(pk=edge.pk)


def test_an_edge_is_moved_and_takes_the_values_of_its_new_site(published: build.Cast) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    with tenancy.scope([published.acme.pk]):
        south = Site.objects.get(code="south")
    shown = text(client.get(page(edge)))
    assert ("South" in shown or south.name in shown, "It is in" in shown) == (True, True)
    done = client.post(page(edge), {"act": "move", "site": "south"})
    (draft,) = drafts(published)
    assert steps_of(draft) == [("edge", "move", "", '"south"')]
    preview = forecast(client, done["Location"])
    assert "move to site south" in preview
    form = {"step": "publish", "reason": "It was built in there", "preview_digest": digest_of(preview)}
    assert client.post(done["Location"], form).status_code == 302
    assert now(edge).site.code == "south"


def test_an_edge_is_retired_after_a_preview_that_says_for_ever(published: build.Cast) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    done = client.post(page(edge), {"act": "retire"})
    preview = forecast(client, done["Location"])
    assert "acme-north-1 will go out of service for ever. No other edge changes." in preview
    assert now(edge).stage != Stage.RETIRED
    form = {"step": "publish", "reason": "Taken down", "preview_digest": digest_of(preview)}
    assert client.post(done["Location"], form).status_code == 302
    assert now(edge).stage == Stage.RETIRED
    assert "Nothing undoes that" in text(client.get(page(edge)))


def test_what_it_cannot_do_is_a_sentence_and_changes_nothing(published: build.Cast) -> None:
    client, edge = signed_in(published.alice), published.acme_north
    for form in ({}, {"act": "move"}, {"act": "move", "site": "main"}, {"act": "move", "site": "north"}):
        answer = client.post(page(edge), form)
        assert (answer.status_code, "Choose a site" in text(answer)) == (422, True), form
    operator = build.make_user("only-edits")
    build.make_membership(operator, published.acme, "operator")
    theirs = signed_in(operator)
    assert "Out of service for ever" not in text(theirs.get(page(edge)))
    assert theirs.post(page(edge), {"act": "retire"}).status_code == 403
    with tenancy.scope([published.acme.pk]):
        assert not ChangeSet.objects.filter(state="draft").exists()
