"""Runs and models side by side, and beside what the documents claim."""
