"""Makes this folder's helpers importable by name, without touching ``sys.path``."""

import importlib.util
import sys
from pathlib import Path


def load(name):
    """Loads ``<name>.py`` of this folder as the module ``planner_<name>``."""
    spec = importlib.util.spec_from_file_location(f"planner_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)


for _name in ("strategies", "fakes", "enumerated"):
    load(_name)
