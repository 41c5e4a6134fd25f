"""A comparison as a CSV file, a Markdown table and a picture, with the documents' own figures beside it."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from stressvision_contracts.labels import LabelScheme
from stressvision_training.classes import SCHEMES
from stressvision_training.comparison.claims import Claim, middle, read_claims
from stressvision_training.comparison.compare import JUDGED_BY, Line, Quality
from stressvision_training.data.rows import SourceError
from stressvision_training.evaluation.truth import SAYINGS

MISSING: Final = "-"
HEADINGS: Final = (
    "model",
    "judged by",
    "parameters",
    "MMAC",
    "MB .keras / INT8",
    "accuracy",
    "macro precision",
    "macro recall",
    "macro F1",
    "ECE",
    "ms p50 / p95",
    "min",
    "taught",
    "seed",
    "budget",
)


def check_output(out: Path) -> None:
    """Raise `SourceError` when there is no form of a comparison for the suffix of `out`."""
    if out.suffix not in WRITERS:
        raise SourceError(f"{out}: must end in one of {', '.join(WRITERS)}")


def write_comparison(out: Path, lines: Sequence[Line]) -> None:
    """Write `lines` to `out`, as its suffix says."""
    check_output(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[out.suffix](out, lines)


def table_rows(lines: Sequence[Line]) -> list[list[str]]:
    """Return the cells below `HEADINGS`: each line, and after a model's last the claim of a document about it.

    Figures with a slash are float / INT8.
    """
    claims = {claim.recipe: claim for claim in read_claims()}
    rows = []
    for number, line in enumerate(lines):
        rows.append(_cells(line))
        last = number + 1 == len(lines) or lines[number + 1].model != line.model
        if last and line.model in claims:
            rows.append(_claimed(claims[line.model]))
    return rows


def _cells(line: Line) -> list[str]:
    return [
        f"{line.model}, {line.scheme}",
        f"{line.judged_by.partition(':')[0]}, {line.rows:,} rows",
        _shown(line.parameters, "{:,}"),
        _shown(line.mmac, f"{{:,.1f}} ({line.side} px)"),
        f"{_shown(_mega(line.keras_bytes), '{:.2f}')} / {_shown(_mega(line.int8_bytes), '{:.2f}')}",
        *(_both(line, name, "{:.1%}") for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1")),
        _both(line, "ece", "{:.3f}"),
        f"{_shown(line.p50_ms, '{:.2f}')} / {_shown(line.p95_ms, '{:.2f}')}",
        _shown(line.train_minutes, "{:.1f}"),
        line.taught or MISSING,
        _shown(line.seed, "{}"),
        f"{line.budget}; {line.begins.partition(';')[0].partition(', ')[0]}" if line.budget else MISSING,
    ]


def _claimed(claim: Claim) -> list[str]:
    sizes = f"{claim.keras_mb or MISSING} / {claim.int8_mb or MISSING}"
    figures = (claim.accuracy, claim.macro_precision, claim.macro_recall, claim.macro_f1)
    return [
        f"*document {claim.document}*",
        f"*{claim.said}*",
        f"{int(claim.parameters):,}" if claim.parameters else MISSING,
        MISSING,
        sizes,
        *(_percent(figure) for figure in figures),
        MISSING,
        claim.latency_ms or MISSING,
        *[MISSING] * 4,
    ]


def _percent(figure: str) -> str:
    return " to ".join(f"{float(end):.2%}" for end in figure.split("-")) if figure else MISSING


def _both(line: Line, name: str, how: str) -> str:
    return " / ".join(_shown(getattr(quality, name, None), how) for quality in (line.whole, line.int8))


def _mega(size: int | None) -> float | None:
    return None if size is None else size / 1e6


def _shown(value: float | None, how: str) -> str:
    return MISSING if value is None else how.format(value)


def _csv(out: Path, lines: Sequence[Line]) -> None:
    flat = [_flat(line) for line in lines]
    for claim in read_claims():
        figures = {name: value for name, value in msgspec.to_builtins(claim).items() if value not in ("", None)}
        names = {name: f"float_{name}" for name in Quality.__struct_fields__}
        flat.append(
            {names.get(name, name): value for name, value in figures.items()}
            | {"model": claim.recipe, "scheme": claim.classes}
        )
    columns = ["document", *dict.fromkeys(name for row in flat for name in row if name not in ("document", "recipe"))]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval=MISSING, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(flat)
    out.write_text(text.getvalue(), encoding="utf-8")


def _flat(line: Line) -> dict[str, Any]:
    row = {name: value for name, value in msgspec.to_builtins(line).items() if name not in ("whole", "int8")}
    for kind, quality in (("float", line.whole), ("int8", line.int8)):
        row |= {f"{kind}_{name}": getattr(quality, name, None) for name in Quality.__struct_fields__}
    return {
        name: MISSING if value is None else f"{value:.5g}" if isinstance(value, float) else value
        for name, value in row.items()
    }


def _markdown(out: Path, lines: Sequence[Line]) -> None:
    rows = [HEADINGS, ["---"] * len(HEADINGS), *table_rows(lines)]
    out.write_text("\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n", encoding="utf-8")


def _picture(out: Path, lines: Sequence[Line]) -> None:
    from matplotlib.figure import Figure

    shown = {scheme: _headlines(lines, scheme) for scheme in SCHEMES if any(line.scheme == scheme for line in lines)}
    if not shown:
        raise SourceError(f"{out}: nothing to draw, no model could be judged on these data")
    figure = Figure(figsize=(12, 1.5 + 0.32 * max(map(len, shown.values()))), layout="constrained")
    for axes, (scheme, those) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown.items(), strict=True):
        _draw(axes, those)
        axes.set(title=scheme, xlabel=f"accuracy, {those[0].judged_by.partition(':')[0]}, %")
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(out, dpi=110)


def _headlines(lines: Sequence[Line], scheme: LabelScheme) -> list[Line]:
    """Return a line per model: by the rule that its scheme follows, where the data had votes for it."""
    those = [line for line in lines if line.scheme == scheme]
    rules = [SAYINGS[rule] for rule in JUDGED_BY[scheme]]
    best = max(rules.index(line.judged_by) for line in those)
    return [line for line in those if line.judged_by == rules[best]]


def _draw(axes: Any, lines: Sequence[Line]) -> None:
    """A row per model: what was measured, and what a document says of it."""
    claims = {(claim.recipe, claim.classes): middle(claim.accuracy) for claim in read_claims()}
    said = [claims.get((line.model, line.scheme)) for line in lines]
    for mark, colour, label, shares in (
        ("o", "tab:blue", "float", [line.whole.accuracy if line.whole else None for line in lines]),
        ("s", "tab:orange", "INT8", [line.int8.accuracy if line.int8 else None for line in lines]),
        ("x", "grey", "a document, the middle of its range", said),
    ):
        percent = [np.nan if share is None else 100 * share for share in shares]
        axes.plot(percent, range(len(lines)), mark, color=colour, fillstyle="none", label=label)
    names = Counter(line.model for line in lines)
    axes.set_yticks(
        range(len(lines)),
        [
            f"{line.model}{f' seed {line.seed}' * (names[line.model] > 1)}, {_shown(line.mmac, '{:,.0f}')} MMAC"
            for line in lines
        ],
    )
    axes.invert_yaxis()
    axes.grid(visible=True, alpha=0.3)


WRITERS: Final[dict[str, Callable[[Path, Sequence[Line]], None]]] = {".csv": _csv, ".md": _markdown, ".png": _picture}
