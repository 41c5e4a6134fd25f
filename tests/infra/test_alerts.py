"""Every alert rings when it should, is silent when all is well, and has its page."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from native.layout import ROOT
from support.grafana import dashboards, panels
from support.metric_names import exposed, named_in

needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool on this machine")

FOLDER = ROOT / "infra" / "prometheus"
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text())
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()
HOURS = 13
LAST = f"x{HOURS * 60 + 1}"

WELL = {
    'up{job="ingest"}': f"1+0{LAST}",
    "stressvision_beat_last_tick_timestamp_seconds": f"0+60{LAST}",
    "stressvision_gauges_refreshed_timestamp_seconds": f"0+60{LAST}",
    "stressvision_control_faults_total": f"3+0{LAST}",
    'stressvision_ingest_problems_total{status="401"}': f"0+5{LAST}",
    "stressvision_ingest_batch_duration_seconds_count": f"0+600{LAST}",
    "stressvision_ingest_queue_age_seconds": f"0.2+0{LAST}",
    'stressvision_ingest_rejected_events_total{reason="bad_time"}': f"7+0{LAST}",
    "stressvision_ingest_conflicts_total": f"2+0{LAST}",
    "stressvision_oldest_dirty_window_age_seconds": f"1+0{LAST}",
    'stressvision_rollups_drain_failures_total{why="data"}': f"2+0{LAST}",
    'stressvision_rollups_drain_failures_total{why="busy"}': f"2+4{LAST}",
    "stressvision_worker_self_exits_total": f"1+0{LAST}",
    "stressvision_unaccounted_events": f"0+0{LAST}",
    'stressvision_agents{state="online"}': f"60+0{LAST}",
    'stressvision_agents{state="stale"}': f"3+0{LAST}",
    'stressvision_agents{state="never_seen"}': f"30+0{LAST}",
    "stressvision_devices_cloned": f"0+0{LAST}",
    'stressvision_rollouts_halts_total{why="failed"}': f"1+0{LAST}",
    'stressvision_rollouts_halts_total{why="operator"}': f"0+1{LAST}",
    'stressvision_rollouts{state="paused"}': f"0+0{LAST}",
    'stressvision_models_metadata_expires_timestamp_seconds{kind="timestamp"}': f"70000+60{LAST}",
    'stressvision_models_metadata_expires_timestamp_seconds{kind="snapshot"}': f"500000+0{LAST}",
    'stressvision_models_metadata_expires_timestamp_seconds{kind="root"}': f"9000000+0{LAST}",
    'stressvision_models_metadata_expires_timestamp_seconds{kind="targets"}': f"9000000+0{LAST}",
    'stressvision_alert_notifications_total{outcome="gave_up"}': f"4+0{LAST}",
    'stressvision_alert_notifications_total{outcome="failed"}': f"0+1{LAST}",
    "stressvision_alert_loop_last_turn_timestamp_seconds": f"0+60{LAST}",
    "stressvision_alerts_forgotten_total": f"1+0{LAST}",
    "stressvision_reports_failed_total": f"2+0{LAST}",
    "stressvision_publication_failures_total": f"3+0{LAST}",
    "stressvision_dashboard_sessions_ended_total": f"2+0{LAST}",
    "stressvision_default_partition_events": f"0+0{LAST}",
    "stressvision_training_oldest_waiting_seconds": f"60+0{LAST}",
    'stressvision_training_jobs{state="failed"}': f"0+0{LAST}",
    'stressvision_worker_tasks_total{task="partitions.ensure",outcome="done"}': f"0+1{LAST}",
    'stressvision_worker_tasks_total{task="retention.apply",outcome="done"}': f"0+1{LAST}",
}

TROUBLE: dict[str, dict[str, str]] = {
    "ServiceDown": {'up{job="ingest"}': f"0+0{LAST}"},
    "BeatSilent": {"stressvision_beat_last_tick_timestamp_seconds": f"0+0{LAST}"},
    "ControlFaults": {"stressvision_control_faults_total": f"3+1{LAST}"},
    "IngestRefuses": {'stressvision_ingest_problems_total{status="503"}': f"0+60{LAST}"},
    "IntakeQueueOld": {"stressvision_ingest_queue_age_seconds": f"1.5+0{LAST}"},
    "DeadLettersRise": {'stressvision_ingest_rejected_events_total{reason="bad_time"}': f"7+1{LAST}"},
    "EventConflict": {"stressvision_ingest_conflicts_total": f"2+1{LAST}"},
    "RollupsLate": {"stressvision_oldest_dirty_window_age_seconds": f"0+60{LAST}"},
    "RollupsFail": {'stressvision_rollups_drain_failures_total{why="data"}': f"2+1{LAST}"},
    "WorkerStuck": {"stressvision_worker_self_exits_total": f"1+1{LAST}"},
    "GaugesOld": {"stressvision_gauges_refreshed_timestamp_seconds": f"0+0{LAST}"},
    "EventsUnaccounted": {"stressvision_unaccounted_events": f"4+0{LAST}"},
    "AuditBroken": {"stressvision_audit_broken_place": f"17+0{LAST}"},
    "AgentsSilent": {'stressvision_agents{state="stale"}': f"8+0{LAST}"},
    "KeyInUseTwice": {"stressvision_devices_cloned": f"1+0{LAST}"},
    "RolloutHalted": {'stressvision_rollouts_halts_total{why="failed"}': f"1+1{LAST}"},
    "RolloutWaits": {'stressvision_rollouts{state="paused"}': f"1+0{LAST}"},
    "SignaturesEnd": {'stressvision_models_metadata_expires_timestamp_seconds{kind="timestamp"}': f"70000+0{LAST}"},
    "NobodyTold": {'stressvision_alert_notifications_total{outcome="gave_up"}': f"4+1{LAST}"},
    "AlertsStandStill": {"stressvision_alert_loop_last_turn_timestamp_seconds": f"0+0{LAST}"},
    "AlertsUnanswered": {"stressvision_alerts_forgotten_total": f"1+1{LAST}"},
    "ReportsFail": {"stressvision_reports_failed_total": f"2+1{LAST}"},
    "FiguresNotPublished": {"stressvision_publication_failures_total": f"3+1{LAST}"},
    "StatementsCutOff": {"stressvision_dashboard_sessions_ended_total": f"2+1{LAST}"},
    "TrainingWaits": {"stressvision_training_oldest_waiting_seconds": f"0+60{LAST}"},
    "TrainingFailed": {'stressvision_training_jobs{state="failed"}': f"1+0{LAST}"},
    "DefaultPartitionFills": {"stressvision_default_partition_events": f"1+0{LAST}"},
    "PartitionsNotMade": {
        'stressvision_worker_tasks_total{task="partitions.ensure",outcome="done"}': f"5+0{LAST}",
        'stressvision_worker_tasks_total{task="partitions.ensure",outcome="failed"}': f"0+1{LAST}",
    },
    "RetentionLate": {'stressvision_worker_tasks_total{task="retention.apply",outcome="done"}': f"_{LAST}"},
    "TooManySeries": {f'stressvision_agents{{device="{number}"}}': "0+0x200" for number in range(2001)},
}


def case(trouble: dict[str, str], ringing: set[str], hours: int = HOURS) -> dict[str, Any]:
    series = [{"series": name, "values": values} for name, values in (WELL | trouble).items()]
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(ringing)]
    question = 'count by (alertname) (ALERTS{alertstate="firing"})'
    test = {"expr": question, "eval_time": f"{hours}h", "exp_samples": samples}
    return {"interval": "1m", "input_series": series, "promql_expr_test": [test]}


def rehearse(folder: Path, tests: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    path = folder / "rehearsal.yml"
    path.write_text(
        yaml.safe_dump({"rule_files": [str(FOLDER / "alerts.yml")], "evaluation_interval": "5m", "tests": tests})
    )
    return subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)


@needs_promtool
def test_all_is_silent_when_all_is_well(tmp_path: Path) -> None:
    done = rehearse(tmp_path, [case({}, set())])

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_rehearsal() -> None:
    assert set(TROUBLE) == set(ALERTS)


@needs_promtool
@pytest.mark.parametrize("alert", TROUBLE)
def test_an_alert_rings_alone(alert: str, tmp_path: Path) -> None:
    done = rehearse(tmp_path, [case(TROUBLE[alert], {alert}, 3 if alert == "TooManySeries" else HOURS)])

    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("name", ["prometheus.yml", "compose.yml"])
def test_promtool_accepts_the_settings(name: str) -> None:
    done = subprocess.run(
        ["promtool", "check", "config", str(FOLDER / name)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_containers_are_scraped_like_one_host() -> None:
    host, containers = (yaml.safe_load((FOLDER / name).read_text()) for name in ("prometheus.yml", "compose.yml"))
    for settings in (host, containers):
        (manager,) = settings.pop("alerting")["alertmanagers"]
        assert [target.rpartition(":")[2] for target in manager["static_configs"][0]["targets"]] == ["9093"]
    for jobs in (host, containers):
        for job in jobs["scrape_configs"]:
            (static,) = job["static_configs"]
            (target,) = static["targets"]
            static["targets"] = [target.rpartition(":")[2]]

    assert host == containers


def test_every_alert_names_a_page_that_exists() -> None:
    headings = {heading.lower() for heading in re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE)}

    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks.md#{name.lower()}"
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"]
    assert headings == {name.lower() for name in ALERTS}


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_leads_to_a_panel_that_shows_it(alert: str) -> None:
    rule = ALERTS[alert]
    link = re.fullmatch(r"/d/([a-z-]+)\?viewPanel=(\d+)", rule["annotations"]["dashboard"])
    assert link is not None
    (panel,) = [
        panel
        for board in dashboards().values()
        if board["uid"] == link[1]
        for panel in panels(board)
        if panel["id"] == int(link[2])
    ]
    asked = " ".join(target.get("expr", "") for target in panel["targets"])

    same = [part for part in ("up == 0", '{__name__=~"stressvision_.+"}') if part in asked and part in rule["expr"]]
    assert named_in(asked) & named_in(rule["expr"]) or same or "rawSql" in panel["targets"][0]


@pytest.mark.parametrize("alert", ALERTS)
def test_every_metric_named_is_one_that_our_processes_show(alert: str) -> None:
    unknown = named_in(ALERTS[alert]["expr"]) - exposed() - {"stressvision_"}

    assert not unknown
