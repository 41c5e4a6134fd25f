"""Claims training jobs, runs them, and publishes their models."""
