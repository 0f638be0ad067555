"""The systemd unit of the agent, as it is shipped in deploy/systemd and written by `service install`."""

from __future__ import annotations

from pathlib import Path

UNIT_PATH = Path("/etc/systemd/system/ems-agent.service")

# KillMode=process: an agent that crashes leaves the runtime in control of the plant and takes it over again;
# an agent that is stopped ends the runtime itself, after it has written the devices' safe state.
# PYTHONOPTIMIZE=2 leaves the documentation inside the code out of memory.
_UNIT = """\
[Unit]
Description=EMS edge agent
Documentation=man:systemd.service(5)
Wants=network-online.target
After=network-online.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command} --data {data} run
Environment=PYTHONOPTIMIZE=2 MALLOC_ARENA_MAX=2
Restart=always
RestartSec=2
KillMode=process
TimeoutStopSec=30
{user}UMask=0077
StateDirectory=ems-agent
StateDirectoryMode=0700
MemoryHigh=200M
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
PrivateTmp=yes
ReadWritePaths={data}
RestrictSUIDSGID=yes
LockPersonality=yes

[Install]
WantedBy=multi-user.target
"""


def unit(command: str, data: Path, user: str | None) -> str:
    """The text of the unit; `user` None leaves it to root (needed for serial ports on some systems)."""
    return _UNIT.format(command=command, data=data, user=f"User={user}\n" if user else "")
