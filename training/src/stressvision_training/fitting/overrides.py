"""Change numbers of a recipe by `key=value`, and write a recipe as TOML."""

import difflib
import json
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

Table = dict[str, Any]


def changed(table: Table, changes: Sequence[str]) -> Table:
    """Return a recipe's table, its defaults spelt out, with `changes` such as `optimiser.rate=0.01`.

    A key is a dotted path, numbers counting lists' members from 0, or its end where only one path ends so. A value is
    read as TOML, else as text; nothing after the `=` unsets. `ValueError` names the keys that are near an unknown one.
    """
    off = [path for path in _paths(table) if _at(table, path) is None]  # what such a part must hold is checked later
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"--set {change}: give it as key=value, such as epochs=2")
        path, text = _resolved(table, key.strip(), off), value.strip()
        _put(table, path, _value(text) if text else _nothing(table, path))
    return table


def _paths(value: Any, before: str = "") -> Iterator[str]:
    """Yield the path of every table, list and value within `value`."""
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        members = [(str(number), member) for number, member in enumerate(value)]
    else:
        return
    for name, member in members:
        path = f"{before}{name}"
        yield path
        yield from _paths(member, f"{path}.")


def _resolved(table: Table, key: str, off: Sequence[str]) -> str:
    paths = list(_paths(table))
    if key in paths or key.rpartition(".")[0] in off:
        return key
    ending = [path for path in paths if path.endswith(f".{key}")]
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise ValueError(f"--set {key}: {' or '.join(ending)}? Give one of them")
    names = {path.rpartition(".")[2]: path for path in paths}
    near = difflib.get_close_matches(key, paths, 3) or [
        names[name] for name in difflib.get_close_matches(key.rpartition(".")[2], names, 3)
    ]
    known = f"near it are {', '.join(near)}" if near else f"there are {', '.join(table)}"
    raise ValueError(f"--set {key}: the recipe has no such key; {known}")


def _at(table: Table, path: str) -> Any:
    found: Any = table
    for name in path.split("."):
        found = found[int(name)] if isinstance(found, list) else found[name]
    return found


def _put(table: Table, path: str, value: Any) -> None:
    parent, _, name = path.rpartition(".")
    if parent and _at(table, parent) is None:
        _put(table, parent, {})
    holder: Any = _at(table, parent) if parent else table
    holder[int(name) if isinstance(holder, list) else name] = value


def _nothing(table: Table, path: str) -> list[Any] | None:
    """A list is unset by being empty."""
    parent, _, name = path.rpartition(".")
    holder: Any = _at(table, parent) if parent else table
    return [] if isinstance(holder, dict) and isinstance(holder.get(name), list) else None


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def toml_text(table: Table) -> str:
    """Return a table of numbers, texts, lists and tables as TOML; what is None is left out."""
    return "\n".join(_lines(table, "")) + "\n"


def _lines(table: Table, path: str) -> Iterator[str]:
    plain = {name: value for name, value in table.items() if value is not None and not _is_table(value)}
    for name, value in plain.items():
        yield f"{name} = {_scalar(value)}"
    for name, value in table.items():
        below = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            yield from ("", f"[{below}]", *_lines(value, below))
        elif _is_table(value):
            for member in value:
                yield from ("", f"[[{below}]]", *_lines(member, below))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _scalar(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_scalar, value))}]"
    return json.dumps(value, ensure_ascii=False)
