"""What can be named as a source of frames."""

import pytest

from stressvision_agent.camera import SourceError, check_source, open_source

SIZE = {"width": 640, "height": 480, "fps": 15}


@pytest.mark.parametrize(
    "spec", ["", "webcam", "v4l2", "v4l2:", "v4l2:x", "v4l2:-1", "picamera2:0", "file", "rtsp://x"]
)
def test_an_unknown_source_is_refused_with_what_there_is(spec):
    with pytest.raises(SourceError):
        check_source(spec)


@pytest.mark.parametrize(
    ("spec", "says"), [("file:/nowhere.avi", "no file '/nowhere.avi'"), ("dir:/nowhere", "no folder '/nowhere'")]
)
def test_a_missing_path_is_named(spec, says):
    with pytest.raises(SourceError, match=says):
        open_source(spec, **SIZE)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(SourceError, match="holds no picture"):
        open_source(f"dir:{tmp_path}", **SIZE)


@pytest.mark.parametrize("spec", ["picamera2", "v4l2:0", "v4l2:/dev/v4l/by-id/usb-cam"])
def test_cameras_are_not_opened_to_check_their_name(spec):
    check_source(spec)
