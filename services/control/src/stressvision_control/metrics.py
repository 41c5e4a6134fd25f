"""What this process counts."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter(
    "stressvision_control_requests_total", "Requests answered, by method and class of status", ["method", "status"]
)
REQUEST_SECONDS = Histogram(
    "stressvision_control_request_seconds",
    "From the first byte in to the last byte out",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
REFUSED_TOKENS = Counter("stressvision_control_refused_tokens_total", "Requests with no token that may be used")
THROTTLED = Counter("stressvision_control_throttled_total", "Requests refused because their caller made too many")
FAULTS = Counter("stressvision_control_faults_total", "Requests that ended in an error of ours")
WAKE_UPS = Counter(
    "stressvision_control_wake_ups_total", "Wake-ups of the worker after a change, by outcome", ["outcome"]
)
