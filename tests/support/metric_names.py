"""The metrics that our processes really register, and those that an expression names."""

import re
from functools import cache
from importlib import import_module

from prometheus_client import REGISTRY

MODULES = (
    "stressvision_telemetry.metrics",
    "stressvision_ingest.metrics",
    "stressvision_control.metrics",
    "stressvision_worker.metrics",
    "stressvision_worker.alert_metrics",
    "stressvision_worker.publication_metrics",
    "stressvision_worker.report_metrics",
    "stressvision_worker.beat",
    "stressvision_trainer.metrics",
    "stressvision_agent.metrics",
    "stressvision_agent.vision_metrics",
    "stressvision_agent.local_alert",
    "stressvision_agent.updates.metrics",
)
NAME = re.compile(r"\bstressvision_[a-z0-9_]+")


@cache
def exposed() -> frozenset[str]:
    """Names as Prometheus stores them, `_bucket`, `_sum` and `_count` too."""
    for module in MODULES:
        import_module(module)
    names: set[str] = set()
    for family in REGISTRY.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        names |= {family.name + suffix for suffix in suffixes}
    return frozenset(names)


def named_in(expression: str) -> set[str]:
    """Our metric names in a PromQL expression."""
    return set(NAME.findall(expression))
