"""A serial line on this machine: two pseudo-terminals, what is written to one is read from the other."""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from typing import Final

CHUNK: Final = 4096


class PseudoLine:
    """`near` is for the devices, `far` for the runtime. To be used inside one running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        ends = [pty.openpty(), pty.openpty()]
        self._masters = [master for master, _ in ends]
        self._slaves = [slave for _, slave in ends]
        for slave in self._slaves:
            tty.setraw(slave)
        for master in self._masters:
            os.set_blocking(master, False)
        self.near, self.far = (os.ttyname(slave) for slave in self._slaves)
        for one, other in (self._masters, self._masters[::-1]):
            self._loop.add_reader(one, self._carry, one, other)

    def close(self) -> None:
        for master in self._masters:
            self._loop.remove_reader(master)
        for end in (*self._masters, *self._slaves):
            os.close(end)

    def _carry(self, one: int, other: int) -> None:
        """A frame is far smaller than a terminal's buffer: what does not fit is lost, as on a real line."""
        os.write(other, os.read(one, CHUNK))
