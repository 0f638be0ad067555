"""A real runtime program, as small as one can be: it honours document.json and writes health.json.

`extensions.tiny` in the document tells it how to behave: {"crash": "at_start" | "later" | "always",
"hang": true, "init_failed": "controller id", "overruns": n, "silent_device": "device id"}.
"""

import json
import os
import signal
import sys
import time

DIRECTORY = sys.argv[1]
BOOT_ID = f"{os.getpid()}-{time.monotonic_ns()}"
PERIOD_S = 0.05
LATER_CYCLES = 4

wanted = True
stopping = False


def hang_up(number, frame):
    global wanted
    wanted = True


def end(number, frame):
    global stopping
    stopping = True


def read():
    try:
        with open(f"{DIRECTORY}/document.json", "rb") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def write(health):
    with open(f"{DIRECTORY}/.health.new", "w") as file:
        json.dump(health, file)
    os.replace(f"{DIRECTORY}/.health.new", f"{DIRECTORY}/health.json")


def report(document, tiny, count):
    controllers = {
        one["id"]: {"state": "init_failed", "error": f"controller init failed: {one['id']}: told so"}
        if tiny.get("init_failed") == one["id"]
        else {"state": "ok", "error": None}
        for one in document["scheduler"]["controllers"]
    }
    devices = {
        one["device_id"]: {"ok": tiny.get("silent_device") != one["device_id"], "errors": 0}
        for one in document["modbus_devices"]
    }
    cycle = {"count": count, "period_ms": 50, "measured_ms": 1, "overruns": tiny.get("overruns", 0)}
    return {
        "boot_id": BOOT_ID,
        "version": document.get("version"),
        "digest": document.get("digest"),
        "safe_mode": document.get("safe_mode", False),
        "cycle": cycle,
        "controllers": controllers,
        "devices": devices,
        "alarms": [],
        "failure": None,
    }


def main():
    global wanted
    document, tiny, count, since = None, {}, 0, 0
    while not stopping:
        if wanted:
            wanted = False
            document = read()
            tiny = (document or {}).get("extensions", {}).get("tiny", {})
            since = count
            if tiny.get("crash") == "at_start":
                print("tiny runtime: told to crash at start", flush=True)
                os._exit(3)
        if document is not None:
            count += 1
            write(report(document, tiny, count))
            if tiny.get("hang") and count - since > LATER_CYCLES:
                time.sleep(3600)
            if tiny.get("crash") == "later" and count - since > LATER_CYCLES:
                print("tiny runtime: told to crash later", flush=True)
                os._exit(4)
        time.sleep(PERIOD_S)


signal.signal(signal.SIGHUP, hang_up)
signal.signal(signal.SIGTERM, end)
main()
