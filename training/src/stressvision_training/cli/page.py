"""`page`: try a model in a browser."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from stressvision_contracts.labels import LabelScheme
from stressvision_training.cli.shared import console, fail


def page(
    model: Annotated[Path, typer.Argument(help="A .tflite model or a .keras network.")],
    port: Annotated[int, typer.Option(min=1, max=65535)] = 7860,
    labels: Annotated[LabelScheme | None, typer.Option(help="Which head of a network; by default company5.")] = None,
) -> None:
    """Try a model in a browser, on pictures or with the camera; served to this computer alone, Ctrl-C stops it."""
    if find_spec("gradio") is None:
        raise fail(RuntimeError("gradio is not installed; pip install 'stressvision-training[page]'"))
    from stressvision_training.evaluation.predictor import predictor
    from stressvision_training.trial.page import serve

    def ready(address: str) -> None:
        console.print(f"{address}  (Ctrl-C stops it)", highlight=False)

    try:
        serve(predictor(model, labels), model.name, port, ready)
    except (ValueError, OSError) as error:
        raise fail(error) from error
