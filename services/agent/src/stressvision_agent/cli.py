"""`stressvision-agent`: join, run, look. Every fault is one line that says what to do; `--json` is for programs."""

import dataclasses
import json
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from stressvision_agent.console import fail, said_plainly, show
from stressvision_agent.core_dumps import forbid_core_dumps
from stressvision_agent.enrolment import join
from stressvision_agent.settings import ServerSettings, Settings, SettingsError, check_url, load_settings
from stressvision_agent.spool import DATABASE, Spool
from stressvision_agent.spool_status import read_status
from stressvision_telemetry.logs import configure_logs

app = typer.Typer(
    help="Watches one workstation: sees apparent expressions, keeps no picture, sends events.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

CONFIG_VARIABLE = "STRESSVISION_AGENT_CONFIG"
DEFAULT_CONFIG = Path("/etc/stressvision/agent.toml")

DelegateOption = Annotated[
    Path | None,
    typer.Option("--delegate", help="Library of an accelerator, as libedgetpu.so.1; untried on a real one."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar=CONFIG_VARIABLE, help=f"Settings; {DEFAULT_CONFIG} if not given."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def enroll(
    code: Annotated[
        str, typer.Option("--code", help="The code an operator made for this device; - reads it from stdin.")
    ],
    server: Annotated[
        str | None, typer.Option("--server", help="Address of the device API; else the settings'.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key, join with a code, remember the device's number."""
    with said_plainly():
        settings = _settings_for_joining(config, server)
        # a command line is for everybody on the machine to see
        enrolled = join(settings, sys.stdin.readline().strip() if code == "-" else code)
        facts = {
            "device_id": enrolled.device_id,
            "server": enrolled.server,
            "key_file": settings.key_file,
            "state_dir": settings.device.state_dir,
        }
        show(facts, as_json=as_json)


def _settings_for_joining(config: Path | None, server: str | None) -> Settings:
    """Those of the file, else the defaults; `server` outranks the file's."""
    path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    if path is not None:
        settings = load_settings(path)
        if server is None:
            return settings
        check_url(server, allow_plain_http=settings.server.allow_plain_http, where="--server")
        return dataclasses.replace(settings, server=dataclasses.replace(settings.server, url=server))
    if server is None:
        raise SettingsError("give --server, or --config with server.url in it")
    check_url(server, allow_plain_http=False, where="--server")
    return Settings(server=ServerSettings(url=server))


def _settings_of(config: Path | None) -> Settings:
    """Those of the file; where none is given or installed, the defaults, for commands that need no server."""
    if config is None and not DEFAULT_CONFIG.exists():
        return Settings(server=ServerSettings(url="http://127.0.0.1:8000"))
    return load_settings(config or DEFAULT_CONFIG)


@app.command()
def spool(
    config: ConfigOption = None,
    release: Annotated[bool, typer.Option("--release", help="Queue what was set aside again (agent stopped).")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what waits to be sent."""
    with said_plainly():
        settings = load_settings(config or DEFAULT_CONFIG)
        path = settings.spool_dir / DATABASE
        if not path.exists():
            raise SettingsError(f"there is no spool at {path} yet: nothing was ever recorded")
        if release:
            from stressvision_agent.clock import SystemClock

            opened = Spool(settings.spool_dir, settings.spool, SystemClock())
            opened.release()
            opened.close()
        show(msgspec.to_builtins(read_status(path, datetime.now(UTC))), as_json=as_json)


@app.command()
def run(
    config: ConfigOption = None,
    source: Annotated[str | None, typer.Option(help="picamera2, v4l2:N, file:PATH or dir:PATH.")] = None,
    max_frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    as_json: JsonOption = False,
) -> None:
    """See and send until stopped, or until a recording ends."""
    with said_plainly():
        forbid_core_dumps()
        settings = load_settings(config or DEFAULT_CONFIG)
        if source is not None:
            settings = dataclasses.replace(settings, camera=dataclasses.replace(settings.camera, source=source))
        configure_logs(settings.device.log_level)
        from stressvision_agent.app import Agent
        from stressvision_agent.seeing import Seeing

        agent = Agent(settings, partial(Seeing, settings, max_frames=max_frames))
        agent.handle_signals()
        left = agent.run()
        if agent.failure is not None:
            fail(f"seeing ended: {agent.failure}")
        show({"waiting": left}, as_json=as_json)


@app.command()
def update(
    source: Annotated[
        Path | None, typer.Option("--from", help="Folder with an exported repository: metadata/ and targets/.")
    ] = None,
    version: Annotated[str | None, typer.Option("--version", help="Which model, where there are several.")] = None,
    status: Annotated[bool, typer.Option("--status", help="Only say how it stands.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a model from a folder, as from a USB stick, the agent running or not; or say which models are here."""
    with said_plainly():
        if (source is None) != status:
            raise SettingsError("give either --from FOLDER or --status")
        from stressvision_agent import model_commands

        show(model_commands.update(load_settings(config or DEFAULT_CONFIG), source, version), as_json=as_json)


@app.command()
def pause(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """See nothing from now on, whatever the server says; the agent may be running. `resume` ends it."""
    with said_plainly():
        off_switch = _settings_of(config).off_switch
        off_switch.touch()
        show({"paused": True, "off_switch": off_switch}, as_json=as_json)


@app.command()
def resume(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Take `pause` back. What a switch on a GPIO line, the server or the site's profile says still holds."""
    with said_plainly():
        off_switch = _settings_of(config).off_switch
        off_switch.unlink(missing_ok=True)
        show({"paused": False, "off_switch": off_switch}, as_json=as_json)


@app.command("rotate-key")
def rotate_key(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Make a new key for this device and have the server know it by that; the agent may be running."""
    with said_plainly():
        from stressvision_agent import model_commands

        show(model_commands.rotate_key(load_settings(config or DEFAULT_CONFIG)), as_json=as_json)


@app.command()
def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the settings that hold and a line for each check; end with 1 when there is a fault."""
    with said_plainly():
        settings = load_settings(config or DEFAULT_CONFIG)
        from stressvision_agent.doctor import effective, examine

        if as_json:
            findings = list(examine(settings))
            facts = {"settings": effective(settings), "findings": msgspec.to_builtins(findings)}
            print(json.dumps({"ok": all(finding.ok for finding in findings), **facts}))
        else:
            findings = []
            for table, values in effective(settings).items():
                show({f"{table}.{key}": value for key, value in values.items()}, as_json=False)
            for finding in examine(settings):
                findings.append(finding)
                print(f"{'ok' if finding.ok else 'FAULT':6}{finding.check}: {finding.detail}", flush=True)
        if not all(finding.ok for finding in findings):
            raise typer.Exit(1)


@app.command()
def classify(
    images: Annotated[list[Path], typer.Argument(help="Pictures to look at.")],
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder or file of the model; else the settings'.")
    ] = None,
    crop: Annotated[bool, typer.Option("--crop", help="Take each whole picture as the face.")] = False,
    delegate: DelegateOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,  # noqa: ARG001 - a JSON object a line is what it always prints
) -> None:
    """Print what the model says of the faces in pictures, a JSON object a line. Nothing is kept or sent."""
    with said_plainly():
        from stressvision_agent.camera import SourceError
        from stressvision_agent.classify import classify_image
        from stressvision_vision.classifier import Classifier
        from stressvision_vision.faces import open_detector

        vision = _settings_of(config).vision
        classifier = Classifier(model or vision.model, delegate=delegate or vision.delegate)
        detector = open_detector(vision.detector, strict=False)
        unread = 0
        for image in images:
            try:
                answer = classify_image(image, classifier=classifier, detector=detector, crop_whole=crop)
            except SourceError as error:
                print(f"stressvision-agent: {error}", file=sys.stderr)
                unread += 1
            else:
                print(json.dumps(answer), flush=True)
        if unread:
            raise typer.Exit(1)


@app.command()
def bench(
    recording: Annotated[
        str | None, typer.Option("--source", help="file:PATH or dir:PATH: measure the whole loop, too.")
    ] = None,
    delegate: DelegateOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure this very board; end with 1 when it is too slow."""
    with said_plainly():
        from stressvision_agent.bench import measure

        settings = _settings_of(config)
        if delegate is not None:
            vision = dataclasses.replace(settings.vision, delegate=delegate)
            settings = dataclasses.replace(settings, vision=vision)
        figures = []
        for figure in measure(settings, recording):
            figures.append(figure)
            if not as_json:
                verdict = {None: "", True: "met", False: "NOT MET"}[figure.met]
                print(f"{figure.name}: {figure.figure:.2f} {figure.unit} {figure.bar} {verdict}".rstrip(), flush=True)
        if as_json:
            print(json.dumps(msgspec.to_builtins(figures)))
        if any(figure.met is False for figure in figures):
            raise typer.Exit(1)


if __name__ == "__main__":
    app()
