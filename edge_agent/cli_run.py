"""`ems-agent run`: the agent itself, in the foreground."""

from __future__ import annotations

import argparse
import logging
import random
import signal
import sys
import uuid

from edge_agent import exit_codes
from edge_agent.clocks import Clock
from edge_agent.control import ControlServer
from edge_agent.reports import Identity
from edge_agent.runner import Agent, Stop
from edge_agent.settings import AgentSettings, NotEnrolledError, SettingsError, load_settings
from edge_agent.starting import hardware_id, open_core
from edge_agent.store import StoreBusyError, StoreError, folder_lock
from edge_agent.version import VERSION

log = logging.getLogger(__name__)


def run(parsed: argparse.Namespace) -> int:
    """Until SIGTERM or SIGINT. Exit codes: 0 stopped, 1 failure, 3 not enrolled, 75 another agent runs."""
    logging.basicConfig(
        level=parsed.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    try:
        settings = load_settings(parsed.data)
        with folder_lock(settings.data):
            return _live(settings)
    except NotEnrolledError as error:
        print(f"ems-agent: {error}", file=sys.stderr)
        return exit_codes.NOT_RUNNING
    except StoreBusyError as error:
        print(f"ems-agent: {error.detail}", file=sys.stderr)
        return exit_codes.TRY_AGAIN
    except (SettingsError, StoreError, OSError) as error:
        print(f"ems-agent: {error}", file=sys.stderr)
        return exit_codes.FAILURE


def _live(settings: AgentSettings) -> int:
    clock = Clock()
    core = open_core(settings.data, clock, lambda: str(uuid.uuid4()))
    identity = Identity(VERSION, str(uuid.uuid4()), hardware_id())
    agent = Agent(settings, core, uniform=random.SystemRandom().uniform, identity=identity)
    control = ControlServer(settings.socket, agent.messages.put)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.messages.put(Stop()))
    control.start()
    log.info("edge %s, server %s, version %s", settings.edge_id, settings.server_url, VERSION)
    try:
        agent.run()
    finally:
        control.stop()
    return exit_codes.OK
