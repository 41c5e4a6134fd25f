"""Picture files as cameras and people leave them: read as they are seen, or refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from stressvision_training.data.faces import read_grey
from stressvision_training.data.refusals import SourceError
from support.faces import made_up_face

FACE = made_up_face(0, np.random.default_rng(5), side=80)


def _coded(kind: str) -> bytes:
    content = cv2.imencode(kind, FACE)[1].tobytes()
    if kind == ".jpg":  # with a preview in it, which has an end of its own
        return content[:2] + b"\xff\xe1\x00\x06\xff\xd9\xff\xd9" + content[2:]
    return content


@pytest.mark.parametrize("kind", [".jpg", ".png"])
def test_what_stands_behind_a_picture_does_not_matter(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"face{kind}"
    path.write_bytes(_coded(kind) + b"\xff\xda a film, as telephones put it there" + bytes(200))
    assert np.abs(read_grey(path).astype(int) - FACE).mean() < 5


@pytest.mark.parametrize("kind", [".jpg", ".png"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_picture_without_its_end_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    path, content = tmp_path / f"face{kind}", _coded(kind)
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SourceError, match="is cut off; copy it again"):
        read_grey(path)


def test_sixteen_bits_are_read_as_eight(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "deep.png"), FACE.astype(np.uint16) * 257)
    assert np.array_equal(read_grey(tmp_path / "deep.png"), FACE)


def test_a_picture_that_a_camera_turned_is_upright(tmp_path: Path) -> None:
    wide = np.zeros((40, 80), np.uint8)
    wide[:, :40] = 255
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6: a quarter right
    content = cv2.imencode(".jpg", wide)[1].tobytes()
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif
    (tmp_path / "turned.jpg").write_bytes(content[:2] + segment + content[2:])
    seen = read_grey(tmp_path / "turned.jpg")
    assert seen.shape == (80, 40)
    assert seen[:30].mean() > 250 > 5 > seen[50:].mean()


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xff\xd8\xff\xd9", b"hello"])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "no.jpg").write_bytes(content)
    with pytest.raises(SourceError, match="not a picture that OpenCV can read"):
        read_grey(tmp_path / "no.jpg")


def test_a_folder_and_a_link_to_nowhere_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    for name, says in (("folder.jpg", "not a picture but a folder"), ("link.jpg", "not a picture that can be read")):
        with pytest.raises(SourceError, match=says):
            read_grey(tmp_path / name)
