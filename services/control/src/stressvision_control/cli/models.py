"""Models: which there are, who lets them through, and which one devices should run."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from stressvision_contracts.manifest import Manifest, read_manifest
from stressvision_control.cli.client import Api, Row, fail, open_api
from stressvision_control.cli.output import JsonOption, console, say, show
from stressvision_control.models.scores import compare, figures_of

CARD = "README.md"
REPORTS = "report"
BENCHMARK = "benchmark.json"

models = typer.Typer(no_args_is_help=True, help="Which models there are, and which one devices should run.")
Reason = Annotated[str, typer.Option(help="Why, in 10 to 500 characters; it is kept.")]


@models.command("list")
def list_models(context: typer.Context, as_json: JsonOption = False) -> None:
    """List models."""
    rows = list(open_api(context, as_json=as_json).every("/v1/models"))
    columns = (
        "version", "state", "published_at", "desired", "accuracy", "macro_f1", "size_bytes", "registered_at",
        "registered_by", "approved_by",
    )  # fmt: skip
    show(rows, as_json=as_json, columns=columns)


@models.command("show")
def show_model(context: typer.Context, version: str, as_json: JsonOption = False) -> None:
    """Show a model: its figures, its gates, and who judged it."""
    model = open_api(context, as_json=as_json).get(f"/v1/models/{version}")
    if as_json:
        show(model, as_json=True)
        return
    manifest = model.pop("manifest")
    model["reports"] = [report["name"] for report in model["reports"]]
    model["overrides"] = [f"{each['actor']}: {each['reason']}" for each in model["overrides"]]
    show({**model, **figures_of(manifest)}, as_json=False, title=f"model {version}")


@models.command("compare")
def compare_models(context: typer.Context, first: str, second: str, as_json: JsonOption = False) -> None:
    """Two models' figures side by side, say the one in use and its challenger."""
    api = open_api(context, as_json=as_json)
    shown = [api.get(f"/v1/models/{version}") for version in (first, second)]
    latencies = _latency(api, shown[0]), _latency(api, shown[1])
    rows = list(compare(shown[0]["manifest"], shown[1]["manifest"], latencies))
    if as_json:
        show({"first": first, "second": second, "figures": rows}, as_json=True)
        return
    table = Table("figure", header_style="bold")
    for name in (first, second, "difference"):
        table.add_column(escape(name), justify="right")
    table.add_column("ahead")
    for row in rows:
        ahead = {"first": first, "second": second}.get(row["ahead"] or "", "–")
        cells = [_figure(row[side], row[f"{side}_interval"]) for side in ("first", "second")]
        difference = "–" if row["difference"] is None else f"{row['difference']:+.4g}"
        table.add_row(row["figure"].replace("_", " "), *cells, difference, escape(ahead))
    console().print(table)
    console().print(
        "INT8 on the test split, 95 % intervals. Where they overlap, neither is said to be ahead.", style="dim"
    )


@models.command("register")
def register_model(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The folder with manifest.json and the model file it names.")],
    as_json: JsonOption = False,
) -> None:
    """Register a model with its file, its card (README.md) and what lies under report/. Doing it again does nothing."""
    manifest, body, content = read_folder(folder)
    api = open_api(context, as_json=as_json)
    made = api.post("/v1/models", body)
    api.put_octets(f"/v1/models/{manifest.version}/file", content)
    if made["state"] == "candidate":
        for name, file in _reports(folder):
            api.put_octets(f"/v1/models/{manifest.version}/reports/{name}", file.read_bytes())
    made = api.get(f"/v1/models/{manifest.version}")
    next_step = f"; another person approves it: stressvision models approve {manifest.version}"
    say(
        f"model {made['version']} is registered (digest {made['digest'][:12]}…), {made['state']}"
        + (next_step if made["state"] == "candidate" else ""),
        made,
        as_json=as_json,
    )


@models.command("approve")
def approve_model(context: typer.Context, version: str, as_json: JsonOption = False) -> None:
    """Let a candidate that another person registered be rolled out."""
    changed = open_api(context, as_json=as_json).post(f"/v1/models/{version}/approve")
    told = changed["notice"] or f"model {version} is approved, and devices can download it"
    untried = "".join(f"\n  not tried, for there were too few faces: {gate}" for gate in changed["untried_gates"])
    say(told + untried, changed, as_json=as_json)


