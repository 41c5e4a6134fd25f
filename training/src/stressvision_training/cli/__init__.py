"""`stressvision-train`: from FER-2013 and company pictures to an INT8 model that was judged as it will run."""

import os
from importlib.util import find_spec
from typing import Final

import typer

from stressvision_training.cli.benchmark import benchmark
from stressvision_training.cli.compare import compare
from stressvision_training.cli.evaluate import evaluate
from stressvision_training.cli.export import export
from stressvision_training.cli.fit import fit
from stressvision_training.cli.page import page
from stressvision_training.cli.predict import predict
from stressvision_training.cli.prepare import prepare
from stressvision_training.cli.shared import fail
from stressvision_training.cli.teach import teach
from stressvision_training.collector import spare_imports

BACKENDS: Final = ("tensorflow", "jax", "torch")

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def begin() -> None:
    """From FER-2013 and company pictures to an INT8 model that was judged as it will run."""
    backend = os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    if backend not in BACKENDS or find_spec(backend) is None:
        known = ", ".join(name for name in BACKENDS if find_spec(name) is not None)
        raise fail(ValueError(f"KERAS_BACKEND is {backend!r}, which is not installed here; unset it, or name {known}"))


for command in (prepare, fit, teach, evaluate, export, benchmark, predict, page, compare):
    app.command()(command)


def main() -> None:
    """Run the command line as a process of its own."""
    spare_imports()
    app()
