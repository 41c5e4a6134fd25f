"""Make the demo's clip: the astronaut portrait of scikit-image, moving, lit changingly, at times away.

Eileen Collins's portrait is NASA's and in the public domain; it travels inside the scikit-image wheel.
"""

import argparse
import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 640, 480
FPS = 15.0
AWAY = ((0.45, 0.55), (0.85, 0.92))
"""Parts of the clip with an empty chair."""


def make_clip(path: Path, *, seconds: float = 40.0, fps: float = FPS) -> int:
    """Write an MJPG AVI of 640x480 to `path` and return its number of frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (WIDTH, HEIGHT))
    if not video.isOpened():
        raise OSError(f"{path} cannot be written as an MJPG AVI")
    count = round(seconds * fps)
    bust, room = load_bust(), make_room()
    for index in range(count):
        video.write(draw_frame(bust, room, index / fps, is_away(index / count)))
    video.release()
    return count


def is_away(part: float) -> bool:
    """Whether the chair is empty at this part (0..1) of the clip."""
    return any(start <= part < end for start, end in AWAY)


def load_bust() -> NDArray[np.uint8]:
    """Return head and shoulders of the portrait, 300 x 300, BGR; the face is about 91 pixels wide."""
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[0:300, 75:375, ::-1])


def make_room() -> NDArray[np.uint8]:
    """Return a blurred, uneven wall, the same each time."""
    noise = np.random.default_rng(7).integers(60, 150, (HEIGHT // 16, WIDTH // 16, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def draw_frame(bust: NDArray[np.uint8], room: NDArray[np.uint8], at_s: float, away: bool) -> NDArray[np.uint8]:
    """Return the frame of `at_s` seconds, BGR."""
    frame = room.copy()
    if not away:
        side = round(300 * (1.25 + 0.35 * math.sin(at_s * 0.5)))
        left = round((WIDTH - side) / 2 + 90 * math.sin(at_s * 0.7))
        top = round(HEIGHT - side + 25 * (1 + math.sin(at_s * 1.1)))
        scaled = cv2.resize(bust, (side, side), interpolation=cv2.INTER_LINEAR)
        paste(frame, np.asarray(scaled, np.uint8), left, top)
    light = 0.9 + 0.3 * math.sin(at_s * 0.35)
    return np.asarray(cv2.convertScaleAbs(frame, alpha=light, beta=8 * math.sin(at_s * 2.3)), np.uint8)


def paste(frame: NDArray[np.uint8], picture: NDArray[np.uint8], left: int, top: int) -> None:
    """Lay `picture` over `frame` in place, cut at its edges."""
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + picture.shape[1], frame.shape[1]), min(top + picture.shape[0], frame.shape[0])
    frame[y0:y1, x0:x1] = picture[y0 - top : y1 - top, x0 - left : x1 - left]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--fps", type=float, default=FPS)
    options = parser.parse_args()
    count = make_clip(options.path, seconds=options.seconds, fps=options.fps)
    print(f"{options.path}: {count} frames of {WIDTH}x{HEIGHT} at {options.fps:g} a second")


if __name__ == "__main__":
    main()
