"""The process in which a peer library runs: one job a line comes in, one result a line goes out.

It is run by its path, by whichever interpreter has the library, and imports nothing of planneal: it knows the
endpoint's address and what a user would tell the library, and nothing else. It may connect to this machine alone. What
a library prints goes nowhere. Its global random streams are seeded for each job, since the libraries take no seed.

A job holds ``method, url, key, model, seed, messages, n, max_tokens, temperature, program``; a result is
``{"texts", "own"}`` (best first; what the library itself says it used) or ``{"error", "message"}``.
"""

from __future__ import annotations

import json
import os
import random
import sys
import warnings
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = {"its_hub": "peer_its_hub", "dspy": "peer_dspy", "optillm": "peer_optillm"}


def main() -> None:
    """Serves jobs until standard input ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    os.chdir("/")
    library = sys.argv[1]
    _stay_here()
    warnings.simplefilter("ignore")
    try:
        peer = import_module(LIBRARIES[library])
        run = peer.load(import_module("peer_rewards").scores)
        hello = {"ready": f"{library} {version(library)}"}
    except ImportError as error:
        _tell(out, {"missing": str(error)})
        return
    _tell(out, hello)
    for line in sys.stdin:
        job = json.loads(line)
        _seed(job["seed"])
        try:
            result = run(job)
        except Exception as error:  # a broken peer is a result
            result = {"error": type(error).__name__, "message": str(error)[:500]}
        _tell(out, result)


def _tell(out: Any, what: dict[str, Any]) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()


def _seed(seed: int) -> None:
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)


def _stay_here() -> None:
    """Refuses connections that leave this machine: libraries report home and fetch price lists."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(arguments[1], tuple) and not _near(arguments[1][0]):
            raise PermissionError(f"no connection to {arguments[1][0]!r}: peers may use this machine alone")
        if event == "socket.getaddrinfo" and not _near(arguments[0]):
            raise PermissionError(f"no look-up of {arguments[0]!r}: peers may use this machine alone")

    sys.addaudithook(hook)


def _near(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    return name is None or name in ("localhost", "::1", "") or str(name).startswith("127.")


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parent)
    main()
