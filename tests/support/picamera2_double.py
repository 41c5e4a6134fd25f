"""A stand-in for picamera2 that keeps its protocol: configure, start, requests to release, padded rows, video range."""

import time
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMITED = SimpleNamespace(range=SimpleNamespace(name="Limited"))
FULL = SimpleNamespace(range=SimpleNamespace(name="Full"))


class Request:
    """Holds one buffer of the camera until released; afterwards its arrays are out of reach, as in picamera2."""

    def __init__(self, camera: "Picamera2", rows: NDArray[np.uint8]) -> None:
        self._camera: Picamera2 | None = camera
        self._rows = rows

    def make_array(self, name: str) -> NDArray[np.uint8]:
        if self._camera is None:
            raise RuntimeError("CompletedRequest: request was released")
        if name != "lores":
            raise RuntimeError(f"Stream {name!r} is not defined")
        return self._rows.copy()

    def release(self) -> None:
        if self._camera is None:
            raise RuntimeError("CompletedRequest: now has negative ref_count")
        self._camera.held -= 1
        self._camera = None


class Picamera2:
    """Frames come from the class's `scene`, an iterator of grey pictures; a float in it is that long a silence."""

    scene: Iterator[NDArray[np.uint8] | float] = iter(())
    present = True
    colour_space: object = LIMITED
    padding = 64
    opened: "list[Picamera2]" = []  # noqa: RUF012 - reset by `install`

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [{"Model": "imx708", "Num": 0}] if Picamera2.present else []

    def __init__(self, camera_num: int = 0) -> None:
        if not self.present:
            raise IndexError("list index out of range")
        if any(not camera.is_closed for camera in self.opened):
            raise RuntimeError("Failed to acquire camera: Device or resource busy")
        self.opened.append(self)
        self.is_closed = self.is_started = False
        self.held = 0
        self.config: dict[str, Any] | None = None

    def create_video_configuration(
        self,
        main: dict[str, Any] | None = None,
        lores: dict[str, Any] | None = None,
        controls: dict[str, Any] | None = None,
        buffer_count: int = 6,
        display: str | None = "main",
        encode: str | None = "main",
    ) -> dict[str, Any]:
        for stream in (main or {}, lores or {}):
            if unknown := set(stream) - {"size", "format"}:
                raise ValueError(f"Bad key {unknown!r}")
        return {
            "main": {"size": (1280, 720), "format": "XBGR8888"} | (main or {}),
            "lores": lores,
            "controls": controls or {},
            "buffer_count": buffer_count,
            "display": display,
            "encode": encode,
        }

    def configure(self, config: dict[str, Any]) -> None:
        if self.is_started:
            raise RuntimeError("Camera must be stopped before configuring")
        for name in ("main", "lores"):
            width, height = config[name]["size"]
            if width % 2 or height % 2:
                raise RuntimeError("width and height should be even")
        width, height = config["lores"]["size"]
        stride = width + self.padding
        lores = config["lores"] | {"stride": stride, "framesize": stride * height * 3 // 2}
        self.config = config | {"lores": lores, "colour_space": self.colour_space}

    def camera_configuration(self) -> dict[str, Any]:
        assert self.config is not None
        return self.config

    def start(self) -> None:
        if self.config is None:
            raise RuntimeError("Camera has not been configured")
        self.is_started = True

    def capture_request(self, wait: float | bool | None = None, signal_function: object = None) -> Request:
        if not self.is_started:
            raise RuntimeError("Camera is not started")
        assert self.config is not None
        timeout = float("inf") if wait is None or wait is True else float(wait)
        step: NDArray[np.uint8] | float = (
            float("inf") if self.held >= self.config["buffer_count"] else next(self.scene, float("inf"))
        )
        if isinstance(step, float):
            time.sleep(min(step, timeout))
            if step >= timeout:
                raise TimeoutError
            return self.capture_request(timeout - step)
        self.held += 1
        return Request(self, self._buffer(step))

    def _buffer(self, grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
        assert self.config is not None
        lores = self.config["lores"]
        width, height = lores["size"]
        rows = np.full((height * 3 // 2, lores["stride"]), 128, np.uint8)
        limited = self.colour_space is not FULL
        rows[:height, :width] = np.round(16 + grey * (219 / 255)) if limited else grey
        rows[:height, width:] = np.tile([0, 255], (height, self.padding // 2))
        return rows

    def stop(self) -> None:
        self.is_started = False

    def close(self) -> None:
        self.stop()
        self.is_closed = True


def install(
    set_item: Callable[..., None], modules: dict[str, ModuleType], scene: Iterator[Any], **changes: Any
) -> None:
    """Put the double in the place of picamera2, with `changes` to its class attributes."""
    module = ModuleType("picamera2")
    Picamera2.scene = scene
    Picamera2.opened = []
    Picamera2.present, Picamera2.colour_space, Picamera2.padding = True, LIMITED, 64
    for name, value in changes.items():
        setattr(Picamera2, name, value)
    module.Picamera2 = Picamera2  # type: ignore[attr-defined]
    set_item(modules, "picamera2", module)
