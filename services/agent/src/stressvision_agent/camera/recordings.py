"""A video file or a folder of pictures in the place of a camera: every frame, in order."""

import logging
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stressvision_agent import vision_metrics as metrics
from stressvision_agent.camera.frames import SourceError, fit

log = logging.getLogger(__name__)

PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".pgm", ".tif", ".tiff"})


class VideoFile:
    """Plays at the file's own speed with `realtime`, else as fast as it is read."""

    def __init__(self, path: Path, *, width: int, height: int, realtime: bool, loop: bool) -> None:
        self._path, self._width, self._height, self._loop = path, width, height, loop
        self._video = cv2.VideoCapture(str(path))
        if not self._video.isOpened():
            raise SourceError(f"{path} cannot be read as a video; give a file that OpenCV can decode (AVI, MP4, MKV)")
        fps = float(self._video.get(cv2.CAP_PROP_FPS))
        self.interval_s = 1 / fps if realtime and 0 < fps <= 1000 else None
        self._played = False

    def grab(self) -> NDArray[np.uint8] | None:
        while True:
            if not self._video.grab():
                if not (self._loop and self._played):
                    return None
                self._rewind()
                continue
            ok, picture = self._video.retrieve()
            if ok:
                self._played = True
                grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
                return fit(grey.astype(np.uint8, copy=False), self._width, self._height)
            metrics.FRAMES_DROPPED.labels(reason="corrupt").inc()

    def close(self) -> None:
        self._video.release()

    def _rewind(self) -> None:
        # seeking back is not exact in every container; opening the file again is
        self._video.release()
        self._played = False
        self._video = cv2.VideoCapture(str(self._path))


class PictureFolder:
    """Pictures by name; one that cannot be read is counted and skipped."""

    def __init__(self, path: Path, *, width: int, height: int, fps: float, realtime: bool, loop: bool) -> None:
        self._width, self._height, self._loop = width, height, loop
        self._paths = pictures_in(path)
        self._next = 0
        self._readable = 0
        self.interval_s = 1 / fps if realtime else None

    def grab(self) -> NDArray[np.uint8] | None:
        while True:
            if self._next == len(self._paths):
                if not (self._loop and self._readable):
                    return None
                self._next = self._readable = 0
            path = self._paths[self._next]
            self._next += 1
            grey = read_picture(path)
            if grey is not None:
                self._readable += 1
                return fit(grey, self._width, self._height)
            metrics.FRAMES_DROPPED.labels(reason="corrupt").inc()
            log.warning("a picture cannot be read and is skipped", extra={"file": path.name})

    def close(self) -> None:
        self._paths = []
        self._next = 0
        self._loop = False


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures in `folder` by name; `SourceError` when there is none."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.is_file())
    if not found:
        raise SourceError(f"{folder} holds no picture ({', '.join(sorted(PICTURES))})")
    return found


def read_picture(path: Path) -> NDArray[np.uint8] | None:
    """Return the picture in grey, turned as its EXIF data say, or None when it cannot be decoded."""
    try:
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    except cv2.error:  # more pixels than OpenCV dares to decode
        return None
    return None if grey is None else grey.astype(np.uint8, copy=False)
