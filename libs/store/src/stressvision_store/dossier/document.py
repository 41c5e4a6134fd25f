"""What a dossier is made of before it becomes a page or paper, and how its figures are worded."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from stressvision_store.languages import Language


@cache
def words(language: Language) -> Mapping[str, str]:
    """Every word of the dossier, by key."""
    file = files("stressvision_store.dossier") / f"words.{language}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; without a `header` its first column says what the others are. `widths`: shares of the line."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]


Block = Text | Grid


@dataclass(frozen=True, slots=True)
class Section:
    """`level` 2 is a chapter, 3 a part of one."""

    level: int
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    language: Language
    title: str
    subtitle: str
    sections: tuple[Section, ...]


def dig(found: Any, *names: str) -> Any:
    """What stands there in a manifest, whose figures may have any shape; None where nothing does."""
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


class Voice:
    """Words and figures in one language. What is none is said to be unknown, never left out."""

    def __init__(self, language: Language) -> None:
        self.language, self._words = language, words(language)

    def __call__(self, key: str, **figures: Any) -> str:
        return self._words[key].format(**figures) if figures else self._words[key]

    def number(self, value: Any) -> str:
        if not isinstance(value, int | float):
            return self("unknown")
        return str(value) if isinstance(value, int) else f"{value:.1f}"

    def share(self, value: Any, unknown: str = "unknown") -> str:
        return f"{value * 100:.1f} %" if isinstance(value, int | float) else self(unknown)

    def day(self, value: str | None) -> str:
        """Of a moment or a day in ISO 8601, in UTC."""
        return self("unknown") if value is None else date.fromisoformat(value[:10]).isoformat()

    def moment(self, value: str | None) -> str:
        return self("unknown") if value is None else f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC"

    def truth(self, value: bool | None) -> str:
        return self("unknown") if value is None else self("yes" if value else "no")

    def section(self, key: str, *blocks: Block, level: int = 3) -> Section:
        return Section(level, self(key), blocks)

    def text(self, key: str, **figures: Any) -> Text:
        return Text(self(key, **figures))

    def pairs(self, rows: Iterable[tuple[str, str]]) -> Grid:
        return Grid((), tuple(rows), (0.42, 0.58))

    def grid(self, keys: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[float] = ()) -> Grid:
        shares = tuple(widths) or tuple(1 / len(keys) for _ in keys)
        return Grid(tuple(self(key) for key in keys), tuple(tuple(row) for row in rows), shares)
