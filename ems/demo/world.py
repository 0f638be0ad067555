"""What the demo stands on: two organizations, their sites, layers and edges, and three real agents."""

import json
import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from ems.demo import layers
from ems.demo.link import Link
from ems.demo.operator import Operator, StoryError, wait_until
from ems.demo.processes import Processes

ORGANIZATIONS = {"acme": "Acme Energy", "birch": "Birch Power"}
SITES = {"acme": {"north": "Acme North", "south": "Acme South"}, "birch": {"main": "Birch Main"}}
AGENTS = {"acme-north-1": "north", "acme-north-2": "north", "acme-south-1": "south"}
SPARE = {"acme": ("acme-spare-1", "south"), "birch": ("birch-main-1", "main")}
TIME_ZONE = "Europe/Berlin"


@dataclass
class World:
    """Handles on everything that runs: addresses, tokens, keys, links, processes."""

    base_url: str
    port: int
    directory: Path
    processes: Processes
    tokens: dict[str, dict[str, str]]
    console: dict[str, str]
    trust_root: dict[str, Any]
    root_sha256: str
    keys: dict[str, str] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    agents_started_at: float = 0.0

    def operator(self, organization: str) -> Operator:
        return Operator(self.base_url, self.tokens[organization]["operator_token"])

    def agent_edges(self, organization: str) -> list[str]:
        return [edge for edge in AGENTS if edge.startswith(organization)]

    def edge_directory(self, edge_id: str) -> Path:
        return self.directory / "edges" / edge_id

    def answer_sizes(self, edge_id: str, since: int) -> dict[str, int]:
        """Bytes of the delta's and the full answer's bodies for an edge that holds version `since`."""
        headers = {"Authorization": f"Bearer {self.keys[edge_id]}", "Accept-Encoding": "identity"}
        address = f"{self.base_url}/api/v1/edges/{edge_id}/config"
        delta = requests.get(f"{address}/delta?since={since}", headers=headers, timeout=10)
        full = requests.get(address, headers=headers, timeout=10)
        return {"bytes": len(delta.content), "full_bytes": len(full.content)}

    def populate(self) -> None:
        """Sites, layers and edges through the public interface; edges publish version 1 as they are made."""
        for organization, sites in SITES.items():
            operator = self.operator(organization)
            for code, name in sites.items():
                body = {"code": code, "name": name, "time_zone": TIME_ZONE}
                operator.must("POST", f"/organizations/{organization}/sites", body)
            self._put_layer(operator, organization, f"organization/{organization}", layers.organization())
        self._put_layer(self.operator("acme"), "acme", "site/south", layers.south_site())
        for edge_id, site in AGENTS.items():
            self._add_edge("acme", edge_id, site)
        for organization, (edge_id, site) in SPARE.items():
            self._add_edge(organization, edge_id, site)

    def enroll_spares(self) -> None:
        """The edges without an agent, for experiments: enrolled here by the wire protocol."""
        for organization, (edge_id, _) in SPARE.items():
            issued = self._enrollment_token(organization, edge_id)
            body = {
                "token": issued["token"],
                "nonce": secrets.token_hex(16),
                "agent_version": "experiment",
                "schemas": ["ems-config/1"],
            }
            answer = requests.post(f"{self.base_url}/api/v1/enroll", json=body, timeout=10)
            if answer.status_code != 201:
                message = f"{edge_id} could not be enrolled: {answer.status_code} {answer.text}"
                raise StoryError(message)
            self.keys[edge_id] = answer.json()["key"]

    def start_server(self) -> None:
        """Start the server and wait until it says that it is ready."""
        arguments = ["manage.py", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        self.processes.start("server", arguments, {})
        wait_until("the server answers /health/ready", self._is_ready, 60)

    def start_worker(self) -> None:
        """Start the worker that advances rollouts and wait until it says that it works."""
        self.processes.start("worker", ["manage.py", "work"], {})
        wait_until("the worker works", self._is_working, 60)

    def _is_working(self) -> bool:
        if "worker" in self.processes.ended():
            message = f"the worker ended while starting:\n{self.processes.log_tail('worker')}"
            raise StoryError(message)
        return "Working." in self.processes.log_tail("worker")

    def _is_ready(self) -> bool:
        if "server" in self.processes.ended():
            message = f"the server ended while starting:\n{self.processes.log_tail('server')}"
            raise StoryError(message)
        try:
            return requests.get(f"{self.base_url}/health/ready", timeout=5).ok
        except requests.ConnectionError:
            return False

    def start_agents(self) -> None:
        """Enroll three agents with single-use tokens and start them beside their runtimes."""
        for edge_id in AGENTS:
            self.enroll_agent(edge_id)
        self.agents_started_at = time.monotonic()
        for edge_id in AGENTS:
            self.start_agent(edge_id)

    def start_agent(self, edge_id: str) -> None:
        directory = self.edge_directory(edge_id)
        self.processes.start(edge_id, ["-m", "edge_agent", "--data", str(directory), "run"], {})

    def write_facts(self, path: Path) -> None:
        """var/demo.json (0600): where everything is, for curl and other programs."""
        organizations = [
            {
                "org": organization,
                "operator_token": self.tokens[organization]["operator_token"],
                "viewer_token": self.tokens[organization]["viewer_token"],
                "sites": list(sites),
                "edges": [
                    {"edge_id": edge_id, "key": key, "agent": edge_id in AGENTS}
                    for edge_id, key in self.keys.items()
                    if edge_id.startswith(organization)
                ],
            }
            for organization, sites in SITES.items()
        ]
        facts = {
            "base_url": self.base_url,
            "ws_url": self.base_url.replace("http", "ws", 1),
            "console": self.console,
            "trust_root": self.trust_root,
            "organizations": organizations,
        }
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(facts, file, indent=2)

    def _put_layer(self, operator: Operator, organization: str, target: str, body: dict[str, Any]) -> None:
        path = f"/organizations/{organization}/layers/{target}?reason=Demo%20set-up"
        operator.must("PUT", path, body, If_Match='"0"')

    def _add_edge(self, organization: str, edge_id: str, site: str) -> None:
        body = {"edge_id": edge_id, "site": site, "name": edge_id, "tags": ["demo"], "stage": "in_service"}
        self.operator(organization).must("POST", f"/organizations/{organization}/edges", body)

    def _enrollment_token(self, organization: str, edge_id: str) -> dict[str, str]:
        path = f"/edges/{edge_id}/enrollment-token"
        issued: dict[str, str] = self.operator(organization).must("POST", path, {})
        return issued

    def enroll_agent(self, edge_id: str) -> None:
        """Run `ems-agent enroll` as a technician would, the token by environment."""
        token = self._enrollment_token("acme", edge_id)["token"]
        self.links[edge_id] = Link(self.port)
        directory = self.edge_directory(edge_id)
        runtime = directory / "runtime"
        runtime.mkdir(parents=True, exist_ok=True)
        site = directory / "site.json"
        site.write_text(json.dumps(layers.recorded_site(edge_id), indent=2))
        server = f"http://127.0.0.1:{self.links[edge_id].port}"
        arguments = ["-m", "edge_agent", "--data", str(directory), "enroll", "--server", server]
        arguments += ["--root-sha256", self.root_sha256, "--runtime-directory", str(runtime)]
        arguments += ["--site", str(site)]
        self.processes.run(f"enroll-{edge_id}", arguments, {"EMS_ENROLLMENT_TOKEN": token})
        self.keys[edge_id] = (directory / "key").read_text().strip()
