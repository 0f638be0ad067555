"""People, their roles and the tokens that act for them."""

import secrets
from datetime import timedelta
from typing import Any

import pytest

from edge_protocol.keys import make_credential
from edges import credentials, operator_tokens, people, tenancy
from edges.credentials import authenticate_operator, operator_of_user
from edges.errors import LastOwnerError, Suspended, Unauthenticated, ValueRefusedError
from edges.models import Membership, OperatorToken, Organization
from edges.roles import ACTS, ROLES, allows, greater, lesser
from tests.build import NOW, Cast, make_key, make_membership, make_operator_token

MAY = {
    "viewer": {"read"},
    "approver": {"read", "approve"},
    "operator": {"read", "approve", "edit", "publish", "rollback"},
    "administrator": set(ACTS) - {"manage_people"},
    "owner": set(ACTS),
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_what_its_line_says(role: Any) -> None:
    assert {act for act in ACTS if allows(role, act)} == MAY[role]


def test_a_stranger_may_nothing() -> None:
    assert not any(allows(None, act) for act in ACTS)


def test_roles_compare_by_strength() -> None:
    assert lesser("owner", "viewer") == "viewer"
    assert greater("operator", None) == "operator"
    assert greater(None, None) is None


def test_a_token_names_its_person_and_their_role(cast: Cast) -> None:
    token, text = make_operator_token(cast.alice, cast.acme, role="operator")
    principal = authenticate_operator(text, now=NOW)
    assert (principal.user_id, principal.username, principal.token_id) == (
        cast.alice.pk,
        "alice",
        token.token_id,
    )
    assert principal.organization_ids == {cast.acme.id}
    assert principal.role_of(cast.acme.id) == "operator"
    assert principal.role_of(cast.birch.id) is None
    assert principal.sites_of(cast.acme.id) is None


def test_a_token_is_never_stronger_than_its_person(cast: Cast) -> None:
    _, text = make_operator_token(cast.bob, cast.acme, role="owner")
    assert authenticate_operator(text, now=NOW).role_of(cast.acme.id) == "viewer"


def test_a_token_of_one_site_reaches_no_other(cast: Cast) -> None:
    _, text = make_operator_token(cast.alice, cast.acme, role="operator", site=cast.north)
    principal = authenticate_operator(text, now=NOW)
    assert principal.role_of(cast.acme.id) is None
    assert principal.role_of(cast.acme.id, cast.north.id) == "operator"
    assert principal.role_of(cast.acme.id, cast.south.id) is None
    assert principal.sites_of(cast.acme.id) == {cast.north.id}


def test_a_membership_of_one_site_bounds_its_tokens(cast: Cast) -> None:
    make_membership(cast.charlie, cast.acme, "operator", cast.north)
    _, text = make_operator_token(cast.charlie, cast.acme, role="owner")
    principal = authenticate_operator(text, now=NOW)
    assert principal.sites_of(cast.acme.id) == {cast.north.id}
    assert principal.role_of(cast.acme.id, cast.north.id) == "operator"


def test_a_token_for_another_site_than_the_membership_is_worth_nothing(cast: Cast) -> None:
    make_membership(cast.charlie, cast.acme, "operator", cast.north)
    _, text = make_operator_token(cast.charlie, cast.acme, role="owner", site=cast.south)
    with pytest.raises(Unauthenticated):
        authenticate_operator(text, now=NOW)


def test_a_token_ends_with_the_membership(cast: Cast) -> None:
    _, text = make_operator_token(cast.bob, cast.acme)
    with tenancy.scope([cast.acme.id]):
        people.withdraw(membership=Membership.objects.get(user=cast.bob), now=NOW)
    with pytest.raises(Unauthenticated):
        authenticate_operator(text, now=NOW)


def test_a_revoked_token_is_refused(cast: Cast) -> None:
    token, text = make_operator_token(cast.alice, cast.acme)
    with tenancy.scope([cast.birch.id]):
        assert not operator_tokens.revoke(token_id=token.token_id, by="alice", now=NOW)
    assert authenticate_operator(text, now=NOW).username == "alice"
    with tenancy.scope([cast.acme.id]):
        assert operator_tokens.revoke(token_id=token.token_id, by="alice", now=NOW)
        assert not operator_tokens.revoke(token_id=token.token_id, by="alice", now=NOW)
    with pytest.raises(Unauthenticated):
        authenticate_operator(text, now=NOW)


def test_an_expired_token_is_refused(cast: Cast) -> None:
    token, text = make_operator_token(cast.alice, cast.acme, lifetime=timedelta(hours=1))
    with pytest.raises(Unauthenticated):
        authenticate_operator(text, now=token.expires_at)


def test_a_token_of_a_suspended_organization_or_person_is_suspended(cast: Cast) -> None:
    _, text = make_operator_token(cast.alice, cast.acme)
    cast.alice.is_active = False
    cast.alice.save()
    with pytest.raises(Suspended):
        authenticate_operator(text, now=NOW)


@pytest.mark.parametrize("text", ["", "emso_x", make_credential("emso", "A" * 12, "0" * 43)])
def test_what_is_no_token_is_refused(db: None, text: str) -> None:
    with pytest.raises(Unauthenticated):
        authenticate_operator(text, now=NOW)


def test_an_edge_key_is_no_token_and_a_token_no_key(cast: Cast) -> None:
    _, key = make_key(cast.acme_north)
    _, token = make_operator_token(cast.alice, cast.acme)
    with pytest.raises(Unauthenticated):
        authenticate_operator(key, now=NOW)
    with pytest.raises(Unauthenticated):
        credentials.authenticate_edge(token, now=NOW)


def test_the_use_of_a_token_is_noted_once_a_minute(cast: Cast) -> None:
    token, text = make_operator_token(cast.alice, cast.acme)
    for later, noted in ((0, 0), (30, 0), (60, 60)):
        authenticate_operator(text, now=NOW + timedelta(seconds=later))
        with tenancy.scope([cast.acme.id]):
            assert OperatorToken.objects.get(pk=token.pk).last_used_at == NOW + timedelta(seconds=noted)


@pytest.mark.parametrize(
    "values",
    [{"role": "king"}, {"lifetime": timedelta(0)}, {"lifetime": timedelta(days=367)}],
    ids=str,
)
def test_a_token_without_sense_is_refused(cast: Cast, values: dict[str, Any]) -> None:
    with pytest.raises(ValueRefusedError):
        make_operator_token(cast.alice, cast.acme, **values)


def test_a_person_has_all_their_memberships_in_active_organizations(cast: Cast) -> None:
    make_membership(cast.alice, cast.birch, "viewer", cast.birch_main)
    principal = operator_of_user(cast.alice)
    assert principal.organization_ids == {cast.acme.id, cast.birch.id}
    assert principal.token_id is None
    assert principal.sites_of(cast.birch.id) == {cast.birch_main.id}
    with tenancy.scope([cast.birch.id]):
        Organization.objects.filter(pk=cast.birch.pk).update(is_active=False)
    assert operator_of_user(cast.alice).organization_ids == {cast.acme.id}
    assert operator_of_user(cast.charlie).organization_ids == set()


def test_a_role_in_a_site_adds_to_the_one_in_the_organization(cast: Cast) -> None:
    make_membership(cast.bob, cast.acme, "operator", cast.north)
    principal = operator_of_user(cast.bob)
    assert principal.role_of(cast.acme.id) == "viewer"
    assert principal.role_of(cast.acme.id, cast.north.id) == "operator"
    assert principal.sites_of(cast.acme.id) is None


def test_somebody_always_owns(cast: Cast) -> None:
    with tenancy.scope([cast.acme.id]):
        owner = Membership.objects.get(user=cast.alice)
        with pytest.raises(LastOwnerError):
            people.withdraw(membership=owner, now=NOW)
        with pytest.raises(LastOwnerError):
            people.grant(user=cast.alice, organization_id=cast.acme.id, role="viewer")
        people.grant(user=cast.bob, organization_id=cast.acme.id, role="owner")
        assert people.grant(user=cast.alice, organization_id=cast.acme.id, role="viewer").role == "viewer"


def test_an_owner_of_a_site_does_not_count(cast: Cast) -> None:
    make_membership(cast.bob, cast.acme, "owner", cast.north)
    with tenancy.scope([cast.acme.id]), pytest.raises(LastOwnerError):
        people.withdraw(membership=Membership.objects.get(user=cast.alice), now=NOW)


def test_a_membership_keeps_its_history(cast: Cast) -> None:
    with tenancy.scope([cast.acme.id]):
        people.grant(user=cast.bob, organization_id=cast.acme.id, role="operator")
        bob = Membership.objects.get(user=cast.bob)
        assert list(bob.history.order_by("history_date").values_list("role", flat=True)) == [
            "viewer",
            "operator",
        ]
    with tenancy.scope([cast.birch.id]):
        assert Membership.history.count() == 0


def test_an_unknown_role_is_refused(cast: Cast) -> None:
    with tenancy.scope([cast.acme.id]), pytest.raises(ValueRefusedError):
        people.grant(user=cast.bob, organization_id=cast.acme.id, role="king")


def test_the_text_of_a_token_is_stored_nowhere(cast: Cast) -> None:
    token, text = make_operator_token(cast.alice, cast.acme)
    assert bytes(token.mac) == credentials.mac(token.pepper, text)
    assert secrets.compare_digest(text[:5], "emso_")
    with tenancy.scope([cast.acme.id]):
        assert list(people.tokens_of(user=cast.alice)) == [token]
