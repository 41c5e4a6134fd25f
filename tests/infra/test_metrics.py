"""What our processes show to Prometheus: every metric under our name, every label a kind of thing and nobody's name."""

import re
from importlib import import_module

import pytest
from prometheus_client.metrics import MetricWrapperBase

from native.layout import ROOT
from support.metric_names import MODULES

KINDS = {
    "component",
    "version",
    "kind",
    "verdict",
    "reason",
    "condition",
    "outcome",
    "why",
    "state",
    "task",
    "loop",
    "grain",
}
LABELS = KINDS | {"method", "status"}
"""Each takes its values from a short list of ours or of a standard; none tells people, devices or events apart."""

MAKES_A_METRIC = re.compile(r"^\w+ = (Counter|Gauge|Histogram|Summary|Info|Enum)\(", re.MULTILINE)


def metrics_of(module: str) -> dict[str, tuple[str, ...]]:
    """The labels of each metric that the module makes."""
    made = [value for value in vars(import_module(module)).values() if isinstance(value, MetricWrapperBase)]
    return {metric._name: metric._labelnames for metric in made}


def test_every_module_that_makes_metrics_is_known() -> None:
    sources = [*ROOT.glob("services/*/src/**/*.py"), *ROOT.glob("libs/*/src/**/*.py")]
    making = {
        ".".join(path.relative_to(next(up for up in path.parents if up.name == "src")).with_suffix("").parts)
        for path in sources
        if MAKES_A_METRIC.search(path.read_text())
    }

    assert making == set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_metrics_have_our_name_and_labels_from_closed_sets(module: str) -> None:
    made = metrics_of(module)

    assert made
    for name, labels in made.items():
        assert name.startswith("stressvision_")
        assert set(labels) <= LABELS, name
