"""`stressvision-train`: from FER-2013 and company pictures to an INT8 model that was judged as it will run."""

import typer

from stressvision_training.cli.benchmark import benchmark
from stressvision_training.cli.compare import compare
from stressvision_training.cli.evaluate import evaluate
from stressvision_training.cli.export import export
from stressvision_training.cli.fit import fit
from stressvision_training.cli.page import page
from stressvision_training.cli.predict import predict
from stressvision_training.cli.prepare import prepare
from stressvision_training.cli.teach import teach

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for command in (prepare, fit, teach, evaluate, export, benchmark, predict, page, compare):
    app.command()(command)
