"""Device profiles are the same for everybody who may read anything."""

from tests import build
from tests.console.conftest import Caller


def test_profiles_are_listed_and_read(published: build.Cast, bob: Caller) -> None:
    listed = bob("GET", "/registry/profiles").json()["items"]
    assert "tesla_powerwall_2" in [item["profile_id"] for item in listed]
    read = bob("GET", "/registry/profiles/tesla_powerwall_2").json()
    assert {"ActivePower", "Soc"} <= {point["name"] for point in read["points"]}


def test_an_unknown_profile_is_404(published: build.Cast, bob: Caller) -> None:
    assert bob("GET", "/registry/profiles/perpetuum_mobile").status_code == 404


def test_the_registry_needs_a_credential(db: None) -> None:
    assert Caller(None)("GET", "/registry/profiles").status_code == 401
