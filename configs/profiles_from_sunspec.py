"""Writes the shipped device profiles from the SunSpec model definitions that pysunspec2 brings along.

    python -m configs.profiles_from_sunspec [FOLDER]

The models are (c) SunSpec Alliance, Apache License 2.0, https://github.com/sunspec/models.
"""

import json
import sys
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).resolve().parent.parent / "edge_protocol" / "profiles"
SOURCE = "Points from the SunSpec models {models} (SunSpec Alliance, Apache License 2.0)."

_WORDS = {"Secs": "s", "%Max/Sec": "%/s", "Pct": "%", "WH": "Wh", "C": "°C"}
_PERCENT = {"valid_min": 0, "valid_max": 100}
_FREQUENCY = {"valid_min": 40, "valid_max": 70}
_TEMPERATURE = {"valid_min": -40, "valid_max": 120}

# canonical name -> (model, its point, poll group, what we add)
Points = dict[str, tuple[int, str, str, dict[str, Any]]]

_IDENTITY: Points = {
    "Manufacturer": (1, "Mn", "slow", {}),
    "Model": (1, "Md", "slow", {}),
    "SerialNumber": (1, "SN", "slow", {}),
}
_INVERTER: Points = {
    "ActivePower": (103, "W", "fast", {}),
    "Status": (103, "St", "fast", {}),
    "Current": (103, "A", "slow", {}),
    "VoltageA": (103, "PhVphA", "slow", {}),
    "Frequency": (103, "Hz", "slow", _FREQUENCY),
    "Energy": (103, "WH", "slow", {}),
    "DcPower": (103, "DCW", "slow", {}),
    "CabinetTemperature": (103, "TmpCab", "slow", _TEMPERATURE),
}
_POWER_LIMIT: Points = {
    "RatedPower": (120, "WRtg", "slow", {}),
    "MaxPower": (121, "WMax", "slow", {}),
    "AvailablePower": (122, "WAval", "slow", {}),
    "SetPowerLimit": (123, "WMaxLimPct", "slow", _PERCENT),
    "SetPowerLimitReversion": (123, "WMaxLimPct_RvrtTms", "slow", {}),
    "SetPowerLimitEnable": (123, "WMaxLim_Ena", "slow", {}),
}
_METER: Points = {
    "ActivePower": (203, "W", "fast", {}),
    "ActivePowerA": (203, "WphA", "slow", {}),
    "ActivePowerB": (203, "WphB", "slow", {}),
    "ActivePowerC": (203, "WphC", "slow", {}),
    "ImportedEnergy": (203, "TotWhImp", "slow", {}),
    "ExportedEnergy": (203, "TotWhExp", "slow", {}),
    "Current": (203, "A", "slow", {}),
    "VoltageA": (203, "PhVphA", "slow", {}),
    "Frequency": (203, "Hz", "slow", _FREQUENCY),
}
_BATTERY: Points = {
    "ActivePower": (802, "W", "fast", {}),
    "Soc": (802, "SoC", "fast", _PERCENT),
    "State": (802, "State", "slow", {}),
    "Soh": (802, "SoH", "slow", _PERCENT),
    "Cycles": (802, "NCyc", "slow", {"valid_min": 0, "valid_max": 100_000}),
    "Capacity": (802, "WHRtg", "slow", {}),
    "MaxChargePower": (802, "WChaRteMax", "slow", {}),
    "MaxDischargePower": (802, "WDisChaRteMax", "slow", {}),
    "SocMin": (802, "SoCMin", "slow", _PERCENT),
    "SocMax": (802, "SoCMax", "slow", _PERCENT),
    "Heartbeat": (802, "Hb", "slow", {}),
    "ControllerHeartbeat": (802, "CtrlHb", "slow", {}),
    "SetOperation": (802, "SetOp", "slow", {}),
}
_SET_POINT: Points = {
    "SetActivePowerEnable": (704, "WSetEna", "slow", {}),
    "SetActivePowerMode": (704, "WSetMod", "slow", {}),
    "SetActivePower": (704, "WSet", "slow", {}),
    "SetActivePowerReversion": (704, "WSetRvrtTms", "slow", {}),
    "RampRate": (704, "WRmp", "slow", {}),
}
_STORAGE: Points = {
    "MaxCharge": (124, "WChaMax", "slow", {}),
    "StorageControl": (124, "StorCtl_Mod", "slow", {}),
    "MinReserve": (124, "MinRsvPct", "slow", _PERCENT),
    "ChargeState": (124, "ChaState", "slow", _PERCENT),
    "SetChargeRate": (124, "InWRte", "slow", {"valid_min": -100, "valid_max": 100}),
    "SetDischargeRate": (124, "OutWRte", "slow", {"valid_min": -100, "valid_max": 100}),
    "SetRateReversion": (124, "InOutWRte_RvrtTms", "slow", {}),
    "AvailableEnergy": (713, "WHAvail", "slow", {}),
}
# The 802 model has no temperature; the demo device keeps it in a register of its own.
_POWERWALL_TEMPERATURE = {
    "name": "Temperature",
    "fc": 3,
    "address": 41000,
    "type": "int16",
    "scale": 0.1,
    "unit": "°C",
    "access": "R",
    **_TEMPERATURE,
    "group_default": "slow",
}
_BATTERY_CONTROL = {
    "reversion": {"point": "SetActivePowerReversion", "seconds": 60},
    "safe_writes": [{"point": "SetActivePower", "value": 0}],
}


