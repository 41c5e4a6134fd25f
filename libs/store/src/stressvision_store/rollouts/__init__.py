"""Rollouts: a model comes to the fleet in stages, is watched, and goes back by itself when it does harm."""

from stressvision_store.rollouts.reports import desired_model, record_report
from stressvision_store.rollouts.steps import step

__all__ = ["desired_model", "record_report", "step"]
