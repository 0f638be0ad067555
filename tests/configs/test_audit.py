"""The audit trail reads every act from the row that the act wrote."""

from datetime import timedelta

from configs.audit import trail
from configs.audit.trail import Wanted
from edges import asking, auditing, journals, people, tenancy
from tests import build


def test_acts_of_every_kind_stand_in_one_trail(cast: build.Cast) -> None:
    build.make_key(cast.acme_north, revoked_at=build.NOW, revoked_by="alice")
    build.make_operator_token(cast.alice, cast.acme)
    with tenancy.scope([cast.acme.pk]):
        people.grant(user=cast.bob, organization_id=cast.acme.pk, role="operator")
        journals.write(site=cast.north, text="Dust removed", by="bob", now=build.NOW)
        payload = {"by": "eve", "reason": "The window is far"}
        asking.ask(edge=cast.acme_north, kind="apply", payload=payload, now=build.NOW)
        auditing.note(organization_id=cast.acme.pk, what="signed_in", by="bob", now=build.NOW)
        rows = trail.page(organization_id=cast.acme.pk, wanted=Wanted(), most=100)
        mine = trail.page(organization_id=cast.acme.pk, wanted=Wanted(by="bob"), most=100)
        later = Wanted(since=build.NOW + timedelta(days=1))
        assert trail.page(organization_id=cast.acme.pk, wanted=later, most=100) == []
    told = {(row.what, row.by, row.about) for row in rows}
    for one in (
        ("key_revoked", "alice"),
        ("token_made", "alice"),
        ("membership_changed", ""),
        ("noted", "bob"),
        ("signed_in", "bob"),
        ("asked_to_apply", "eve"),
        ("site_added", ""),
    ):
        assert one in {(what, by) for what, by, _ in told}
    assert {row.what for row in mine} == {"noted", "signed_in"}
    assert not [row for row in rows if "birch" in row.about]
    assert len({row.id for row in rows}) == len(rows)


def test_pages_in_either_order_give_every_row_once(cast: build.Cast) -> None:
    with tenancy.scope([cast.acme.pk]):
        for number in range(5):
            auditing.note(organization_id=cast.acme.pk, what=f"act_{number}", by="x", now=build.NOW)
        whole = trail.page(organization_id=cast.acme.pk, wanted=Wanted(), most=100)
        for is_oldest_first in (False, True):
            found: list[trail.Row] = []
            while page := trail.page(
                organization_id=cast.acme.pk,
                wanted=Wanted(),
                most=3,
                after=(found[-1].at, found[-1].id) if found else None,
                is_oldest_first=is_oldest_first,
            ):
                found += page
            assert found == (whole[::-1] if is_oldest_first else whole)
