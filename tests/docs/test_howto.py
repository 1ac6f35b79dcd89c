"""The documentation runs: every Python block of a page, top to bottom, in one namespace of its own."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
from doc_pages import FENCE, NAMES, PAGES, ROOT, Block, blocks
from planneal import Settings
from planneal.apps.cli import app
from planneal.planner import checks

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def compiled(page: Path, block: Block):  # type: ignore[no-untyped-def]
    """A block's code, with line numbers of the page, so that a failure points into it."""
    flags = 0x2000 if "no-run" in block.flags else 0  # PyCF_ALLOW_TOP_LEVEL_AWAIT: cells of a notebook
    return compile("\n" * (block.line - 1) + block.text, str(page), "exec", flags=flags, dont_inherit=True)


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A folder of its own, no endpoint from outside, and no check kind that outlives the page."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(checks, "_KINDS", dict(checks._KINDS))


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_python_blocks_run(page):
    namespace: dict[str, object] = {"__name__": "page"}
    for block in blocks(page):
        if block.language != "python":
            continue
        code = compiled(page, block)
        if "no-run" not in block.flags:
            exec(code, namespace)  # noqa: S102 - the project's own pages


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_toml_blocks_are_settings(page):
    for block in blocks(page):
        if block.language == "toml":
            Settings.model_validate(tomllib.loads(block.text)).make_rule()


def options(command: str) -> set[str]:
    return {"-h", "--help", *(o for p in COMMANDS[command].params for o in (*p.opts, *p.secondary_opts))}


def faults(line: str) -> list[str]:
    """What is wrong with one line of shell: unknown commands, options, make targets, modules."""
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if not words:
        return []
    if words[0] == "planneal":
        if len(words) == 1 or words[1].startswith("-"):
            return []
        if words[1] not in COMMANDS:
            return [f"no command {words[1]}"]
        known = options(words[1])
        given = {word.split("=")[0] for word in words[2:] if re.match(r"-{1,2}[a-z]", word)}
        return [f"{words[1]} has no option {option}" for option in sorted(given - known)]
    if words[0] == "make":
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        return [f"no target {word}" for word in words[1:] if "=" not in word and word not in targets]
    if words[0].startswith("python") and words[1:2] == ["-m"]:
        name = words[2]
        return [] if importlib.util.find_spec(name) else [f"no module {name}"]
    return []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_shell_blocks_name_what_exists(page):
    found = [
        f"line {block.line + index}: {fault}"
        for block in blocks(page)
        if block.language in ("sh", "bash", "console")
        for index, line in enumerate(block.text.replace("\\\n", " ").split("\n"))
        for fault in faults(line.removeprefix("$ "))
    ]
    assert found == []


def test_faults_are_found():
    """Negative control: the checks above see what they look for."""
    assert faults("planneal solv x") == ["no command solv"]
    assert faults("X=1 planneal solve --sed 1 'a -- b'") == ["solve has no option --sed"]
    assert faults("make tset") == ["no target tset"]
    assert faults("python -m planneal.nothing") == ["no module planneal.nothing"]
    assert faults("planneal solve --seed 1 q  # --whatever") == []


def test_a_wrong_page_would_fail(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# T\n```python\nx = 1\n```\ntext\n```python\nassert x == 2\n```\n")
    with pytest.raises(AssertionError):
        test_python_blocks_run(page)


def anchors(page: Path) -> set[str]:
    """Heading anchors as the usual Markdown viewers make them."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(target)
    assert broken == []


def test_every_page_can_be_reached_from_the_index():
    index = ROOT / "docs" / "README.md"
    reached, waiting = set(), [index]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        paths = [t.partition("#")[0] for t in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", t)]
        waiting += [(page.parent / path).resolve() for path in paths if path.endswith(".md")]
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} <= reached
