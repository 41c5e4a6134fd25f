"""A local page to try a model on one's own pictures, one after the other or from the camera (needs gradio).

Pictures stay in memory: what the browser sends lies in a private folder of the RAM disk until it is classified, and
the drawing travels inside the answer.
"""

import base64
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stressvision_training.faces import FaceReader
from stressvision_training.predict import draw, faces_in
from stressvision_training.predictor import Predictor

HOST: Final = "127.0.0.1"
RAM_DISK: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it

TITLE: Final = "Expresión aparente / Apparent expression"
TEXT: Final = """# Expresión aparente / Apparent expression

Pruebe el modelo `{model}` con una imagen o con la cámara. No mide lo que siente una persona, no es consejo médico y no
sirve para decidir sobre nadie. Las imágenes no salen de este equipo ni se guardan.

Try the model `{model}` on a picture or with the camera. It does not measure how a person feels, is no medical advice
and not for decisions about anyone. Pictures do not leave this computer and are not kept."""


@contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder for what browsers upload, in memory where there is a RAM disk; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="stressvision-page-", dir=RAM_DISK if RAM_DISK.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def page(model: Predictor, name: str, folder: Path) -> Any:
    """Return the Gradio page of `model`, which keeps uploads in `folder` for as long as it looks at them."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    import gradio

    readers = {whole: FaceReader(side=model.side, whole=whole) for whole in (False, True)}

    def classify(picture: NDArray[np.uint8] | None, whole: bool) -> tuple[str, dict[str, Any]]:
        try:
            if picture is None:
                return "", {"faces": []}
            faces = faces_in(picture, model, readers[whole])
            return _image(draw(picture, faces)), {"faces": faces}
        finally:
            for left in folder.iterdir():
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink(missing_ok=True)

    with gradio.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        gradio.Markdown(TEXT.format(model=name))
        with gradio.Row():
            with gradio.Column():
                given = gradio.Image(label="Imagen / Picture", sources=["upload", "webcam", "clipboard"], type="numpy")
                whole = gradio.Checkbox(label="La imagen entera es la cara / The whole picture is the face")
            drawn = gradio.HTML(label="Resultado / Result")
        figures = gradio.JSON(visible=False)
        asked = {"fn": classify, "inputs": [given, whole], "outputs": [drawn, figures]}
        given.change(**asked, api_name="classify")
        whole.change(**asked, api_name=False)
    return blocks


def _image(figure: Any) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    coded = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="{TITLE}" style="width:100%" src="data:image/png;base64,{coded}">'


def serve(model: Predictor, name: str, port: int) -> None:
    """Serve the page on this computer alone, until it is stopped; `OSError` when the port is taken."""
    with private_folder() as folder:
        page(model, name, folder).launch(server_name=HOST, server_port=port, share=False, quiet=True)
