"""Organization <- site <- edge, as it is usually written."""

from typing import Any

LIST_KEYS = {"controllers": "id", "modbus_devices": "device_id", "alarms": "id"}


def merge(base: Any, over: Any, name: str = "") -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        merged = dict(base)
        for key, value in over.items():
            merged[key] = merge(merged[key], value, key) if key in merged else value
        return merged
    if name in LIST_KEYS and isinstance(base, list) and isinstance(over, list):
        key = LIST_KEYS[name]
        items = {item[key]: item for item in base}
        for item in over:
            items[item[key]] = merge(items.get(item[key], {}), item)
        return list(items.values())
    return over
