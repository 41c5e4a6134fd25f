"""The installed program from enrolment to rows in Postgres: a real process, real pictures, the real intake."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import httpx
import numpy as np
import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from stressvision_contracts.manifest import read_manifest
from stressvision_store.model_tables import ModelVersion
from stressvision_store.session import transaction
from support.intake import make_settings, new_code, serve_intake
from support.servers import free_port, wait_until

pytestmark = pytest.mark.e2e

PROGRAM = Path(sys.executable).with_name("stressvision-agent")
MODEL = Path(__file__).parents[2] / "models" / "stressvision"


@pytest.fixture
def intake(database, redis_url):
    manifest = read_manifest((MODEL / "manifest.json").read_bytes())
    with transaction(database.engine()) as session:
        session.add(ModelVersion(version=manifest.version, digest=manifest.digest, manifest={}))
    with serve_intake(make_settings(database, redis_url)) as client:
        yield str(client.base_url)


@pytest.fixture
def config(tmp_path, intake):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    noise = np.random.default_rng(1)
    for index in range(10):
        cv2.imwrite(str(pictures / f"{index}.png"), noise.integers(0, 255, (480, 640), np.uint8))
    path = tmp_path / "agent.toml"
    path.write_text(
        f'[server]\nurl = "{intake}"\n[device]\nstate_dir = "{tmp_path}/state"\n'
        f'[camera]\nsource = "dir:{pictures}"\nrepeat = true\n[vision]\nmodel = "{MODEL}"\n'
        "[episodes]\nwindow_s = 5\n[heartbeat]\ninterval_s = 1\n"
    )
    return path


def call(*words, check=True):
    done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=120, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture
def enrolled(config, database):
    done = call("enroll", "--config", config, "--code", new_code(database.engine()), "--json")
    assert json.loads(done.stdout)["device_id"] > 0
    return config


def test_a_code_may_come_by_standard_input(config, database):
    words = [PROGRAM, "enroll", "--config", config, "--code", "-", "--json"]
    code = f"{new_code(database.engine())}\n"
    done = subprocess.run(words, input=code, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["device_id"] > 0


def kinds(database):
    with psycopg.connect(database.url("owner")) as connection:
        rows = connection.execute("SELECT kind, seq, reason FROM events ORDER BY seq").fetchall()
        assert connection.execute("SELECT count(*) FROM dead_letters").fetchone() == (0,)
    return rows


def test_a_run_of_so_many_frames_sends_everything_before_it_ends(enrolled, database):
    done = call("run", "--config", enrolled, "--max-frames", 60, "--json")
    assert json.loads(done.stdout) == {"waiting": 0}
    sent = kinds(database)
    assert {kind for kind, *_ in sent} == {1}
    status = json.loads(call("spool", "--config", enrolled, "--json").stdout)
    assert (status["events"], status["next_seq"], status["settled"]) == (0, len(sent), len(sent))


def test_sigterm_closes_the_window_and_a_new_run_goes_on_counting(enrolled, database):
    for expected in (1, 2):
        agent = subprocess.Popen([PROGRAM, "run", "--config", enrolled], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        wait_until(lambda: heartbeats(database, "seeing", "no face"), "a heartbeat of a seeing agent")
        agent.send_signal(signal.SIGTERM)
        _, words = agent.communicate(timeout=30)
        assert agent.returncode == 0, words.decode()
        with psycopg.connect(database.url("owner"), autocommit=True) as connection:
            connection.execute("DELETE FROM device_states")
        assert len(kinds(database)) >= expected
    seqs = [seq for _, seq, _ in kinds(database)]
    assert seqs == list(range(len(seqs)))


def heartbeats(database, *states):
    with psycopg.connect(database.url("owner")) as connection:
        rows = connection.execute("SELECT report ->> 'state' FROM device_states").fetchall()
    return any(state in states for (state,) in rows)


def test_the_switch_at_the_station_is_recorded_as_paused_time(enrolled, database, tmp_path):
    (tmp_path / "state" / "paused").touch()
    agent = subprocess.Popen([PROGRAM, "run", "--config", enrolled], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    wait_until(lambda: heartbeats(database, "paused by worker"), "a heartbeat that says so")
    time.sleep(1.0)  # the first heartbeat goes out before seeing begins
    agent.send_signal(signal.SIGTERM)
    _, words = agent.communicate(timeout=30)
    assert agent.returncode == 0, words.decode()
    assert {(kind, reason) for kind, _, reason in kinds(database)} == {(3, 3)}


def test_doctor_finds_nothing_wrong_with_a_device_that_works(enrolled):
    call("run", "--config", enrolled, "--max-frames", 5)
    done = call("doctor", "--config", enrolled, "--json", check=False)
    report = json.loads(done.stdout)
    faults = {finding["check"]: finding["detail"] for finding in report["findings"] if not finding["ok"]}
    assert faults == {}
    assert done.returncode == 0
    assert report["settings"]["episodes"]["window_s"] == 5


def test_doctor_names_each_fault_on_a_line_and_fails(config, tmp_path):
    text = config.read_text().replace(str(MODEL), str(tmp_path)).replace("dir:", "dir:/nowhere")
    config.write_text(text.replace("repeat = true", "repeat = true\nwidth = 640"))
    done = call("doctor", "--config", config, check=False)
    assert done.returncode == 1
    faults = [line for line in done.stdout.splitlines() if line.startswith("FAULT")]
    assert {line.split()[1].rstrip(":") for line in faults} >= {"identity", "server", "model", "camera"}
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--config", "/nowhere/agent.toml"], "agent.example.toml"),
        (["enroll", "--code", "x", "--server", "http://10.1.2.3"], "unencrypted"),
        (["enroll", "--code", "x", "--config", "/nowhere/agent.toml"], "cannot be read"),
        (["classify", "/nowhere.png", "--model", "/nowhere/model"], "/nowhere"),
    ],
)
def test_faults_are_one_line_without_a_traceback(words, said):
    done = call(*words, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("stressvision-agent:")]) == 1


def test_run_without_enrolment_says_what_to_do(config):
    done = call("run", "--config", config, "--max-frames", 1, check=False)
    assert done.returncode == 1
    assert "stressvision-agent enroll" in done.stderr


def test_classify_prints_an_object_a_line(tmp_path):
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((100, 100), 128, np.uint8))
    done = call("classify", "--model", MODEL, "--crop", "--json", tmp_path / "a.png", tmp_path / "b.png")
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["file"] == str(tmp_path / "a.png")
    (face,) = second["faces"]
    assert face["box"] == [0, 0, 100, 100]
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert face["label"] == max(face["probabilities"], key=face["probabilities"].get)


def test_bench_measures_classifier_and_disk(config):
    figures = json.loads(call("bench", "--config", config, "--json", check=False).stdout)
    assert [figure["unit"] for figure in figures] == ["ms", "ms", "ms"]
    assert all(figure["figure"] > 0 for figure in figures)


def test_metrics_are_shown_on_loopback_without_people_or_devices(enrolled):
    port = free_port()
    enrolled.write_text(enrolled.read_text() + f"[metrics]\nport = {port}\n")
    agent = subprocess.Popen([PROGRAM, "run", "--config", enrolled], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        wait_until(lambda: answers(port), "metrics")
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.communicate(timeout=30)
    labels = {
        label
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if family.name.startswith("stressvision")
        for label in sample.labels
    }
    assert "stressvision_agent_spool_events" in text
    assert labels <= {"kind", "outcome", "verdict", "reason", "loop", "le", "component", "version", "condition"}


def answers(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics").is_success
    except httpx.HTTPError:
        return False
