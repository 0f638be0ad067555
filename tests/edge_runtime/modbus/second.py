"""The same simulated devices behind a second Modbus implementation that shares no code with the first."""

import contextlib
from collections.abc import Iterator
from typing import Any

from pyModbusTCP.constants import EXP_DATA_ADDRESS, EXP_NONE
from pyModbusTCP.server import DataHandler, ModbusServer

from edge_runtime.simulated.devices import SimulatedDevice
from edge_runtime.simulated.registers import IllegalAddressError


class Handler(DataHandler):
    """Every call of pyModbusTCP to the device, its refusals as exception 2."""

    def __init__(self, device: SimulatedDevice) -> None:
        super().__init__()
        self._device = device

    def read_coils(self, address: int, count: int, srv_info: Any) -> DataHandler.Return:
        return self._read(1, address, count)

    def read_d_inputs(self, address: int, count: int, srv_info: Any) -> DataHandler.Return:
        return self._read(2, address, count)

    def read_h_regs(self, address: int, count: int, srv_info: Any) -> DataHandler.Return:
        return self._read(3, address, count)

    def read_i_regs(self, address: int, count: int, srv_info: Any) -> DataHandler.Return:
        return self._read(4, address, count)

    def write_h_regs(self, address: int, words_l: list[int], srv_info: Any) -> DataHandler.Return:
        return self._write(16, address, words_l)

    def write_coils(self, address: int, bits_l: list[bool], srv_info: Any) -> DataHandler.Return:
        return self._write(15, address, [int(bit) for bit in bits_l])

    def _read(self, fc: int, address: int, count: int) -> DataHandler.Return:
        try:
            return DataHandler.Return(EXP_NONE, self._device.read(fc, address, count))
        except IllegalAddressError:
            return DataHandler.Return(EXP_DATA_ADDRESS)

    def _write(self, fc: int, address: int, values: list[int]) -> DataHandler.Return:
        try:
            self._device.write(fc, address, values)
        except IllegalAddressError:
            return DataHandler.Return(EXP_DATA_ADDRESS)
        return DataHandler.Return(EXP_NONE)


@contextlib.contextmanager
def listening_otherwise(device: SimulatedDevice) -> Iterator[int]:
    server = ModbusServer("127.0.0.1", 0, no_block=True, data_hdl=Handler(device))
    server.start()
    try:
        yield server._service.server_address[1]
    finally:
        server.stop()
