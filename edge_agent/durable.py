"""Files that survive a power cut: written whole beside the old one, synced, renamed, folder synced."""

import os
from pathlib import Path

from edge_agent.faultpoints import reach


def write_durably(path: Path, data: bytes, *, point: str, mode: int = 0o600) -> None:
    """Replace `path` by `data` or leave it as it is; nothing in between is ever seen.

    Shape: `point` names the fault points around the write. Errors: OSError (disk full, read-only).
    Source: lifecycle.md, "a second copy".
    """
    reach(f"before:{point}")
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    reach(f"after:{point}")


def sync_folder(folder: Path) -> None:
    """Make names in `folder` durable (renames and removals). Errors: OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
