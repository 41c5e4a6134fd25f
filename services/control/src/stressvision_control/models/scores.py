"""A model's figures as its manifest gives them, of one model or of two side by side."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

LATENCY: Final = "p95 latency in ms"
LOWER_IS_BETTER: Final = frozenset({"ece", "size in MB"})


def figures_of(manifest: Mapping[str, Any], latency_ms: float | None = None) -> dict[str, float]:
    """What there is of accuracy, macro-F1, recalls, calibration error, size and latency, on the test split."""
    test = _scores(manifest.get("scores") or {})
    found: dict[str, Any] = {
        "accuracy": test.get("accuracy"),
        "macro_f1": test.get("macro_f1"),
        **{f"recall_{label}": test.get(f"recall_{label}") for label in manifest.get("labels") or []},
        "ece": test.get("ece"),
        "size in MB": (manifest.get("size_bytes") or 0) / 1e6,
        LATENCY: latency_ms,
    }
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def interval_of(manifest: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    """The 95 % interval of a figure, where the manifest has it."""
    intervals = ((manifest.get("scores") or {}).get("intervals") or {}).get("test") or {}
    found = intervals.get(name)
    return (float(found[0]), float(found[1])) if isinstance(found, list) and len(found) == 2 else None


def compare(
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    latencies_ms: tuple[float | None, float | None] = (None, None),
) -> Iterator[dict[str, Any]]:
    """A row a figure: both models' values and intervals, the second less the first, and which is ahead.

    Where the two intervals overlap, the figures do not tell which is better, and neither is said to be ahead. Nor is
    it of latencies, which may be from two machines.
    """
    figures = figures_of(first, latencies_ms[0]), figures_of(second, latencies_ms[1])
    for name in [*figures[0], *(each for each in figures[1] if each not in figures[0])]:
        values = figures[0].get(name), figures[1].get(name)
        intervals = interval_of(first, name), interval_of(second, name)
        difference = round(values[1] - values[0], 5) if values[0] is not None and values[1] is not None else None
        yield {
            "figure": name,
            "first": values[0],
            "first_interval": intervals[0],
            "second": values[1],
            "second_interval": intervals[1],
            "difference": difference,
            "ahead": _ahead(name, difference, intervals),
        }


def _ahead(name: str, difference: float | None, intervals: tuple[Any, Any]) -> str | None:
    if not difference or name == LATENCY:
        return None
    if intervals[0] and intervals[1] and intervals[0][0] <= intervals[1][1] and intervals[1][0] <= intervals[0][1]:
        return None
    return "second" if (difference > 0) != (name in LOWER_IS_BETTER) else "first"


def _scores(scores: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of the INT8 file on the test split; in a manifest of another shape, whatever stands at the top."""
    int8 = scores.get("int8")
    test = int8.get("test") if isinstance(int8, Mapping) else None
    return test if isinstance(test, Mapping) else scores
