"""Who may see what in Grafana, as code: `python -m grafana.access`, with `infra` on the path."""
