"""``docs/cli.md`` holds the help texts and the exit codes; run this file to bring them up to date."""

import os
import re
from pathlib import Path

import pytest
import typer
from planneal.apps.cli import app
from planneal.apps.exits import MEANING
from typer.testing import CliRunner

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
COMMANDS = (
    "", "solve", "show", "replay", "families", "generate", "doctor", "sandbox", "sandbox check", "demo", "compare",
    "probe", "report",
)  # fmt: skip
RECORDED_WITH = "0.29"
OPTION = re.compile(r"^ +(?:-\w, )?(--[a-z-]+)", re.MULTILINE)


def help_of(command):
    found = CliRunner().invoke(app, [*command.split(), "--help"], prog_name="planneal", terminal_width=100)
    assert found.exit_code == 0
    return "\n".join(line.rstrip() for line in found.stdout.strip().splitlines())


def reference():
    blocks = []
    for command in COMMANDS:
        text = help_of(command).split("\n  Exit codes:")[0].rstrip()
        blocks.append(f"### `{f'planneal {command}'.strip()}`\n\n```\n{text}\n```")
    return "\n\n".join(blocks)


def codes():
    rows = [f"| {code.value} | {text} |" for code, text in MEANING.items()]
    return "\n".join(["| code | meaning |", "|---|---|", *rows])


@pytest.mark.skipif(not typer.__version__.startswith(RECORDED_WITH), reason="another typer lays help out otherwise")
def test_the_page_holds_the_help_of_every_command():
    assert reference() in PAGE.read_text(encoding="utf-8")


def test_the_page_names_every_option():
    page = PAGE.read_text(encoding="utf-8")
    for command in COMMANDS:
        told = OPTION.findall(help_of(command))
        assert "--help" in told
        assert all(f"{option} " in page or f"{option}\n" in page for option in told)


def test_the_exit_codes_are_the_same_on_the_page_and_in_the_help():
    assert codes() in PAGE.read_text(encoding="utf-8")
    for code, text in MEANING.items():
        line = rf"^ +{code.value}  {re.escape(text)}$"
        assert re.search(line, help_of(""), re.MULTILINE)
        assert re.search(line, help_of("solve"), re.MULTILINE)


def test_help_is_plain_text_within_a_hundred_columns():
    for command in COMMANDS:
        assert help_of(command).isascii()
        assert max(map(len, help_of(command).splitlines())) <= 100


if __name__ == "__main__":
    os.environ["COLUMNS"] = "100"
    text = PAGE.read_text(encoding="utf-8")
    text = re.sub(r"\| code \| meaning \|\n(?:\|.*\n)+", lambda found: codes() + "\n", text)
    head = text.split("## Reference\n")[0]
    PAGE.write_text(f"{head}## Reference\n\n{reference()}\n", encoding="utf-8")
