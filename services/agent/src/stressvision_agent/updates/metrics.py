"""Everything the updating side of the agent counts. No label names a device or a person."""

from prometheus_client import Counter, Gauge

UPDATES = Counter("stressvision_agent_updates_total", "Steps of a model on this device", ["state"])
UPDATE_FAILURES = Counter(
    "stressvision_agent_update_failures_total", "What kept a model from being fetched, used or kept", ["reason"]
)
DOWNLOADED_BYTES = Counter("stressvision_agent_update_downloaded_bytes_total", "Bytes of model files received")
RESUMED = Counter("stressvision_agent_update_resumed_total", "Downloads that went on where they had been cut off")
UNDER_WAY = Gauge("stressvision_agent_update_under_way", "1 while a model is being fetched, tried or proven")
FALLBACKS = Counter("stressvision_agent_update_fallbacks_total", "Kept models that could not be loaded at the start")
