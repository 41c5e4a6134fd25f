"""What is counted of alerts to people. No label names a place, a person or a channel."""

from prometheus_client import Counter, Gauge, Histogram

RAISED = Counter(
    "stressvision_alerts_raised_total", "Alerts by whether people are told, and if not, why", ["why"]
)  # told, no_channel, late, cooldown, budget, quiet, break, no_consent, no_station
NOTIFICATIONS = Counter(
    "stressvision_alert_notifications_total", "Messages tried: sent, failed (tried again), gave_up", ["outcome"]
)
ESCALATED = Counter("stressvision_alerts_escalated_total", "Alerts that nobody acknowledged in time")
FORGOTTEN = Counter("stressvision_alerts_forgotten_total", "Alerts closed as unknown because nobody closed them")
NOTICE_SECONDS = Histogram(
    "stressvision_alert_notice_seconds",
    "From an episode's arrival to the message that went out",
    buckets=(0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 900),
)
FAILURES = Counter(
    "stressvision_alert_loop_failures_total", "Unexpected errors in the loop that raises alerts", ["why"]
)
TURNED = Gauge(
    "stressvision_alert_loop_last_turn_timestamp_seconds",
    "When new episodes were last looked for",
    multiprocess_mode="mostrecent",
)
