"""What a trainer counts."""

from prometheus_client import Counter, Gauge

JOBS = Counter("stressvision_trainer_jobs_total", "Jobs let go of, by how", ["outcome"])
POLLS = Counter("stressvision_trainer_polls_total", "Times it asked for a job", ["outcome"])
HEARTBEATS = Counter("stressvision_trainer_heartbeats_total", "Times it told of its job", ["outcome"])
RETRIES = Counter("stressvision_trainer_retries_total", "Calls of the control API made again")
CHILD_RESTARTS = Counter("stressvision_trainer_fit_restarts_total", "Times fit died and went on from its checkpoint")
LINES_DROPPED = Counter("stressvision_trainer_log_lines_dropped_total", "Lines of a job's log that were not sent")
TRACKING_FAILURES = Counter(
    "stressvision_trainer_tracking_failures_total", "Times MLflow did not take what it was told"
)
FORGET_FAILURES = Counter(
    "stressvision_trainer_forget_failures_total", "Times pictures or runs of a job that is over could not be removed"
)
WORKING = Gauge("stressvision_trainer_working", "1 while it holds a job")
