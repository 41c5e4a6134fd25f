"""Recipes that are trained in seconds."""

from typing import Final

TWO_HEADS: Final = """
[[heads]]
classes = "fer7"
labels = "fer2013"
smoothing = 0.1
[[heads]]
classes = "expressions9"
labels = "mixture"
votes = 0.2
smoothing = 0.1
"""
"""As the shipped one has."""


def small(heads: str = TWO_HEADS, *, epochs: int = 12, top: str = "", more: str = "") -> str:
    """A recipe of a small network; `top` stands before its first table, and `more` after its last."""
    return f"""
seed = 1
epochs = {epochs}
batch = 16
threads = 1
{top}
[architecture]
name = "plain-residual"
stem_filters = 8
dropout = 0.0
[[architecture.stages]]
filters = 8
blocks = 1
stride = 2
[[architecture.stages]]
filters = 16
blocks = 1
stride = 2
{heads}
[optimiser]
rate = 0.05
momentum = 0.9
decay = 0.001
warmup_epochs = 0.5
average = 0.9
{more}
"""
