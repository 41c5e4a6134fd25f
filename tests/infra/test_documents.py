"""What the documents tell people to type exists: make's verbs, commands with their options, files and links."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from stressvision_agent.cli import app as agent
from stressvision_control.cli.app import app as operators
from stressvision_store.cli import app as store
from stressvision_training.cli import app as training

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for folder in (
        "",
        "docs",
        "docs/decisions",
        "training",
        "models/stressvision",
        "models/stressvision-fer7",
        "services/agent",
    )
    for path in (ROOT / folder).glob("*.md")
)
COMMANDS = {
    name: typer.main.get_command(app)
    for name, app in (
        ("stressvision", operators),
        ("stressvision-agent", agent),
        ("stressvision-store", store),
        ("stressvision-train", training),
    )
}
VERBS = set(re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))

_INDENTED = re.compile(r"^ {4}(?=\S)(.+)$", re.MULTILINE)
_FENCED = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_OURS = re.compile(r"(?:services|libs|infra|training|models|tests|benchmarks|docs|requirements)/\S+")
_LINK = re.compile(r"\]\((?!https?://)([^)#]+)")
_ANCHOR = re.compile(r"\]\((?!https?://)([^)#]*)#([^)]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _lines(text: str) -> Iterator[str]:
    for block in _FENCED.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from _INDENTED.findall(text)
    yield from _INLINE.findall(text)


def _typed(path: Path) -> list[list[str]]:
    """The words of each command in a document, without comments, variables before it, `sudo` and the path to it."""
    typed = []
    for line in _lines(path.read_text(encoding="utf-8")):
        for part in re.split(r"&&|\||;", line.split("  #")[0].split(" # ")[0]):
            try:
                words = shlex.split(part)
            except ValueError:
                continue  # a quotation, not a command
            while words and (words[0] in {"sudo", "$"} or re.fullmatch(r"[A-Z_]+=.*", words[0])):
                words = words[1:]
            if words and (name := words[0].rsplit("/", 1)[-1]) in {"make", *COMMANDS}:
                typed.append([name, *words[1:]])
    return typed


def _fault(words: list[str]) -> str | None:
    command: Any = COMMANDS[words[0]]  # Typer brings its own copy of Click
    rest = words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        if rest[0] not in command.commands:
            return f"{command.name or words[0]} has no command {rest[0]!r}"
        command, rest = command.commands[rest[0]], rest[1:]
    known = {option for param in command.params for option in (*param.opts, *param.secondary_opts)} | {"--help"}
    unknown = [word.split("=")[0] for word in rest if word.startswith("--") and word.split("=")[0] not in known]
    return f"{command.name} has no option {unknown[0]}" if unknown else None


def test_there_is_something_to_check() -> None:
    commands = [words for path in DOCUMENTS for words in _typed(path)]
    assert sum(words[0] == "make" for words in commands) > 10
    assert {words[0] for words in commands} == {"make", *COMMANDS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_exists(path: Path) -> None:
    faults = []
    for words in _typed(path):
        if words[0] == "make":
            verbs = [word for word in words[1:] if re.fullmatch(r"[a-z][a-z0-9-]*", word)]
            faults += [f"make {verb}" for verb in verbs if verb not in VERBS]
        elif fault := _fault(words):
            faults.append(f"{shlex.join(words)}: {fault}")
    assert not faults


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    links = _LINK.findall(path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def _anchors(path: Path) -> set[str]:
    """Of each heading: lower case, without punctuation, spaces as hyphens."""
    headings = _HEADING.findall(path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_into_a_page_finds_its_heading(path: Path) -> None:
    links = _ANCHOR.findall(path.read_text(encoding="utf-8"))
    targets = [(path.parent / name if name else path, anchor) for name, anchor in links]
    assert [f"{file.name}#{anchor}" for file, anchor in targets if anchor not in _anchors(file)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_of_the_repository_exists(path: Path) -> None:
    tops = "services|libs|infra|training|models|tests|benchmarks|docs|requirements"
    named = [
        word for word in _INLINE.findall(path.read_text(encoding="utf-8")) if re.fullmatch(rf"(?:{tops})/\S+", word)
    ]
    plain = [word.rstrip("/") for word in named if not re.search(r"[*<>{}…]|[A-Z]{3,}", word)]
    assert [word for word in plain if not (ROOT / word).exists()] == []
