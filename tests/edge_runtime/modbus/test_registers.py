"""Registers and numbers: against pysunspec2's own codec, at their limits, and what is not implemented."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sunspec2 import mb

from edge_runtime.blocks import blocks_of, grouped
from edge_runtime.field import RefusedError
from edge_runtime.modbus.bus import ExceptionAnswerError
from edge_runtime.modbus.places import exponent_of, place
from edge_runtime.modbus.sunspec import ModelAt, discover, sunspec_place
from tests.edge_runtime.modbus.wire import PROFILES, point

WORDS = st.integers(0, 0xFFFF)


def _point(kind: str, **more: object) -> dict[str, object]:
    made = point("Value", 0, kind, access="RW", write_fc=16, **more)
    return {**made, "sunspec": {"model": 1, "point": "x", "index": 0}}


def _place(kind: str, *, scaled: bool = True, order: str = "big", **more: object):
    return place(_point(kind, **more), order, 0, mb.point_type_info[kind].len, 9 if scaled else None)


@given(
    kind=st.sampled_from(["int16", "uint16", "int32", "uint32", "acc32", "enum16"]),
    words=st.tuples(WORDS, WORDS),
)
def test_values_are_those_of_pysunspec2(kind: str, words: tuple[int, int]) -> None:
    info = mb.point_type_info[kind]
    registers = list(words)[: info.len]
    raw = info.data_to(b"".join(word.to_bytes(2, "big") for word in registers))
    expected = float(raw) if info.is_impl(raw) else None
    assert _place(kind).value(registers, 0) == expected


@given(words=st.tuples(WORDS, WORDS), exponent=st.integers(-10, 10))
def test_what_is_read_is_written_back_the_same(words: tuple[int, int], exponent: int) -> None:
    at = _place("int32")
    value = at.value(list(words), exponent)
    if value is not None:
        assert at.registers(value, exponent) == list(words)


@given(watts=st.floats(-5000, 5000), exponent=st.integers(-2, 3))
def test_a_set_point_is_never_rounded_away_from_zero(watts: float, exponent: int) -> None:
    at = _place("int32")
    written = at.value(at.registers(watts, exponent), exponent)
    assert written is not None
    assert abs(written) <= abs(watts) + 1e-6
    assert abs(written - watts) <= 10**exponent + 1e-6


NOT_IMPLEMENTED = [
    ("int16", [0x8000]),
    ("uint16", [0xFFFF]),
    ("enum16", [0xFFFF]),
    ("bitfield16", [0xFFFF]),
    ("int32", [0x8000, 0]),
    ("uint32", [0xFFFF, 0xFFFF]),
    ("acc32", [0, 0]),
    ("float32", [0x7FC0, 0]),
    ("float32", [0x7F80, 0]),
]


@pytest.mark.parametrize(("kind", "registers"), NOT_IMPLEMENTED)
def test_not_implemented_is_undefined(kind: str, registers: list[int]) -> None:
    assert _place(kind, scaled=False).value(registers, None) is None


@pytest.mark.parametrize(
    ("register", "exponent"),
    [(0, 0), (2, 2), (0xFFFE, -2), (10, 10), (11, None), (0x8000, None), (0xFFF5, None)],
)
def test_scale_factors_go_from_minus_ten_to_ten(register: int, exponent: int | None) -> None:
    assert exponent_of(register) == exponent


def test_a_value_without_its_scale_factor_is_undefined_and_cannot_be_written() -> None:
    at = _place("int16")
    assert at.value([100], None) is None
    with pytest.raises(RefusedError):
        at.registers(100, None)


@pytest.mark.parametrize(
    ("kind", "value", "more"),
    [
        ("int16", 40_000, {}),
        ("uint16", -1, {}),
        ("uint32", 2**32, {}),
        ("int16", 101, {"valid_max": 100}),
        ("int16", -1, {"valid_min": 0}),
        ("int16", math.nan, {}),
        ("int16", math.inf, {}),
        ("int16", -32_768, {}),
        ("uint16", 65_535, {}),
        ("enum16", 65_535, {}),
        ("int32", -(2**31), {}),
        ("uint32", 2**32 - 1, {}),
    ],
)
def test_what_does_not_fit_is_refused(kind: str, value: float, more: dict[str, float]) -> None:
    with pytest.raises(RefusedError):
        _place(kind, scaled=False, **more).registers(value, None)


def test_a_plain_map_has_no_word_for_not_implemented() -> None:
    at = place(point("Value", 0, "int16", access="RW", write_fc=16), "big", 0, 1, None)
    assert at.registers(-32_768, None) == [0x8000]


def test_words_may_come_little_end_first() -> None:
    at = _place("int32", scaled=False, order="little")
    assert at.registers(-2, None) == [0xFFFE, 0xFFFF]
    assert at.value([0xFFFE, 0xFFFF], None) == -2


def test_points_that_stand_close_are_one_block() -> None:
    points = {
        one["name"]: one
        for one in (
            point("A", 10),
            point("B", 12, "int32"),
            point("C", 21),
            point("D", 31),
            point("E", 31, fc=4),
            point("F", 140),
        )
    }
    assert blocks_of(list(points), points) == (("A", "B", "C"), ("D",), ("F",), ("E",))


@given(st.lists(st.tuples(st.sampled_from([3, 4]), st.integers(0, 400), st.integers(1, 20)), max_size=30))
def test_no_request_is_longer_than_the_protocol_allows(spans: list[tuple[int, int, int]]) -> None:
    spans.sort()
    groups = grouped(spans, 8)
    assert sorted(index for group in groups for index in group) == list(range(len(spans)))
    for group in groups:
        first = min(spans[index][1] for index in group)
        end = max(spans[index][1] + spans[index][2] for index in group)
        assert end - first <= 125
        assert len({spans[index][0] for index in group}) == 1


def _reader(words: dict[int, int]):
    def read(address: int, count: int) -> list[int]:
        if any(address + index not in words for index in range(count)):
            raise ExceptionAnswerError(2, "here")
        return [words[address + index] for index in range(count)]

    return read


def test_an_end_marker_without_a_length_ends_the_models() -> None:
    words = {40000: 0x5375, 40001: 0x6E53, 40002: 1, 40003: 2, 40004: 0, 40005: 0, 40006: 0xFFFF}
    assert discover(_reader(words), None) == [ModelAt(1, 40002, 2)]


def test_a_base_address_of_the_profile_is_tried_first() -> None:
    words = {70: 0x5375, 71: 0x6E53, 72: 0xFFFF, 73: 0}
    assert discover(_reader(words), 70) == []
    with pytest.raises(RefusedError) as refused:
        discover(_reader(words), None)
    assert str(refused.value) == "no SunSpec marker at 40000, 50000, 0"


def test_models_without_an_end_are_given_up_on() -> None:
    words = dict.fromkeys(range(40000, 41000), 0) | {40000: 0x5375, 40001: 0x6E53}
    with pytest.raises(RefusedError):
        discover(_reader(words), None)


def test_a_model_that_ends_behind_the_last_register_is_refused() -> None:
    """As when the answer to another request is taken for a header: it must not end the core cycle."""
    words = {40000: 0x5375, 40001: 0x6E53, 40002: 0x5375, 40003: 0x6E53}
    with pytest.raises(RefusedError):
        discover(_reader(words), None)


SOC = next(point for point in PROFILES["tesla_powerwall_2"]["points"] if point["name"] == "Soc")


@pytest.mark.parametrize(
    ("wanted", "models", "why"),
    [
        (SOC, [ModelAt(103, 40070, 50)], "the device has no SunSpec model 802"),
        (SOC, [ModelAt(802, 40070, 5)], "the device's SunSpec model 802 ends before SoC"),
        (
            {**SOC, "sunspec": {"model": 802, "point": "Nothing", "index": 0}},
            [ModelAt(802, 40070, 62)],
            "SunSpec model 802 has no point Nothing",
        ),
    ],
)
def test_what_a_device_lacks_is_said(wanted: dict, models: list[ModelAt], why: str) -> None:
    with pytest.raises(RefusedError) as refused:
        sunspec_place(wanted, models, "big")
    assert str(refused.value) == why


def test_a_point_of_a_repeated_block_is_found_by_its_number() -> None:
    """Model 160 has one block for each string of modules; here there are three."""
    wanted = {**point("StringPower", 0, "uint16"), "sunspec": {"model": 160, "point": "DCW", "index": 2}}
    first = {**wanted, "sunspec": {"model": 160, "point": "DCW", "index": 1}}
    models = [ModelAt(160, 40070, 8 + 3 * 20)]
    assert sunspec_place(wanted, models, "big").address - sunspec_place(first, models, "big").address == 20
