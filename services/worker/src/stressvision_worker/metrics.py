"""Everything that the worker counts. Its processes share one folder of counters, so that a killed one
loses none; hence the mode of each gauge.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

TASKS = Counter("stressvision_worker_tasks_total", "Tasks ended, by outcome", ["task", "outcome"])
TASK_SECONDS = Histogram(
    "stressvision_worker_task_duration_seconds",
    "From a task's start to its end",
    ["task"],
    buckets=(0.01, 0.05, 0.25, 0.5, 1, 5, 30, 120),
)
PROGRESS = Gauge(
    "stressvision_worker_last_progress_timestamp_seconds",
    "When a task last ended well",
    multiprocess_mode="mostrecent",
)
FORGOTTEN_HINTS = Counter(
    "stressvision_worker_forgotten_hints_total", "Messages from before the start, thrown away unread"
)
SELF_EXITS = Counter("stressvision_worker_self_exits_total", "Times the worker ended itself because it was stuck")
WATCH_FAILURES = Counter("stressvision_worker_watch_failures_total", "Times the watch could not look at the database")

MARKS = Counter("stressvision_rollups_marks_total", "Marks worked off")
BUCKETS = Counter("stressvision_rollups_buckets_total", "Five minutes of a device recomputed")
BEYOND = Counter(
    "stressvision_rollups_beyond_raw_total", "Marks for five minutes whose raw events are gone; the rollup stands"
)
DRAIN_SECONDS = Histogram(
    "stressvision_rollups_drain_duration_seconds",
    "One transaction that brings rollups up to date",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
WAIT_SECONDS = Histogram(
    "stressvision_rollups_visible_after_seconds",
    "From the oldest mark of a drain to its commit",
    buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 1, 2.5, 5, 15, 30, 60, 300, 3600),
)
DRAIN_FAILURES = Counter(
    "stressvision_rollups_drain_failures_total", "Drains given up; their marks are back", ["why"]
)  # database, busy, data
PUT_LAST = Counter("stressvision_rollups_marks_put_last_total", "Marks that failed alone and went to the queue's end")
FINALISED = Counter("stressvision_rollups_finalised_total", "Shifts and areas made final")
WAKE_KEY_FAILURES = Counter("stressvision_rollups_wake_key_failures_total", "Times the wake-up's key was out of reach")
FOLDED = Counter("stressvision_accounts_folded_total", "Tallies folded into the devices' accounts")
PARTITIONS_MADE = Counter("stressvision_partitions_made_total", "Daily partitions made")
DROPPED = Counter("stressvision_retention_dropped_total", "Rows dropped because of their age", ["kind"])
ERASED_EVENTS = Counter("stressvision_erased_events_total", "Events that came late for erased time, and went again")
ERASED_LETTERS = Counter(
    "stressvision_erased_dead_letters_total", "Dead letters that came late about erased time, and went again"
)

TRAINING_QUEUED = Counter(
    "stressvision_training_queued_total", "Training jobs that nobody asked for, by their cause", ["why"]
)  # schedule, pictures, drift
MODELS_RENEWED = Counter(
    "stressvision_models_renewed_total", "Metadata of the model repository that was signed anew", ["kind"]
)  # snapshot, timestamp

_NEWEST: Final = "mostrecent"
MODELS_EXPIRE = Gauge(
    "stressvision_models_metadata_expires_timestamp_seconds",
    "When the metadata of the model repository ends; devices refuse it from then on",
    ["kind"],
    multiprocess_mode=_NEWEST,
)  # root, targets, snapshot, timestamp
TRAINING_JOBS = Gauge(
    "stressvision_training_jobs",
    "Training jobs that are open, or ended within a day, by state",
    ["state"],
    multiprocess_mode=_NEWEST,
)
TRAINING_WAITING = Gauge(
    "stressvision_training_oldest_waiting_seconds",
    "How long the oldest training job has waited for a trainer; 0 without one",
    multiprocess_mode=_NEWEST,
)
DIRTY = Gauge("stressvision_dirty_windows", "Marks that wait to be worked off", multiprocess_mode=_NEWEST)
DIRTY_AGE = Gauge(
    "stressvision_oldest_dirty_window_age_seconds", "Age of the oldest mark; 0 without one", multiprocess_mode=_NEWEST
)
DEAD_LETTERS = Gauge("stressvision_dead_letters", "Refused events that were not sent again", multiprocess_mode=_NEWEST)
AGENTS = Gauge("stressvision_agents", "Devices, by how they are", ["state"], multiprocess_mode=_NEWEST)
CLONED = Gauge("stressvision_devices_cloned", "Devices whose key is in use twice; must be 0", multiprocess_mode=_NEWEST)
ROLLOUT_HALTS = Counter("stressvision_rollouts_halts_total", "Rollouts that went back, by what was wrong", ["why"])
ROLLOUTS = Gauge("stressvision_rollouts", "Rollouts, by state", ["state"], multiprocess_mode=_NEWEST)
ROLLOUT_DEVICES = Gauge(
    "stressvision_rollout_devices",
    "Devices of the newest rollout that was started",
    ["state"],
    multiprocess_mode=_NEWEST,
)
INFERENCE = Gauge(
    "stressvision_fleet_inference_p95_seconds",
    "95th percentile of the time for a face, of the middle device and of the slowest, by heartbeats of a day",
    ["kind"],
    multiprocess_mode=_NEWEST,
)  # median, slowest
BAD_OUTPUTS = Gauge(
    "stressvision_fleet_bad_outputs",
    "Answers that were no probabilities, since each device loaded its model, by heartbeats of a day",
    multiprocess_mode=_NEWEST,
)
SPOOL_AGE = Gauge(
    "stressvision_fleet_oldest_spooled_seconds",
    "How long the oldest event has waited on a device, by heartbeats of a day",
    multiprocess_mode=_NEWEST,
)
UNACCOUNTED = Gauge(
    "stressvision_unaccounted_events",
    "Events that devices made and nobody stored, refused, reported lost or still holds; must be 0",
    multiprocess_mode=_NEWEST,
)
AUDIT_BROKEN = Gauge(
    "stressvision_audit_broken_place",
    "First place in the audit's chain that does not fit; must be 0",
    multiprocess_mode=_NEWEST,
)
STRAYS = Gauge(
    "stressvision_default_partition_events", "Raw events outside every daily partition", multiprocess_mode=_NEWEST
)
REFRESHED = Gauge(
    "stressvision_gauges_refreshed_timestamp_seconds", "When the gauges above were read", multiprocess_mode=_NEWEST
)
