"""Semantic rules about controllers: order, the devices they name, parameters, what guards a storage."""

from collections.abc import Iterator

from edge_protocol.canonical import JsonObject
from edge_protocol.subject import (
    BALANCING,
    FIXED,
    LIMIT,
    NEEDS_METER,
    PEAK_SHAVING,
    RELAY,
    Controller,
    Device,
    Finding,
    Subject,
    error,
    warning,
)
from edge_protocol.time_zones import time_zones


def execution_orders(subject: Subject) -> Iterator[Finding]:
    """E02: each enabled controller has an order of its own."""
    taken: dict[int, str] = {}
    for controller in subject.controllers:
        order = controller.body["execution_order"]
        other = taken.setdefault(order, controller.body["id"])
        if other != controller.body["id"]:
            detail = f"execution_order {order} is also that of {other}"
            yield error("E02", f"{controller.path}/execution_order", detail)


def named_devices(subject: Subject) -> Iterator[Finding]:
    """E08: a named device exists, is enabled, has the role; a storage can be steered and let go."""
    for controller in subject.controllers:
        for parameter, role in (("ess_id", "ess"), ("schedule_device_id", "ess"), ("meter_id", "grid_meter")):
            name = controller.parameters.get(parameter)
            if name is None:
                continue
            reason = _unfit(subject.device.get(name), role)
            if reason:
                yield error("E08", f"{controller.path}/parameters/{parameter}", f"{name} {reason}")


def _unfit(device: Device | None, role: str) -> str:
    if device is None:
        return "is no device of this document"
    if not device.enabled:
        return "is not enabled"
    if device.profile is None:
        return ""  # E03 has said so
    if device.role != role:
        return f"has the role {device.role}, not {role}"
    if role == "ess" and not device.profile.is_steerable:
        return "has no writable active power with a reversion timer or safe writes"
    return ""


def parameters(subject: Subject) -> Iterator[Finding]:
    """E09: values as given do not contradict each other, and windows are not empty."""
    for controller in subject.controllers:
        given = controller.parameters
        if not _rises(given, "recharge_threshold_watts", "threshold_watts"):
            path = f"{controller.path}/parameters/recharge_threshold_watts"
            yield error("E09", path, "recharge_threshold_watts must be below threshold_watts")
        if not _rises(given, "force_charge_soc", "min_soc"):
            path = f"{controller.path}/parameters/force_charge_soc"
            yield error("E09", path, "force_charge_soc must be below min_soc")
        yield from _window(given, f"{controller.path}/parameters", "start_time", "end_time")
        yield from _reserve(subject, controller)
    for device in subject.devices:
        if not _rises(device.body.get("limits", {}), "soc_min", "soc_max"):
            yield error("E09", f"{device.path}/limits/soc_min", "soc_min must be below soc_max")


def _rises(given: JsonObject, lower: str, upper: str) -> bool:
    return lower not in given or upper not in given or bool(given[lower] < given[upper])


def _window(given: JsonObject, path: str, start: str, end: str) -> Iterator[Finding]:
    if given.get("days") == []:
        yield error("E09", f"{path}/days", "a window without days never opens")
    if start in given and given[start] == given.get(end):
        yield error("E09", f"{path}/{end}", "a window that ends when it starts never opens")
    if given.get("time_zone", "UTC") not in time_zones():
        yield error("E09", f"{path}/time_zone", f"there is no time zone {given['time_zone']}")


def _reserve(subject: Subject, controller: Controller) -> Iterator[Finding]:
    reserve = controller.parameters.get("reserve_soc")
    if reserve is None:
        return
    ess = subject.ess(controller)
    for limit in subject.controllers:
        if limit.kind == LIMIT and subject.ess(limit) is ess and reserve < limit.parameters.get("min_soc", 0):
            path = f"{controller.path}/parameters/reserve_soc"
            yield error("E09", path, f"reserve_soc must be at least the min_soc of {limit.body['id']}")


