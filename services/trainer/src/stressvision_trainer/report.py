"""The page on which a person decides about a candidate: gates, figures beside the model in use, curves, what it learnt.

One file: pictures lie in it, no script runs, nothing is loaded. No face is shown.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

Facts = Mapping[str, Any]

TITLES: Final = {
    "training_history.png": "Training",
    "confusion.png": "What was taken for what",
    "per_class.png": "By class",
    "reliability.png": "How sure, how right",
}
FIGURES: Final = {
    "accuracy": "accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro-F1",
    "ece": "expected calibration error",
}
STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: .5rem 0 1.5rem }
td, th { padding: .25rem .8rem; border-bottom: 1px solid #ddd }
th { text-align: left } td.n { text-align: right; font-variant-numeric: tabular-nums } img { max-width: 100% }
.bad { color: #b00020; font-weight: 600 } .good { color: #1b6e3c } .open { color: #777 }
pre { background: #f6f6f6; padding: 1rem; overflow: auto }
"""


def write_page(path: Path, facts: Facts, pictures: Sequence[Path]) -> None:
    """`facts` as `judging` gathers them; `pictures` are PNG files."""
    body = [
        f"<h1>Model {escape(facts['version'])}</h1>",
        _verdict(facts["conditions"]),
        "<h2>Gates</h2>",
        _gates(facts["conditions"]),
        "<h2>Figures on the test split</h2>",
        _basis(facts["report"]["truth"]),
        _figures(facts["report"], facts["champion"]),
        _classes(facts["report"], facts["champion"]),
        *(_picture(picture) for picture in pictures),
        f"<h2>What it learnt from</h2>{_notes(facts['warnings'])}",
        _table(
            ("split", "source", "label", "faces"),
            ([each["split"], each["source"], each["label"], each["rows"]] for each in facts["counts"]),
        ),
        f"<h2>Recipe; epochs done: {facts['epochs']}</h2><pre>{escape(facts['recipe'])}</pre>",
        "<p>Figures tell of apparent expression in pictures like these, not of what anyone feels.</p>",
    ]
    head = f"<meta charset=utf-8><title>Model {escape(facts['version'])}</title><style>{STYLE}</style>"
    path.write_text(f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(body)}</body></html>\n")


def _verdict(conditions: Sequence[Facts]) -> str:
    unmet = [each["name"] for each in conditions if each["met"] is False]
    if not unmet:
        return '<p class="good">Every gate that could be tried is met.</p>'
    return (
        f'<p class="bad">Not met: {escape(", ".join(unmet))}. Two named people must override that, with a reason.</p>'
    )


def _basis(truth: Facts) -> str:
    return f"<p>{escape(truth['says'])}; {truth['rows']} faces. In brackets: 95 % intervals.</p>"


def _gates(conditions: Sequence[Facts]) -> str:
    words = {True: ("good", "met"), False: ("bad", "not met"), None: ("open", "not tried")}
    rows = "".join(
        f"<tr><td>{escape(each['name'])}</td><td class=n>{_number(each['figure'])}</td><td>{escape(each['bar'])}</td>"
        f'<td class="{words[each["met"]][0]}">{words[each["met"]][1]}</td></tr>'
        for each in conditions
    )
    return f"<table><tr><th>gate<th>figure<th>bar<th></tr>{rows}</table>"


def _figures(report: Facts, champion: Facts | None) -> str:
    def rows() -> Iterable[list[Any]]:
        for name, words in FIGURES.items():
            row: list[Any] = [words, _sure(report, name)]
            if champion is not None:
                row += [_sure(champion, name), f"{report[name] - champion[name]:+.4f}"]
            yield row

    against = report.get("against")
    said = ""
    if against is not None:
        low, high = against["interval"]
        said = (
            f"<p>On the same {against['rows']} faces: {against['only_this_right']} only this one got right, "
            f"{against['only_other_right']} only the model in use; accuracy differs by {against['difference']:+.4f} "
            f"({low:+.4f} to {high:+.4f}, McNemar p = {against['p_value']:.3g}).</p>"
        )
    names = ("", "this model", *(("in use", "difference") if champion is not None else ()))
    return _table(names, rows()) + said


def _sure(report: Facts, name: str) -> str:
    interval = report["intervals"].get(name)
    figure = _number(report[name])
    return f"{figure} ({interval[0]:.4f} to {interval[1]:.4f})" if interval else figure


def _classes(report: Facts, champion: Facts | None) -> str:
    names = ("class", "faces", "precision", "recall", "F1", *(("recall in use",) if champion is not None else ()))
    rows = []
    for label, each in report["per_class"].items():
        row = [label, each["support"], *(_number(each[name]) for name in ("precision", "recall", "f1"))]
        if champion is not None:
            row.append(_number(champion["per_class"][label]["recall"]))
        rows.append(row)
    return _table(names, rows)


def _picture(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    title = escape(TITLES.get(path.name, path.stem))
    return f'<h2>{title}</h2><img alt="{title}" src="data:image/png;base64,{content}">'


def _notes(warnings: Sequence[str]) -> str:
    return "".join(f'<p class="bad">{escape(warning)}</p>' for warning in warnings)


def _table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = "".join(
        "<tr>" + "".join(f"<td{' class=n' if place else ''}>{escape(str(cell))}</td>" for place, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )  # fmt: skip
    return f"<table><tr>{''.join(f'<th>{escape(name)}' for name in names)}</tr>{lines}</table>"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.4g}"
