"""A device of the house seen through something between: overridden where a test wants it otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_runtime.field import FieldDevice, PowerRating


@dataclass
class Wrapped:
    """Passes everything on."""

    real: FieldDevice

    def session(self) -> int:
        return self.real.session()

    def serial(self) -> str:
        return self.real.serial()

    def read(self, points: Sequence[str]) -> Mapping[str, float | None]:
        return self.real.read(points)

    def write(self, writes: Sequence[tuple[str, float]]) -> None:
        self.real.write(writes)

    def doubt(self) -> None:
        self.real.doubt()

    def power_rating(self) -> PowerRating | None:
        return self.real.power_rating()

    def missing(self) -> Mapping[str, str]:
        return self.real.missing()

    def close(self) -> None:
        self.real.close()
