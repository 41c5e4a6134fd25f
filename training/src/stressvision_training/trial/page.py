"""A local page to try a model on one's own pictures, one after the other or from the camera (needs gradio).

Pictures stay in memory. What the browser sends lies in a private folder of the RAM disk until it is read, the picture
last looked at stays in this process, and the drawing travels inside the answer. Gradio's history of runs is off: it
would keep the drawings in the browser's profile, on disk.
"""

import base64
import html
import io
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from stressvision_training.data.faces import FaceReader
from stressvision_training.data.rows import SourceError
from stressvision_training.evaluation.predictor import Predictor
from stressvision_training.trial.page_words import BOTH, CAMERA_OR_FILE, RESULT, TEXT, TITLE, WHOLE
from stressvision_training.trial.predict import Picture, draw, faces_in, read_picture

HOST: Final = "127.0.0.1"
RAM_DISK: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it

LARGEST_UPLOAD: Final = "20mb"

FORGET_S: Final = 30
"""Seconds after which a picture is gone that was sent but never looked at, as when a tab is closed meanwhile."""

STATE_S: Final = 600
"""Seconds after which the picture last looked at is gone from memory, when the same tab shows no other."""

SETTINGS: Final = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""What Gradio and its parts read from the environment when they are imported: nothing is sent anywhere."""


@contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder for what browsers upload, in memory where there is a RAM disk; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="stressvision-page-", dir=RAM_DISK if RAM_DISK.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def page(model: Predictor, name: str, folder: Path) -> Any:
    """Return the Gradio page of `model`, called `name`; what is uploaded lies in `folder` until it is read."""
    os.environ.update(SETTINGS, GRADIO_TEMP_DIR=str(folder))
    import gradio

    readers = {whole: FaceReader(side=model.side, whole=whole) for whole in (False, True)}

    def look(sent: str | None, whole: bool) -> tuple[None, Picture | None, str, dict[str, Any]]:
        """Empty the upload for the next picture, and say what is in this one."""
        if sent is None:
            return None, *again(None, whole)
        try:
            return None, *again(_read_once(Path(sent), folder), whole)
        except SourceError as error:
            return None, None, f"<p>{html.escape(str(error))}</p>", {"faces": [], "error": str(error)}

    def again(seen: Picture | None, whole: bool) -> tuple[Picture | None, str, dict[str, Any]]:
        if seen is None:
            return None, "", {"faces": []}
        faces = faces_in(seen, model, readers[whole])
        return seen, _image(draw(seen, faces, BOTH)), {"faces": faces}

    with gradio.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(FORGET_S, FORGET_S)) as blocks:
        gradio.Markdown(TEXT.format(model=name))
        last = gradio.State(time_to_live=STATE_S)
        with gradio.Row():
            with gradio.Column(scale=1):
                sources = ["upload", "webcam", "clipboard"]
                given = gradio.Image(label=CAMERA_OR_FILE, sources=sources, type="filepath", image_mode=None)
                whole = gradio.Checkbox(label=WHOLE)
            with gradio.Column(scale=2):
                drawn = gradio.HTML(label=RESULT)
        figures = gradio.JSON(visible=False)
        one = {"concurrency_id": "model", "concurrency_limit": 1}  # neither interpreter nor detector bears two at once
        given.input(look, [given, whole], [given, last, drawn, figures], api_name="classify", **one)
        whole.input(again, [last, whole], [last, drawn, figures], api_name="again", **one)
    return blocks


def serve(model: Predictor, name: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page on this computer alone until SIGINT or SIGTERM; `ready` is told its address.

    `OSError` when the port is taken.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the folder goes then, too
    with private_folder() as folder:
        blocks = page(model, name, folder)
        _launch(blocks, port)
        ready(f"http://{HOST}:{port}")
        blocks.block_thread()


def _launch(blocks: Any, port: int) -> None:
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    # another site's name that resolves to this computer must not read from the page
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    try:
        blocks.launch(
            server_name=HOST,
            server_port=port,
            share=False,
            run_history=False,
            footer_links=[],
            ssr_mode=False,
            mcp_server=False,
            enable_monitoring=False,
            max_file_size=LARGEST_UPLOAD,
            app_kwargs={"middleware": [hosts, Middleware(_NotCached)]},
            prevent_thread_lock=True,
            quiet=True,
        )
    except OSError as error:
        raise OSError(f"port {port} of {HOST} cannot be had; give another with --port ({error})") from error


class _NotCached:
    """ASGI middleware that has browsers keep no copy of a picture which they show while it is classified."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def marked(message: Any) -> None:
            if message["type"] == "http.response.start" and "/file=" in scope["path"]:
                message["headers"] = [*message["headers"], (b"cache-control", b"no-store")]
            await send(message)

        await self._app(scope, receive, marked)


def _read_once(path: Path, folder: Path) -> Picture:
    """Return the picture uploaded to `folder`, and delete it. `SourceError` names it as its owner does."""
    if folder not in path.parents:
        raise SourceError(f"{path.name}: was not uploaded here")
    try:
        return read_picture(path)
    except SourceError as error:
        raise SourceError(str(error).replace(str(path), path.name), error.reason) from error
    finally:
        path.unlink(missing_ok=True)
        if path.parent != folder and not any(path.parent.iterdir()):
            path.parent.rmdir()  # its name is the picture's digest


def _image(figure: Any) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    coded = base64.b64encode(content.getvalue()).decode()
    return f'<img alt="{TITLE}" style="width:100%" src="data:image/png;base64,{coded}">'
