"""Datasets, architectures, fit, evaluate, export, benchmark."""
