"""What the peers' reward models ask: the endpoint's verifiers, over HTTP, with nothing but the standard library."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def scores(job: dict[str, Any], texts: list[str]) -> list[dict[str, Any]]:
    """For each text ``{"reward": in [0, 1], "solved": whether every demand was verified}``."""
    request = urllib.request.Request(
        f"{job['url']}/score",
        json.dumps({"texts": texts}).encode(),
        {"Authorization": f"Bearer {job['key']}", "Content-Type": "application/json"},
    )
    with _OPENER.open(request) as reply:
        found: list[dict[str, Any]] = json.load(reply)["scores"]
    return found
