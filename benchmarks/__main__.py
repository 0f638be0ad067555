"""Runs the scenarios one after the other: `python -m benchmarks [NAME] [--json]`."""

import argparse
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent


def scenarios() -> list[str]:
    """Scenario modules are the files that define a `main`."""
    return sorted(
        path.stem
        for path in HERE.glob("*.py")
        if not path.stem.startswith("_") and "\ndef main(" in path.read_text()
    )


def main() -> int:
    known = [name for name in scenarios() if name != "__main__"]
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("name", nargs="?", help=f"one of: {', '.join(known)}; all when left out")
    parser.add_argument("--json", action="store_true", help="print facts instead of tables")
    chosen = parser.parse_args()
    if chosen.name and chosen.name not in known:
        parser.error(f"there is no scenario {chosen.name!r}; there are: {', '.join(known)}")
    for name in [chosen.name] if chosen.name else known:
        sys.argv = [name, *(["--json"] if chosen.json else [])]
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
