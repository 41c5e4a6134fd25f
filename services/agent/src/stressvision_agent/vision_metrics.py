"""Everything the seeing side of the agent counts. No label names a device or a person."""

from prometheus_client import Counter, Gauge, Histogram

FRAMES = Counter("stressvision_agent_frames_total", "Frames looked at")
FACES = Counter("stressvision_agent_faces_total", "Frames with a usable face")
FRAMES_DROPPED = Counter(
    "stressvision_agent_frames_dropped_total", "Frames never looked at: a newer one came, or it was corrupt", ["reason"]
)
UNUSABLE_FACES = Counter("stressvision_agent_unusable_faces_total", "Faces too small, blurred, dark or cut to judge")
INFERENCE_SECONDS = Histogram(
    "stressvision_agent_inference_seconds",
    "Crop and classification of one face",
    buckets=(0.0005, 0.001, 0.002, 0.003, 0.004, 0.006, 0.01, 0.02, 0.05, 0.1, 0.5),
)
DETECTOR_SECONDS = Histogram(
    "stressvision_agent_detector_seconds",
    "Finding or following the face in one frame",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.5, 1.0),
)
BAD_OUTPUTS = Counter("stressvision_agent_bad_outputs_total", "Outputs of the model that are no probabilities")
CAMERA_STALLS = Counter("stressvision_agent_camera_stalls_total", "Times the source failed or stopped giving frames")
CAMERA_RESTARTS = Counter("stressvision_agent_camera_restarts_total", "Times the source was opened again")
CAPTURE_THREADS_LEFT = Gauge(
    "stressvision_agent_capture_threads_left", "Capture threads that hang in a driver and were left behind"
)
WINDOWS = Counter("stressvision_agent_windows_total", "Windows recorded")
EPISODES = Counter("stressvision_agent_episodes_total", "Episodes opened", ["condition"])
GAPS = Counter("stressvision_agent_gaps_total", "Stretches of time not observed", ["reason"])
PIPELINE_FAILURES = Counter("stressvision_agent_pipeline_failures_total", "Unexpected errors in the seeing loop")
