"""Where frames come from: a Pi camera, a V4L2 camera, a video file or a folder of pictures."""

from stressvision_agent.camera.frames import CameraError, Frame, FrameSource, SourceError
from stressvision_agent.camera.sources import check_source, open_source

__all__ = ["CameraError", "Frame", "FrameSource", "SourceError", "check_source", "open_source"]
