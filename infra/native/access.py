"""Runs `grafana.access` where a Grafana was started: organisations, data sources, dashboards and viewers."""

import os
import subprocess
import sys

from native.layout import ROOT, Layout
from native.parts import Part


def settings_for(grafana: Part, layout: Layout) -> dict[str, str]:
    """What the job is told: where a Grafana that runs finds things, and secrets that Grafana itself is not given."""
    names = ("GRAFANA_POSTGRES_HOST", "GRAFANA_POSTGRES_SSLMODE", "GRAFANA_DASHBOARDS")
    return {
        **{name: grafana.extra[name] for name in names},
        "GRAFANA_URL": f"http://127.0.0.1:{grafana.port}",
        "GRAFANA_HR_PASSWORD": layout.settings["GRAFANA_HR_DATABASE_PASSWORD"],
        "GRAFANA_SAFETY_PASSWORD": layout.settings["GRAFANA_SAFETY_DATABASE_PASSWORD"],
        "GRAFANA_ADMIN_PASSWORD": layout.settings["GRAFANA_ADMIN_PASSWORD"],
        "STRESSVISION_GRAFANA_PEOPLE": layout.settings.get("STRESSVISION_GRAFANA_PEOPLE", ""),
        "PYTHONPATH": str(ROOT / "infra"),
    }


def give_access(grafana: Part, layout: Layout) -> str:
    """Do it; return what it says. What fails here stops nothing else: the dashboards alone stay as they were."""
    done = subprocess.run(
        [sys.executable, "-m", "grafana.access"],
        env={**os.environ, **settings_for(grafana, layout)},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    return (done.stdout + done.stderr).strip()