def maintenance_window(subject: Subject) -> Iterator[Finding]:
    """E09 for the agent's window: it opens at least weekly wherever a section waits for it."""
    sync = subject.document.get("sync", {})
    window = sync.get("maintenance_window")
    waiting = sorted(name for name, mode in sync.get("apply", {}).items() if mode == "window")
    if waiting and window is None:
        detail = f"{', '.join(waiting)} would wait for a window that is not defined"
        yield error("E09", "/sync/maintenance_window", detail)
    yield from _window(window or {}, "/sync/maintenance_window", "start", "end")


def periods(subject: Subject) -> Iterator[Finding]:
    """E11: watchdog and probation, as given, span several periods. W18: polling is not too rare."""
    watchdog_ms = subject.document["core_cycle"].get("supervisor", {}).get("watchdog_timeout_ms")
    if watchdog_ms is not None and watchdog_ms <= 3 * subject.period_ms:
        detail = f"watchdog_timeout_ms must be above 3 periods ({3 * subject.period_ms} ms)"
        yield error("E11", "/core_cycle/supervisor/watchdog_timeout_ms", detail)
    sync = subject.document.get("sync", {})
    if "probation_s" in sync and sync["probation_s"] * 1000 <= 5 * subject.period_ms:
        detail = f"probation_s must be above 5 periods ({5 * subject.period_ms / 1000:g} s)"
        yield error("E11", "/sync/probation_s", detail)
    if sync.get("sync_interval_s", 0) > 1800:
        yield warning("W18", "/sync/sync_interval_s", "polling less often than every 30 minutes")


def equality_first(subject: Subject) -> Iterator[Finding]:
    """W12: balancing, an equality, leaves nothing to a peak shaving after it on the same storage."""
    balancing: dict[str, Controller] = {}
    for controller in subject.controllers:
        ess = subject.ess(controller)
        name = ess.body["device_id"] if ess else controller.parameters.get("ess_id", "")
        if controller.kind == BALANCING:
            balancing.setdefault(name, controller)
        elif controller.kind in PEAK_SHAVING and name in balancing:
            detail = f"{balancing[name].body['id']} runs before it on the same storage: it can never act"
            yield warning("W12", controller.path, detail)


def unguarded_storage(subject: Subject) -> Iterator[Finding]:
    """W13: a storage that is discharged has a lower bound."""
    guarded = {id(subject.ess(one)) for one in subject.controllers if one.kind == LIMIT}
    told: set[str] = set()
    for controller in subject.controllers:
        ess = subject.ess(controller)
        if ess is None or not _discharges(controller) or id(ess) in guarded or ess.path in told:
            continue
        if "soc_min" not in ess.body.get("limits", {}):
            told.add(ess.path)
            detail = (
                f"{controller.body['id']} discharges it; no LimitTotalDischarge or limits.soc_min guards it"
            )
            yield warning("W13", ess.path, detail)


def _discharges(controller: Controller) -> bool:
    if controller.kind == FIXED:
        return bool(controller.parameters["power_watts"] > 0)
    return controller.kind not in (LIMIT, RELAY)


def idle_controllers(subject: Subject) -> Iterator[Finding]:
    """W16: one warning for all controllers that will emit nothing."""
    idle: list[str] = []
    lacking: set[str] = set()
    for controller in subject.controllers:
        missing = [] if _has_storage(subject, controller) else ["storage"]
        if controller.kind in NEEDS_METER and subject.meter(controller) is None:
            missing.append("grid meter")
        if missing:
            idle.append(controller.body["id"])
            lacking.update(missing)
    if idle:
        detail = f"no {' and no '.join(sorted(lacking))} can be resolved: {', '.join(idle)} will emit nothing"
        yield warning("W16", "/scheduler/controllers", detail)


def _has_storage(subject: Subject, controller: Controller) -> bool:
    if controller.kind == RELAY:
        return True  # it needs none
    if "schedule_device_id" in controller.parameters and "ess_id" not in controller.parameters:
        return True  # named: E08 looks at it
    ess = subject.ess(controller)
    return ess is not None and ess.profile is not None and ess.profile.is_steerable
