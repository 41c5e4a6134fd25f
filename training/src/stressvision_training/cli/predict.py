"""`predict`: what a model says about pictures."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from stressvision_contracts.labels import LabelScheme
from stressvision_training.cli.shared import Json, console, fail
from stressvision_training.data.rows import SourceError


def predict(
    model: Annotated[Path, typer.Argument(help="A .tflite model or a .keras network.")],
    images: Annotated[list[Path], typer.Argument(help="Pictures: JPG, PNG and whatever else OpenCV reads.")],
    out: Annotated[Path, typer.Option(help="Draw picture, boxes and bars here, a PNG per picture.")] = Path(
        "predictions"
    ),
    crop: Annotated[bool, typer.Option("--crop", help="The pictures are cut out faces: seek none in them.")] = False,
    labels: Annotated[LabelScheme | None, typer.Option(help="Which head of a network; by default company5.")] = None,
    as_json: Json = False,
) -> None:
    """Say what expression is apparent in each face of each picture, and draw it; a bad picture is named and passed."""
    from stressvision_training.data.faces import FaceReader
    from stressvision_training.evaluation.predictor import predictor
    from stressvision_training.trial.predict import draw, faces_in, read_picture

    try:
        asked = predictor(model, labels)
        out.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        raise fail(error) from error
    reader = FaceReader(side=asked.side, whole=crop)
    table, failed = Table("picture", "box", "apparent expression", "share", "drawn in"), False
    written: set[Path] = set()
    for image in images:
        try:
            picture = read_picture(image)
        except SourceError as error:
            fail(error)
            failed = True
            continue
        drawn = _drawing_of(image, out, written)
        written.add(drawn)
        try:
            faces = faces_in(picture, asked, reader)
            draw(picture, faces).savefig(drawn, dpi=120)
        except (SourceError, OSError) as error:
            raise fail(error) from error
        if as_json:
            print(json.dumps({"file": str(image), "faces": faces}))
        for face in faces:
            share = face["probabilities"][face["label"]]
            table.add_row(str(image), str(face["box"]), face["label"], f"{share:.1%}", str(drawn))
        if not faces:
            table.add_row(str(image), "", "no face found", "", str(drawn))
    if not as_json and table.row_count:
        Console(markup=False).print(table)
    if failed:
        console.print("some pictures could not be read; the others were classified")
        raise typer.Exit(1)


def _drawing_of(image: Path, out: Path, written: set[Path]) -> Path:
    """Return where to draw: no picture that was given, should `out` be their folder, nor one of its name elsewhere."""
    drawn = out / f"{image.stem}-predicted.png"
    return out / f"{image.stem}-predicted-{len(written) + 1}.png" if drawn in written else drawn
