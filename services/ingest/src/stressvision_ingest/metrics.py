"""Everything that the intake counts."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter(
    "stressvision_ingest_events_total", "Events answered, by what became of them", ["verdict"]
)  # stored, duplicate, rejected
REJECTED = Counter("stressvision_ingest_rejected_events_total", "Events refused into the dead letters", ["reason"])
CONFLICTS = Counter(
    "stressvision_ingest_conflicts_total",
    "Events whose id is stored with other content: two devices share a spool, or one lies",
)
PROBLEMS = Counter("stressvision_ingest_problems_total", "Requests refused as a whole", ["status"])
REQUEST_SECONDS = Histogram(
    "stressvision_ingest_batch_duration_seconds",
    "From the first byte of a batch to its receipt",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
FLUSH_SECONDS = Histogram(
    "stressvision_ingest_flush_duration_seconds",
    "One statement that stores events, commit included",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
FLUSH_ROWS = Histogram(
    "stressvision_ingest_flush_events",
    "Events stored in one statement",
    buckets=(1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500),
)
FLUSH_RETRIES = Counter(
    "stressvision_ingest_flush_retries_total", "Statements tried again", ["why"]
)  # deadlock, split, replay
FLUSH_FAILURES = Counter(
    "stressvision_ingest_flush_failures_total", "Statements given up; their devices were told to come again", ["why"]
)  # connection, timeout, database
REPLAYED = Counter(
    "stressvision_ingest_replayed_letters_total", "Dead letters sent again, by what became of them", ["outcome"]
)  # stored, duplicate, rejected
REPLAY_FAILURES = Counter("stressvision_ingest_replay_failures_total", "Times when letters could not be sent again")
CONNECT_FAILURES = Counter("stressvision_ingest_connect_failures_total", "Tries to reach the database that failed")
QUEUED = Gauge("stressvision_ingest_queued_events", "Events that wait to be stored")
QUEUE_AGE = Gauge("stressvision_ingest_queue_age_seconds", "How long the oldest waiting event has waited")
WRITERS = Gauge("stressvision_ingest_writers", "Connections ready to store events")
REPAIRED = Counter("stressvision_ingest_repaired_clocks_total", "Batches in which a time of the device was put right")
TOKENS = Counter("stressvision_ingest_tokens_total", "Access tokens asked for", ["outcome"])  # given, refused, clock
KEY_CHANGES = Counter(
    "stressvision_ingest_key_changes_total", "New keys that devices asked to be known by", ["outcome"]
)  # changed, known, refused
ENROLMENTS = Counter(
    "stressvision_ingest_enrolments_total", "Devices that asked to join", ["outcome"]
)  # joined, refused, limited
MODEL_REQUESTS = Counter(
    "stressvision_ingest_model_requests_total", "Requests for metadata and model files", ["kind", "status"]
)  # metadata, target; 2xx, 3xx, 4xx, 5xx
MODEL_BYTES = Counter("stressvision_ingest_model_bytes_total", "Bytes of metadata and model files that were sent")
HEARTBEATS = Counter("stressvision_ingest_heartbeats_total", "Heartbeats taken")
WAKE_UPS = Counter(
    "stressvision_ingest_wake_ups_total", "Tries to wake the workers after a flush", ["outcome"]
)  # sent, awake, failed
ROSTER_FAILURES = Counter(
    "stressvision_ingest_roster_failures_total", "Times that what is known of devices could not be read"
)
ROSTER_AGE = Gauge("stressvision_ingest_roster_loaded_timestamp_seconds", "When what is known of devices was last read")
