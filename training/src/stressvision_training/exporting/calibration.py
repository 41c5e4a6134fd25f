"""Make a model's probabilities mean what they say: one temperature, fitted on the INT8 file's own outputs."""

import numpy as np
from numpy.typing import NDArray

from stressvision_vision.classifier import soften

LOW, HIGH, STEPS = 0.25, 4.0, 81


def fit_temperature(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """Return the temperature of least negative log-likelihood, from a grid even in its logarithm (Guo et al. 2017)."""
    grid = np.exp(np.linspace(np.log(LOW), np.log(HIGH), STEPS))
    rows = np.arange(len(truth))
    costs = [-np.log(soften(probabilities, float(t))[rows, truth] + 1e-9).mean() for t in grid]
    return round(float(grid[int(np.argmin(costs))]), 4)
