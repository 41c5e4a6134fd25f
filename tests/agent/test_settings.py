"""`agent.toml`: what is not understood stops the agent with the file, the key and what is allowed."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from stressvision_agent.example import render
from stressvision_agent.settings import Settings, SettingsError, check_url, load_settings

EXAMPLE = Path(__file__).parents[2] / "services" / "agent" / "agent.example.toml"
SERVER = '[server]\nurl = "https://stressvision.example"\n'


def load(tmp_path, text):
    path = tmp_path / "agent.toml"
    path.write_text(text)
    return load_settings(path)


def test_the_address_is_enough(tmp_path):
    settings = load(tmp_path, SERVER)
    assert settings.server.url == "https://stressvision.example"
    assert settings.heartbeat.interval_s == 30
    assert settings.key_file == settings.device.state_dir / "device.key"


def test_values_are_read_with_their_types(tmp_path):
    text = SERVER + '[device]\nstate_dir = "/tmp/x"\n[spool]\nlive_s = 5\n[camera]\nsource = "v4l2:0"\nwidth = 320\n'
    settings = load(tmp_path, text)
    assert settings.spool_dir == Path("/tmp/x/spool")
    assert settings.spool.live_s == 5.0
    assert settings.camera.width == 320


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["missing key server.url"]),
        (SERVER + "[spool]\nmax_mb = 5\n", ["unknown key spool.max_mb", "max_bytes", "live_s"]),
        (SERVER + "[spol]\n", ["unknown key spol", "spool", "camera"]),
        (SERVER + "[upload]\ncompression = 'lzma'\n", ["upload.compression", "'zstd', 'gzip', 'none'"]),
        (SERVER + "[upload]\nmax_events = 5000\n", ["upload.max_events = 5000", "from 1 to 1000"]),
        (SERVER + "[upload]\nmax_events = true\n", ["upload.max_events", "a whole number"]),
        (SERVER + "[heartbeat]\ninterval_s = '30'\n", ["heartbeat.interval_s", "a number"]),
        (SERVER + "[heartbeat]\ninterval_s = nan\n", ["heartbeat.interval_s", "from 0.1"]),
        (SERVER + "[device]\nstate_dir = 5\n", ["device.state_dir", "a path"]),
        (SERVER + "device = 5\n", ["unknown key server.device"]),
        ("device = 5\n" + SERVER, ["device must be a table"]),
        ("[server]\nurl = 5\n", ["server.url = 5", "a text"]),
        ("[server\n", ["is no TOML"]),
        ("[server]\nurl = 'stressvision.example'\n", ["server.url", "no address like https"]),
        ("[server]\nurl = 'https://stressvision.example:99999'\n", ["server.url", "no address like https"]),
        ("[server]\nurl = 'https://[::1'\n", ["server.url", "no address like https"]),
        (SERVER + "proxy = 'proxy.example:3128'\n", ["server.proxy", "no address like https"]),
        ("[server]\nurl = 'http://10.0.0.5'\n", ["unencrypted", "allow_plain_http = true"]),
    ],
)
def test_what_is_wrong_is_said_with_file_key_and_what_is_allowed(tmp_path, text, words):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    for word in [str(tmp_path / "agent.toml"), *words]:
        assert word in str(caught.value)


def test_a_missing_file_says_where_to_begin(tmp_path):
    with pytest.raises(SettingsError, match=r"agent\.example\.toml"):
        load_settings(tmp_path / "nothing.toml")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.3.2.1"])
def test_plain_http_to_this_machine_is_fine(host):
    check_url(f"http://{host}:8000", allow_plain_http=False, where="here")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1.evil.example", "http://localhost.example", "http://10.0.0.1", "ftp://x"]
)
def test_plain_http_elsewhere_is_refused(url):
    with pytest.raises(SettingsError):
        check_url(url, allow_plain_http=False, where="here")


def test_plain_http_can_be_allowed_in_so_many_words(tmp_path):
    text = "[server]\nurl = 'http://10.0.0.5:8000'\nallow_plain_http = true\n"
    assert load(tmp_path, text).server.allow_plain_http


def test_the_example_is_up_to_date_and_shows_every_setting():
    text = EXAMPLE.read_text()
    assert text == render(), "run: python -m stressvision_agent.example > services/agent/agent.example.toml"
    uncommented = re.sub(r"^#(\w+ = )", r"\1", text, flags=re.MULTILINE)
    shown = tomllib.loads(uncommented)
    assert {name: set(table) for name, table in shown.items()} == {
        name: {item.name for item in fields(kind)} for name, kind in get_type_hints(Settings).items()
    }


def test_the_example_uncommented_is_what_holds_anyway(tmp_path):
    uncommented = re.sub(r"^#(\w+ = )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)
    shown, plain = load(tmp_path, uncommented), load_settings(EXAMPLE)
    for name in ("server", "camera", "episodes", "spool", "upload", "heartbeat", "metrics"):
        assert getattr(shown, name) == getattr(plain, name)


def test_the_example_loads_as_it_is(tmp_path):
    assert load_settings(EXAMPLE).server.url.startswith("https://")
