"""What a server dials: its database, and the recipients of alerts from one guarded place."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER = ("edge_protocol", "edges", "configs", "monitoring", "doors", "sync_api", "console", "ems")
# The demonstration plays its own edges and operators against a server of its own.
PLAYS_CLIENTS = ROOT / "ems" / "demo"
# Guarded there; see tests/monitoring/test_deliveries.py. The errors of smtplib are told, Django dials.
DIALS = {"monitoring/dialling.py": ["http.client"], "monitoring/sending.py": ["smtplib"]}
CLIENTS = {
    "aiohttp", "ftplib", "http.client", "httpx", "imaplib", "paramiko", "pymodbus", "requests", "smtplib",
    "sunspec2", "telnetlib", "urllib.request", "urllib3", "websockets", "xmlrpc.client",
}  # fmt: skip


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_the_server_dials_recipients_of_alerts_and_nobody_else() -> None:
    files = [file for package in SERVER for file in (ROOT / package).rglob("*.py")]
    dialling = {
        str(file.relative_to(ROOT)): sorted(found)
        for file in files
        if PLAYS_CLIENTS not in file.parents
        and (
            found := {name for name in imported(file) if any(f"{name}.".startswith(f"{c}.") for c in CLIENTS)}
        )
    }
    assert len(files) > 100
    assert dialling == DIALS
