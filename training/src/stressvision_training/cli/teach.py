"""`teach`: keep what teachers say of the training faces."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from stressvision_training.cli.shared import Data, Json, console, fail
from stressvision_training.data.rows import SourceError


def teach(
    models: Annotated[list[Path], typer.Argument(help=".keras networks; what they say is averaged.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="The file to write (.npz), for `fit --lessons`.")],
    as_json: Json = False,
) -> None:
    """Ask trained networks about every training face, as it is and mirrored, for another one to learn from."""
    from stressvision_training.fitting.distillation import teach as run

    if out.suffix != ".npz":
        raise fail(ValueError(f"{out}: name a file that ends in .npz"))
    with Progress(console=console, disable=as_json) as progress:
        task = progress.add_task("asking", total=1.0)
        try:
            lessons = run(models, data, out, lambda share: progress.update(task, completed=share))
        except (SourceError, OSError) as error:
            raise fail(error) from error
    said = {"rows": len(lessons.ids), "heads": list(lessons.logits), "teachers": lessons.teachers}
    print(json.dumps(said) if as_json else f"{said['rows']} faces, heads {', '.join(lessons.logits)}, in {out}")