@models.command("publish")
def publish_model(context: typer.Context, version: str, as_json: JsonOption = False) -> None:
    """Offer an approved model to devices, where the server has the targets key."""
    changed = open_api(context, as_json=as_json).post(f"/v1/models/{version}/publish")
    say(f"devices can download model {version}", changed, as_json=as_json)


@models.command("reject")
def reject_model(context: typer.Context, version: str, reason: Reason, as_json: JsonOption = False) -> None:
    """Say why a candidate will not do."""
    changed = open_api(context, as_json=as_json).post(f"/v1/models/{version}/reject", {"reason": reason})
    say(f"model {version} is rejected", changed, as_json=as_json)


@models.command("override")
def override_gates(context: typer.Context, version: str, reason: Reason, as_json: JsonOption = False) -> None:
    """Let a candidate pass although gates failed; two named people must."""
    changed = open_api(context, as_json=as_json).post(f"/v1/models/{version}/override", {"reason": reason})
    people = ", ".join(each["actor"] for each in changed["overrides"])
    say(f"the failed gates of model {version} are overridden by {people}", changed, as_json=as_json)


@models.command("retire")
def retire_model(context: typer.Context, version: str, as_json: JsonOption = False) -> None:
    """Have a model never be used again."""
    changed = open_api(context, as_json=as_json).post(f"/v1/models/{version}/retire")
    say(changed["notice"] or f"model {version} is retired", changed, as_json=as_json)


@models.command("desire")
def desire_model(context: typer.Context, version: str, as_json: JsonOption = False) -> None:
    """Have the whole fleet run this model."""
    changed = open_api(context, as_json=as_json).post(f"/v1/models/{version}/desire")
    say(f"model {version} is what the fleet should run", changed, as_json=as_json)


@models.command("report")
def save_report(
    context: typer.Context,
    version: str,
    name: Annotated[str, typer.Argument(help="README.md is the card.")] = CARD,
    out: Annotated[Path | None, typer.Option(help="The file to write; without it the text is printed.")] = None,
) -> None:
    """Read a report or the card of a model."""
    content = open_api(context, as_json=False).get_bytes(f"/v1/models/{version}/reports/{name}")
    if out is None:
        typer.echo(content.decode(errors="replace"))
    else:
        out.write_bytes(content)


def fetch_file(api: Api, model: Row) -> bytes:
    """The file of a model, checked against its own digest."""
    content = api.get_bytes(f"/v1/models/{model['version']}/file")
    if (digest := hashlib.sha256(content).hexdigest()) != model["digest"]:
        fail(f"the server's file of model {model['version']} has the digest {digest}, not {model['digest']}")
    return content


def read_folder(folder: Path) -> tuple[Manifest, Any, bytes]:
    """The manifest, the same as it stands in the file, and the model file that it speaks of."""
    try:
        text = (folder / "manifest.json").read_bytes()
        manifest = read_manifest(text)
        content = (folder / manifest.file).read_bytes()
    except OSError as error:
        fail(f"{error.filename} cannot be read: {error.strerror}", 2)
    except ValueError as error:
        fail(f"{folder / 'manifest.json'} is no manifest: {error}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != manifest.digest:
        fail(f"{folder / manifest.file} has the digest {digest}, its manifest says {manifest.digest}; export it again")
    return manifest, json.loads(text), content


def _reports(folder: Path) -> list[tuple[str, Path]]:
    card = folder / CARD
    found = [card] if card.is_file() else []
    return [(file.name, file) for file in [*found, *sorted((folder / REPORTS).glob("*.*"))]]


def _latency(api: Api, model: Row) -> float | None:
    """The 95th percentile in ms that was measured when the model was judged, where that was kept."""
    if BENCHMARK not in [report["name"] for report in model["reports"]]:
        return None
    found = api.get(f"/v1/models/{model['version']}/reports/{BENCHMARK}").get("p95_ms")
    return float(found) if isinstance(found, int | float) else None


def _figure(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" + (f" [{interval[0]:.4g}, {interval[1]:.4g}]" if interval else "")
