"""The ``planneal`` command and its commands: ``solve``, ``generate``, ``demo`` and others.

Each command is a module of its own. What a command imports beyond the library's core is imported when it runs.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .._version import __version__
from . import compare, demo, doctor, probe, problems, report, sandbox, solve, traces
from .exits import epilog
from .options import COMMAND

app = typer.Typer(
    name="planneal",
    help="Think by revising, speak by committing: a plan is drafted, edited, verified, and then answered from.",
    epilog=epilog(),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"planneal {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Prints the version.")
    ] = False,
) -> None:
    pass


app.command("solve", context_settings=COMMAND, epilog=epilog())(solve.solve)
app.command("show", context_settings=COMMAND)(traces.show)
app.command("replay", context_settings=COMMAND)(traces.replay)
app.command("families", context_settings=COMMAND)(problems.families)
app.command("generate", context_settings=COMMAND)(problems.generate)
app.command("doctor", context_settings=COMMAND)(doctor.doctor)
app.add_typer(sandbox.app)
app.command("compare", context_settings=COMMAND)(compare.compare)
app.command("probe", context_settings=COMMAND)(probe.probe)
app.command("report", context_settings=COMMAND)(report.report)
app.command("demo", context_settings=COMMAND)(demo.demo)


def main() -> None:
    """Runs the command line and exits with the command's code."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # what an encoding cannot hold is written out, never a crash
            reconfigure(errors="backslashreplace")
    app()
