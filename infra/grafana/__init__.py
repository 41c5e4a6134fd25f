"""Grafana as files: data sources, dashboards, and the code the dashboards are generated with."""
