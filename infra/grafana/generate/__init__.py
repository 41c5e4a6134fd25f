"""Makes the dashboards: `python -m grafana.generate` writes them, with `infra` on the path."""
