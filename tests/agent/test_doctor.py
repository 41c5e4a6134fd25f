"""Doctor beside a running agent: a camera can have one user, so the agent's own word counts."""

import pytest

from stressvision_agent.doctor import examine
from stressvision_agent.settings import CameraSettings, DeviceSettings, ServerSettings, Settings


@pytest.fixture
def systemd_says(tmp_path, monkeypatch):
    """A `systemctl` on PATH that shows what the test wants."""

    def says(state, status):
        program = tmp_path / "systemctl"
        program.write_text(f"#!/bin/sh\necho 'ActiveState={state}'\necho 'StatusText={status}'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    return says


def camera_of(tmp_path, source="v4l2:99"):
    settings = Settings(
        server=ServerSettings(url="http://127.0.0.1:9"),
        device=DeviceSettings(state_dir=tmp_path),
        camera=CameraSettings(source=source),
    )
    (finding,) = [finding for finding in examine(settings) if finding.check == "camera"]
    return finding


@pytest.mark.parametrize("status", ["seeing, 14.9 frames/s", "no face, 15.0 frames/s", "paused, 0.0 frames/s"])
def test_a_camera_that_the_agent_sees_with_is_well(tmp_path, systemd_says, status):
    systemd_says("active", status)
    assert camera_of(tmp_path).ok
    assert status in camera_of(tmp_path).detail


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("camera stalled, 0.0 frames/s", "check its cable"),
        ("camera stuck, 0.0 frames/s", "check its cable"),
        ("starting, 0.0 frames/s", "ask again"),
        ("", "ask again"),
    ],
)
def test_a_camera_that_gives_the_agent_nothing_is_a_fault(tmp_path, systemd_says, status, said):
    systemd_says("active", status)
    finding = camera_of(tmp_path)
    assert not finding.ok
    assert said in finding.detail


def test_a_camera_that_nobody_has_is_opened(tmp_path, systemd_says):
    systemd_says("inactive", "")
    finding = camera_of(tmp_path)
    assert not finding.ok
    assert "/dev/video99" in finding.detail


def test_a_recording_is_opened_whoever_else_has_it(tmp_path, systemd_says):
    systemd_says("active", "seeing, 15.0 frames/s")
    assert "there is no file" in camera_of(tmp_path, "file:/nowhere.avi").detail
