"""One bus: one connection, one request at a time, whoever asks."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pymodbus import ModbusException
from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ModbusPDU

from edge_runtime.field import RefusedError, UnreachableError
from edge_runtime.modbus.lines import Client, Line, Route

SILENCES_BEFORE_HANGING_UP: Final = 2
_MEANINGS: Final = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, not done yet",
    6: "device busy",
    8: "memory parity error",
    10: "gateway has no path to it",
    11: "gateway got no answer from it",
}
_NOT_THERE_NOW: Final = frozenset({5, 6, 10, 11})


class ExceptionAnswerError(RefusedError):
    """The device answered with a Modbus exception: `lacks_it` when the address or function does not exist."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(f"{what}: {_MEANINGS.get(code, f'exception {code}')}")
        self.reason = _MEANINGS.get(code, f"exception {code}")
        self.lacks_it = code in (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Terms:
    """How one device on the bus is talked to."""

    unit_id: int
    timeout_s: float
    retries: int
    gap_s: float


@dataclass(frozen=True, slots=True)
class Request:
    """One read: function code, first address, how many registers or bits."""

    fc: int
    address: int
    count: int


class Bus:
    """Connects only in `session`: a request on a lost connection fails instead of meeting a stranger."""

    def __init__(self, line: Line, route: Route) -> None:
        self.line = line
        self.requests = 0
        self._route = route
        self._lock = threading.RLock()
        self._pause = threading.Event()
        self._client: Client | None = None
        self._sessions = 0
        self._silences = 0
        self._last_exchange_s = float("-inf")
        self._closed = False

    def session(self, terms: Terms) -> int:
        """The number of the connection that stands, made if there is none. Errors: UnreachableError."""
        with self._lock:
            if self._closed:
                raise UnreachableError(f"{self.line.end}: no longer in use")
            if self._client is not None and not _hung_up(self._client, self.line):
                return self._sessions
            self._hang_up()
            client = self.line.client(self._route, terms.timeout_s)
            if not client.connect():
                raise UnreachableError(f"no connection to {self.line.end}")
            self._client = client
            self._sessions += 1
            self._silences = 0
            return self._sessions

    def read(self, request: Request, terms: Terms, session: int) -> list[int]:
        """Registers, or bits as 0 and 1. Errors: UnreachableError, ExceptionAnswerError."""
        answer = self._exchange(lambda client: _ask(client, request, terms.unit_id), terms, session)
        values = [int(bit) for bit in answer.bits] if request.fc in (1, 2) else list(answer.registers)
        if request.fc in (1, 2):
            values = values[: request.count]
        if len(values) != request.count:
            raise UnreachableError(f"{self._who(terms)} sent {len(values)} values of {request.count}")
        return values

    def write(self, fc: int, address: int, values: Sequence[int], terms: Terms, session: int) -> None:
        """Errors: UnreachableError, ExceptionAnswerError."""
        self._exchange(lambda client: _tell(client, fc, address, values, terms.unit_id), terms, session)

    def close(self) -> None:
        """Hang up; a request that is under way does it itself when it ends: nobody waits for its timeout."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            self._hang_up()
            self._lock.release()

    def _exchange(self, ask: Callable[[Client], ModbusPDU], terms: Terms, session: int) -> ModbusPDU:
        with self._lock:
            for attempt in range(terms.retries + 1):
                answer = self._once(ask, terms, session)
                if answer is not None:
                    self._let_late_answers_pass(attempt, terms)
                    return _no_exception(answer, self._who(terms))
                if self._closed:
                    self._hang_up()
            self._silences += 1
            if self._silences >= SILENCES_BEFORE_HANGING_UP:
                self._hang_up()
            raise UnreachableError(
                f"{self._who(terms)} did not answer within {terms.timeout_s * 1000:.0f} ms"
            )

    def _once(self, ask: Callable[[Client], ModbusPDU], terms: Terms, session: int) -> ModbusPDU | None:
        client = self._client
        if client is None or session != self._sessions:
            raise UnreachableError(f"the connection to {self.line.end} was lost")
        self._keep_the_gap(terms.gap_s)
        for params in (client.comm_params, client.transaction.comm_params):
            params.timeout_connect = terms.timeout_s
        self.requests += 1
        try:
            if not self.line.tells_answers_apart:
                _drain(client, self.line)
            answer = ask(client)
        except ModbusIOException:
            return None
        except (ModbusException, OSError) as error:
            self._hang_up()
            raise UnreachableError(f"the connection to {self.line.end} was lost") from error
        finally:
            self._last_exchange_s = time.monotonic()
        self._silences = 0
        if self._closed:
            self._hang_up()
        return answer

    def _let_late_answers_pass(self, attempt: int, terms: Terms) -> None:
        """Asked twice, answered once: the other answer must not be taken for that of the next request."""
        if attempt and not self.line.tells_answers_apart:
            self._pause.wait(terms.timeout_s)

    def _keep_the_gap(self, gap_s: float) -> None:
        left_s = self._last_exchange_s + gap_s - time.monotonic()
        if left_s > 0:
            self._pause.wait(left_s)

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()  # type: ignore[no-untyped-call]

    def _who(self, terms: Terms) -> str:
        return f"{self.line.end} unit {terms.unit_id}"


def _ask(client: Client, request: Request, unit_id: int) -> ModbusPDU:
    reads: dict[int, Callable[..., ModbusPDU]] = {
        1: client.read_coils,
        2: client.read_discrete_inputs,
        3: client.read_holding_registers,
        4: client.read_input_registers,
    }
    return reads[request.fc](request.address, count=request.count, device_id=unit_id)


def _tell(client: Client, fc: int, address: int, values: Sequence[int], unit_id: int) -> ModbusPDU:
    if fc == 5:
        return client.write_coil(address, bool(values[0]), device_id=unit_id)
    if fc == 6:
        return client.write_register(address, values[0], device_id=unit_id)
    if fc == 15:
        return client.write_coils(address, [bool(value) for value in values], device_id=unit_id)
    return client.write_registers(address, list(values), device_id=unit_id)


def _no_exception(answer: ModbusPDU, who: str) -> ModbusPDU:
    if not answer.isError():
        return answer
    code = int(answer.exception_code)
    error = ExceptionAnswerError(code, who)
    if code in _NOT_THERE_NOW:
        raise UnreachableError(str(error))
    raise error


def _hung_up(client: Client, line: Line) -> bool:
    """Whether the other end closed a TCP connection while nobody was asking."""
    if line.is_serial or client.socket is None:
        return client.socket is None
    readable, _, _ = select.select([client.socket], [], [], 0)
    if not readable:
        return False
    try:
        return not client.socket.recv(4096)
    except OSError:
        return True


def _drain(client: Client, line: Line) -> None:
    """Throw away what arrived after its request was given up. A serial client does it by itself."""
    if not line.is_serial and _hung_up(client, line):
        raise OSError("the other end closed the connection")
