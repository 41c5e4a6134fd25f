"""What is counted of reports."""

from prometheus_client import Counter

MADE = Counter("stressvision_reports_made_total", "Reports made on schedule", ["kind"])
FAILURES = Counter("stressvision_reports_failed_total", "Reports that could not be made; tried again at the next turn")
