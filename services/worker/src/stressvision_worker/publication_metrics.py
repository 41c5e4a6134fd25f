"""What publishing counts, and what is taken from dashboards that ask for too much."""

from prometheus_client import Counter, Gauge

DAYS = Counter("stressvision_publication_days_total", "Days of a site whose figures were published")
CELLS = Counter(
    "stressvision_publication_cells_total",
    "Groups of the days that were published, by grain and by what became of them",
    ["grain", "outcome"],
)  # shift, hour; shown, withheld
FAILURES = Counter("stressvision_publication_failures_total", "Days that could not be published this time")
CHANGED = Gauge(
    "stressvision_publication_changed_cells",
    "Groups whose rollup changed after publication (late events, edits); no figure shows it",
    multiprocess_mode="mostrecent",
)
ENDED = Counter(
    "stressvision_dashboard_sessions_ended_total", "Sessions of dashboards ended because a statement ran for too long"
)
