"""The battery model and the recorded house, checked by hand and by balance."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.battery import Battery, BatteryRating
from edge_runtime.recording import SHIPPED, Moment, Recording, RecordingError, read_recording

RATING = BatteryRating(
    capacity_wh=10_000, max_charge_watts=4000, max_discharge_watts=5000, round_trip_efficiency=0.81
)


def test_an_hour_of_discharge_costs_its_energy_over_the_one_way_efficiency() -> None:
    battery = Battery(RATING, soc_percent=50)
    battery.set_point_watts = 900
    battery.advance(3600)
    assert battery.soc_percent == pytest.approx(40)  # 900 Wh / 0.9


def test_an_hour_of_charge_stores_its_energy_times_the_one_way_efficiency() -> None:
    battery = Battery(RATING, soc_percent=50)
    battery.set_point_watts = -1000
    battery.advance(3600)
    assert battery.soc_percent == pytest.approx(59)
    assert battery.cycles == pytest.approx(900 / 20_000)


@pytest.mark.parametrize(("set_point", "soc", "power"), [(9000, 50, 5000), (-9000, 50, -4000), (100, 0, 0)])
def test_the_battery_gives_what_it_can(set_point: float, soc: float, power: float) -> None:
    battery = Battery(RATING, soc_percent=soc)
    battery.set_point_watts = set_point
    assert battery.power_watts == power


@given(steps=st.lists(st.tuples(st.floats(-9000, 9000), st.floats(0, 7200)), max_size=20))
def test_the_store_never_leaves_its_bounds(steps: list[tuple[float, float]]) -> None:
    battery = Battery(RATING, soc_percent=50)
    for watts, seconds in steps:
        battery.set_point_watts = watts
        battery.advance(seconds)
        assert 0 <= battery.soc_percent <= 100


def test_a_full_battery_charges_no_more() -> None:
    battery = Battery(RATING, soc_percent=100)
    battery.set_point_watts = -1000
    assert battery.power_watts == 0
    assert battery.temperature_celsius == 21


def test_the_shipped_house_is_whole() -> None:
    recording = read_recording(SHIPPED / "konstanz_residential4.csv")
    assert len(recording.hours) == 28 * 24
    assert all(hour.load_watts > 0 and hour.pv_watts >= 0 for hour in recording.hours)
    noon = recording.at(datetime(2016, 3, 3, 10, 30, tzinfo=UTC))
    assert noon == Moment(load_watts=279 - 3873 + 4814, pv_watts=4814)


def test_a_recording_runs_in_straight_lines_and_begins_again() -> None:
    start = datetime(2016, 1, 1, tzinfo=UTC)
    recording = Recording(start, (Moment(100, 0), Moment(300, 40)))
    assert recording.at(start + timedelta(hours=1)) == Moment(200, 20)
    assert recording.at(start + timedelta(minutes=45)) == Moment(150, 10)
    assert recording.at(start + timedelta(hours=2)) == Moment(200, 20)
    assert recording.at(start + timedelta(hours=200, minutes=30)) == Moment(100, 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n", "columns"),
        ("hour_from,grid_import_w,grid_export_w,pv_w\n", "no rows"),
        (
            "hour_from,grid_import_w,grid_export_w,pv_w\n2016-01-01T00:00:00Z,1,0,0\n2016-01-01T02:00:00Z,1,0,0\n",
            "row 3 is not one hour after",
        ),
    ],
)
def test_a_broken_recording_is_refused_by_name(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "house.csv"
    path.write_text(text)
    with pytest.raises(RecordingError, match=reason):
        read_recording(path)
