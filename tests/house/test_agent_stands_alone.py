"""The agent and the runtime install and import without Django."""

import subprocess
import sys

import pytest

PROBE = """
import pkgutil, sys, importlib, {package}
for module in pkgutil.walk_packages({package}.__path__, '{package}.'):
    if not module.name.endswith('__main__'):
        importlib.import_module(module.name)
cloud = {{'django', 'rest_framework', 'channels'}}
print(sorted(name for name in sys.modules if name.split('.')[0] in cloud))
"""


@pytest.mark.parametrize("package", ["edge_protocol", "edge_agent", "edge_runtime"])
def test_importing_everything_leaves_django_out(package: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(package=package)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
