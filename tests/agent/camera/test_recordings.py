"""A clip or a folder in the place of a camera."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from stressvision_agent.camera import SourceError, open_source
from stressvision_agent.camera.frames import fit
from support.pictures import clip_maker

SIZE = {"width": 640, "height": 480, "fps": 15}


def frames_of(source, timeout_s=5.0):
    taken = []
    while not source.finished:
        frame = source.read(timeout_s)
        if frame is not None:
            taken.append(frame)
    source.close()
    return taken


@pytest.fixture
def pictures(tmp_path):
    for index in range(5):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((480, 640), 40 * index, np.uint8))
    return tmp_path


def test_every_picture_of_a_folder_comes_in_order(pictures):
    taken = frames_of(open_source(f"dir:{pictures}", **SIZE, realtime=False))
    assert [int(frame.grey[0, 0]) for frame in taken] == [0, 40, 80, 120, 160]
    assert [frame.index for frame in taken] == [0, 1, 2, 3, 4]


def test_a_corrupt_picture_is_skipped(pictures):
    (pictures / "2.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    (pictures / "3.png").write_bytes(b"")
    taken = frames_of(open_source(f"dir:{pictures}", **SIZE, realtime=False))
    assert [int(frame.grey[0, 0]) for frame in taken] == [0, 40, 160]


def test_a_folder_of_corrupt_pictures_ends_even_in_a_loop(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"junk")
    assert frames_of(open_source(f"dir:{tmp_path}", **SIZE, realtime=False, loop=True)) == []


def test_a_folder_in_a_loop_begins_again(pictures):
    source = open_source(f"dir:{pictures}", **SIZE, realtime=False, loop=True)
    taken = [source.read(5.0) for _ in range(12)]
    source.close()
    assert [int(frame.grey[0, 0]) for frame in taken] == [0, 40, 80, 120, 160, 0, 40, 80, 120, 160, 0, 40]


def test_pictures_larger_than_the_frame_are_shrunk_in_shape(tmp_path):
    cv2.imwrite(str(tmp_path / "large.png"), np.zeros((1200, 1000, 3), np.uint8))
    (frame,) = frames_of(open_source(f"dir:{tmp_path}", **SIZE, realtime=False))
    assert frame.grey.shape == (480, 400)
    assert fit(np.zeros((100, 100), np.uint8), 640, 480).shape == (100, 100)


def test_every_frame_of_a_clip_comes(tmp_path):
    clip = tmp_path / "clip.avi"
    assert clip_maker().make_clip(clip, seconds=2) == 30
    taken = frames_of(open_source(f"file:{clip}", **SIZE, realtime=False))
    assert len(taken) == 30
    assert taken[0].grey.shape == (480, 640)
    assert taken[0].grey.dtype == np.uint8
    assert all(one.monotonic_s <= other.monotonic_s for one, other in pairwise(taken))


def test_a_clip_plays_at_its_own_speed(tmp_path):
    clip = tmp_path / "clip.avi"
    clip_maker().make_clip(clip, seconds=1)
    taken = frames_of(open_source(f"file:{clip}", **SIZE))
    assert taken[-1].monotonic_s - taken[0].monotonic_s == pytest.approx(14 / 15, abs=0.3)


def test_a_clip_in_a_loop_begins_again(tmp_path):
    clip = tmp_path / "clip.avi"
    clip_maker().make_clip(clip, seconds=1)
    source = open_source(f"file:{clip}", **SIZE, realtime=False, loop=True)
    taken = [source.read(5.0) for _ in range(35)]
    source.close()
    assert np.array_equal(taken[3].grey, taken[18].grey)


def test_a_file_that_is_no_video_is_named_when_read(tmp_path):
    wrong = tmp_path / "wrong.avi"
    wrong.write_bytes(b"no video at all" * 100)
    source = open_source(f"file:{wrong}", **SIZE)
    with pytest.raises(SourceError, match=r"wrong\.avi cannot be read as a video"):
        source.read(5.0)
    source.close()
