"""On a terminal there is a live line, on standard error alone."""

import json
import os
import pty
import subprocess
import sys
import threading

import pytest
import worlds
from endpoint import Endpoint

RUN = "from planneal.apps.cli import main; import sys; sys.argv[0] = 'planneal'; main()"


def on_a_terminal(*args):
    """Runs the command with standard error on a terminal; exit status, standard output, what the terminal got."""
    ours, theirs = pty.openpty()
    shown = bytearray()

    def read():
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:  # the other end is closed
                return
            if not data:
                return
            shown.extend(data)

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PLANNEAL_", "OPENAI_"))}
    kept.pop("NO_COLOR", None)
    reader = threading.Thread(target=read)
    reader.start()
    found = subprocess.run(
        [sys.executable, "-c", RUN, *args],
        env=kept | {"TERM": "xterm-256color"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=False,
        timeout=120,
    )
    os.close(theirs)
    reader.join()
    os.close(ours)
    return found.returncode, found.stdout.decode(), shown.decode()


@pytest.mark.parametrize(("flags", "live"), [([], True), (["-v"], True), (["-q"], False)])
def test_the_live_line_never_reaches_the_json(flags, live):
    with Endpoint(worlds.endpoint_reply) as endpoint:
        args = ["solve", worlds.QUESTION, "-m", "openai/tiny", "--base-url", endpoint.url, "--target", "saws"]
        status, out, shown = on_a_terminal(*args, "--json", *flags)
    assert status == 0, shown
    assert json.loads(out)["value"] == "9"
    assert "\x1b" not in out
    assert ("drafting a plan" in shown or "energy" in shown) == live
    assert ("\x1b[?25l" in shown) == live  # the cursor is hidden while the line lives
    assert ("\x1b[?25h" in shown) == live  # and comes back


def test_a_reader_that_went_away_is_not_told_of():
    with Endpoint(worlds.endpoint_reply) as endpoint:
        args = ["solve", worlds.QUESTION, "-m", "openai/tiny", "--base-url", endpoint.url, "--target", "saws", "-q"]
        ours, theirs = os.pipe()
        os.close(ours)
        found = subprocess.run(
            [sys.executable, "-c", RUN, *args], stdout=theirs, stderr=subprocess.PIPE, check=False, timeout=120
        )
        os.close(theirs)
    assert found.returncode == 1
    assert found.stderr == b""
