"""The edge key on disk, and its candidate during a rotation: stored first, confirmed by its first use."""

from __future__ import annotations

from pathlib import Path

from edge_agent.durable import sync_folder, write_durably
from edge_agent.faultpoints import reach


class Keyring:
    """Two small files of mode 0600. Used by the cloud's thread and read by the listener's."""

    def __init__(self, key_file: Path) -> None:
        self._current = key_file
        self._candidate = key_file.with_name(f"{key_file.name}.candidate")

    def text(self) -> str:
        """The key to send: the candidate as long as there is one. Errors: OSError."""
        path = self._candidate if self._candidate.exists() else self._current
        try:
            return path.read_text(encoding="ascii").strip()
        except UnicodeDecodeError as error:
            raise OSError(f"{path} holds no key") from error

    @property
    def has_candidate(self) -> bool:
        return self._candidate.exists()

    def keep_candidate(self, key: str) -> None:
        """On disk before it is used: the server forgets nothing, so neither may we. Errors: OSError."""
        write_durably(self._candidate, key.encode() + b"\n", point="key_candidate")

    def confirm(self) -> None:
        """The server took the key just sent: a candidate becomes the key."""
        if self._candidate.exists():
            reach("before:key_promoted")
            self._candidate.replace(self._current)
            sync_folder(self._current.parent)
            reach("after:key_promoted")

    def drop_candidate(self) -> None:
        """The server refused the candidate (a later rotation voided it): the old key still counts."""
        self._candidate.unlink(missing_ok=True)
        sync_folder(self._current.parent)
