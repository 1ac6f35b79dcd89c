"""What works with the core dependencies alone, and how long an import takes."""

import os
import subprocess
import sys
from importlib import resources

import pytest
import worlds
from endpoint import Endpoint

BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "transformers", "tokenizers", "safetensors"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())
from planneal.apps.cli import main
sys.argv[0] = "planneal"
main()
"""
IMPORT = """
import sys, time
began = time.process_time()  # an import waits for nothing, and other work on the machine does not count
import planneal
seconds = time.process_time() - began
heavy = {"torch", "transformers", "sympy", "openai", "scipy", "tokenizers", "rich", "typer"} & sys.modules.keys()
print(f"{seconds:.3f}", *sorted(heavy))
"""


def python(code, *args, **env):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PLANNEAL_", "OPENAI_"))}
    return subprocess.run(
        [sys.executable, "-c", code, *args], env=kept | env, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_import_is_quick_and_brings_nothing_heavy():
    tries = [python(IMPORT).stdout.split() for _ in range(3)]
    assert [heavy for _, *heavy in tries] == [[], [], []]
    assert min(float(seconds) for seconds, *_ in tries) < 0.5


def test_names_are_loaded_on_first_use_and_bring_nothing_heavy_either():
    every = "import planneal\n[getattr(planneal, name) for name in planneal.__all__]\n"
    touched = IMPORT.replace("import planneal\n", every)
    seconds, *heavy = python(touched).stdout.split()
    assert heavy == []
    assert float(seconds) > float(python(IMPORT).stdout.split()[0]), "negative control: nothing was loaded"


def test_every_public_name_has_a_home_and_others_have_none():
    import planneal

    assert set(planneal._MODULE_OF) | {"__version__"} == set(planneal.__all__) == set(dir(planneal))
    with pytest.raises(AttributeError, match="no attribute 'nonesuch'"):
        planneal.nonesuch  # noqa: B018


def test_help_and_version_bring_nothing_heavy():
    code = IMPORT.replace("import planneal\n", "import planneal.apps.cli\n").replace('"rich", "typer"', "")
    assert python(code).stdout.split()[1:] == []


def test_an_endpoint_needs_no_local_model_libraries(tmp_path):
    with Endpoint(worlds.endpoint_reply) as endpoint:
        args = ["solve", worlds.QUESTION, "--model", "openai/tiny", "--base-url", endpoint.url, "--target", "saws"]
        found = python(BLOCK, *args)
        served = endpoint.requests
    assert (found.returncode, found.stdout.splitlines()[-1]) == (0, "answer: 9 [S2]"), found.stderr
    assert served >= 3


@pytest.mark.parametrize("model", ["embedded", "hf/nowhere"])
def test_a_local_model_without_them_is_told_by_code_and_pip_line(model):
    if model == "embedded" and not (resources.files("planneal.decoders") / "embedded" / "config.json").is_file():
        pytest.skip("this checkout holds no weights")
    found = python(BLOCK, "solve", "How many?", "--model", model)
    assert (found.returncode, found.stdout) == (6, "")
    assert "pip install 'planneal[local]'" in found.stderr
