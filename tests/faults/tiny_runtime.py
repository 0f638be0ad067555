"""A real runtime program, as small as one can be: it honours document.json and writes health.json.

`extensions.tiny` in the document tells it how to behave: {"crash": "at_start" | "later", "hang": true,
"init_failed": "<controller id>", "init_failed_with_file": "<controller id>", "overruns": n,
"silent_device": "<device id>", "deaf": true}.
"""

# pathlib would cost as much to load as everything else here together:
# ruff: noqa: PTH123, PTH105, PTH110

import json
import os
import signal
import sys
import time

PERIOD_S = 0.05
LATER_CYCLES = 4


class Tiny:
    def __init__(self, directory):
        self.directory = directory
        self.boot_id = f"{os.getpid()}-{time.monotonic_ns()}"
        self.wanted, self.stopping = True, False
        self.document, self.tiny = None, {}
        self.count = self.since = 0
        signal.signal(signal.SIGHUP, self.hang_up)
        signal.signal(signal.SIGTERM, self.end)

    def hang_up(self, number, frame):
        self.wanted = True

    def end(self, number, frame):
        self.stopping = True

    def run(self):
        while not self.stopping:
            if self.wanted:
                self.wanted = False
                self.take_in()
            if self.document is not None:
                self.turn()
            time.sleep(PERIOD_S)

    def take_in(self):
        try:
            with open(f"{self.directory}/document.json", "rb") as file:
                found = json.load(file)
        except FileNotFoundError:
            return
        tiny = found.get("extensions", {}).get("tiny", {})
        if tiny.get("deaf"):
            return
        self.document, self.tiny, self.since = found, tiny, self.count
        if tiny.get("crash") == "at_start":
            print("tiny runtime: told to crash at start", flush=True)
            os._exit(3)

    def turn(self):
        self.count += 1
        self.write(self.report())
        if self.count - self.since <= LATER_CYCLES:
            return
        if self.tiny.get("hang"):
            time.sleep(3600)
        if self.tiny.get("crash") == "later":
            print("tiny runtime: told to crash later", flush=True)
            os._exit(4)

    def report(self):
        return {
            "boot_id": self.boot_id,
            "version": self.document.get("version"),
            "digest": self.document.get("digest"),
            "cycle": {
                "count": self.count,
                "period_ms": 50,
                "measured_ms": 1,
                "overruns": self.tiny.get("overruns", 0),
            },
            "controllers": {
                one["id"]: self.controller(one)
                for one in self.document.get("scheduler", {}).get("controllers", [])
            },
            "devices": {
                one["device_id"]: {"ok": self.tiny.get("silent_device") != one["device_id"], "errors": 0}
                for one in self.document.get("modbus_devices", [])
            },
            "alarms": [],
            "failure": None,
        }

    def controller(self, one):
        broken = self.tiny.get("init_failed") == one["id"]
        if self.tiny.get("init_failed_with_file") == one["id"]:
            broken = os.path.exists(f"{self.directory}/break")
        if not broken:
            return {"state": "ok", "error": None}
        return {"state": "init_failed", "error": f"controller init failed: {one['id']}: told so"}

    def write(self, health):
        with open(f"{self.directory}/.health.new", "w") as file:
            json.dump(health, file)
        os.replace(f"{self.directory}/.health.new", f"{self.directory}/health.json")


Tiny(sys.argv[1]).run()
