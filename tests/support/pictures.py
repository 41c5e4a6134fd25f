"""Pictures with one face made from the astronaut portrait, by the maker of the demo's clip."""

import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]


@cache
def clip_maker() -> ModuleType:
    spec = spec_from_file_location("demo_clip", ROOT / "infra/demo/clip.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["demo_clip"] = module
    spec.loader.exec_module(module)
    return module


@cache
def _parts() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return clip_maker().load_bust(), clip_maker().make_room()


def room() -> NDArray[np.uint8]:
    """An empty chair, grey, 480 x 640."""
    return cv2.cvtColor(_parts()[1], cv2.COLOR_BGR2GRAY)


def portrait(scale: float = 1.2, left: int = 170, top: int = 100) -> NDArray[np.uint8]:
    """The astronaut before that chair, grey, 480 x 640; her face is about 91 * `scale` pixels wide."""
    bust, back = _parts()
    frame = back.copy()
    side = round(300 * scale)
    clip_maker().paste(frame, cv2.resize(bust, (side, side), interpolation=cv2.INTER_AREA), left, top)
    return cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