def main(folder: Path) -> None:
    """Write every shipped profile into a folder."""
    for profile in shipped_profiles():
        text = json.dumps(profile, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{profile['profile_id']}.json").write_text(text, encoding="utf-8")


def shipped_profiles() -> list[dict[str, Any]]:
    """The profiles in the shape of the configuration document, "profile registry"."""
    return [
        _profile(
            "tesla_powerwall_2",
            ("Tesla", "Powerwall 2 (demo)", "ess"),
            {**_IDENTITY, **_BATTERY, **_SET_POINT},
            _BATTERY_CONTROL,
            notes="A demo profile: no public Modbus map of this product is known. It has the shape of a "
            "SunSpec battery (802) with active power control (704) and a temperature register added.",
            extra=[_POWERWALL_TEMPERATURE],
        ),
        _profile(
            "sma_sunny_tripower",
            ("SMA", "Sunny Tripower", "pv_inverter"),
            {**_IDENTITY, **_INVERTER, **_POWER_LIMIT},
            {"reversion": {"point": "SetPowerLimitReversion", "seconds": 60}},
        ),
        _profile("sunspec_meter", ("SunSpec", "Meter, wye", "grid_meter"), {**_IDENTITY, **_METER}),
        _profile(
            "sunspec_inverter",
            ("SunSpec", "Inverter, three-phase", "pv_inverter"),
            {**_IDENTITY, **_INVERTER},
        ),
        _profile(
            "sunspec_storage",
            ("SunSpec", "Storage", "ess"),
            {**_IDENTITY, **_BATTERY, **_SET_POINT, **_STORAGE},
            _BATTERY_CONTROL,
        ),
    ]


def _profile(
    profile_id: str,
    names: tuple[str, str, str],
    points: Points,
    control: dict[str, Any] | None = None,
    *,
    notes: str = "",
    extra: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    vendor, model, role = names
    models = ", ".join(str(number) for number in sorted({place[0] for place in points.values()}))
    return {
        "profile_id": profile_id,
        "version": "1.0.0",
        "vendor": vendor,
        "model": model,
        "role": role,
        "protocols": ["tcp", "rtu_over_tcp", "rtu"],
        **(control or {}),
        "notes": " ".join(part for part in (notes, SOURCE.format(models=models)) if part),
        "addressing": "sunspec",
        "word_order": "big",
        "points": [_point(name, *place) for name, place in points.items()] + (extra or []),
    }


def _point(name: str, model: int, point: str, group: str, added: dict[str, Any]) -> dict[str, Any]:
    source = _model(model)[point]
    writable = source.get("access") == "RW"
    unit = str(source.get("units", "")).strip()
    return {
        "name": name,
        "fc": 3,
        **({"write_fc": 6 if source["size"] == 1 else 16} if writable else {}),
        "sunspec": {"model": model, "point": point, "index": 0},
        "type": source["type"],
        **({"sf_point": source["sf"].strip()} if isinstance(source.get("sf"), str) else {}),
        "unit": "%" if unit.startswith("%") and "/" not in unit.lower() else _WORDS.get(unit, unit),
        "access": "RW" if writable else "R",
        **added,
        **_symbols(source),
        "group_default": group,
    }


def _symbols(source: dict[str, Any]) -> dict[str, Any]:
    symbols = {one["name"]: one["value"] for one in source.get("symbols", [])}
    return {"symbols": symbols} if symbols else {}


@cache
def _model(number: int) -> dict[str, dict[str, Any]]:
    file = resources.files("sunspec2").joinpath("models", "json", f"model_{number}.json")
    points = json.loads(file.read_text(encoding="utf-8"))["group"]["points"]
    return {point["name"]: point for point in points}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
