"""Retraining: ask for a run, watch it, cancel it."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from stressvision_control.cli.client import Api, Row, fail, open_api
from stressvision_control.cli.output import JsonOption, console, say, show

training = typer.Typer(no_args_is_help=True, help="Retrain: ask for a run of a recipe, and watch it.")

RECIPES = Path("training/recipes")
POLL_S = 2.0
OVER = ("succeeded", "failed", "cancelled")
COLUMNS = ("id", "recipe", "state", "stage", "progress", "left", "macro_f1", "requested_by", "created_at", "outcome")

FollowOption = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")]


@training.command("start")
def start_job(
    context: typer.Context,
    recipe: Annotated[str, typer.Argument(help="A TOML file, or the name of one in training/recipes.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a number of the recipe; repeatable.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="What its model will be called; default: date and job.")] = None,
    follow: FollowOption = False,
    as_json: JsonOption = False,
) -> None:
    """Ask for a run. Exit code 1 when it was followed and did not succeed."""
    path = _recipe(recipe)
    body = {
        "recipe": path.stem,
        "recipe_text": path.read_text(encoding="utf-8"),
        "changes": changes or [],
        "version": version,
    }
    api = open_api(context, as_json=as_json)
    job = api.post("/v1/training-jobs", body)
    if follow:
        job = follow_job(api, job["id"], quiet=as_json)
    said = f"training job {job['id']} is {job['state']}; its model will be {job['version']}"
    say(_outcome(job) if follow else said, job, as_json=as_json)
    if follow and job["state"] != "succeeded":
        raise typer.Exit(1)


@training.command("list")
def list_jobs(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only those, such as running.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List jobs, newest first."""
    rows = list(open_api(context, as_json=as_json).every("/v1/training-jobs", state=state))
    show(rows if as_json else [_line(row) for row in rows], as_json=as_json, columns=None if as_json else COLUMNS)


@training.command("show")
def show_job(context: typer.Context, job_id: int, as_json: JsonOption = False) -> None:
    """Show a job and its figures by epoch."""
    job = open_api(context, as_json=as_json).get(f"/v1/training-jobs/{job_id}")
    if as_json:
        show(job, as_json=True)
        return
    hidden = ("curve", "recipe_text", "metrics")
    show({name: value for name, value in job.items() if name not in hidden} | _line(job), as_json=False)
    if job["curve"]:
        columns = [
            name for name in ("epoch", "loss", "accuracy", "macro_f1", "rate", "seconds") if name in job["curve"][-1]
        ]
        show(job["curve"], as_json=False, columns=columns, title="epochs")


@training.command("logs")
def read_logs(
    context: typer.Context,
    job_id: int,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=2000, help="So many of the last ones.")] = 200,
    follow: FollowOption = False,
    as_json: JsonOption = False,
) -> None:
    """Read what a job said."""
    api = open_api(context, as_json=as_json)
    rows = api.get(f"/v1/training-jobs/{job_id}/logs", limit=lines)
    if as_json:
        show(rows, as_json=True)
        return
    after = _print(rows, None)
    while follow:
        over = api.get(f"/v1/training-jobs/{job_id}")["state"] in OVER
        newer = api.get(f"/v1/training-jobs/{job_id}/logs", after=after or 0)
        after = _print(newer, after)
        if over and not newer:
            return
        time.sleep(POLL_S)


@training.command("cancel")
def cancel_job(context: typer.Context, job_id: int, as_json: JsonOption = False) -> None:
    """Cancel a job; one that runs stops within seconds."""
    job = open_api(context, as_json=as_json).post(f"/v1/training-jobs/{job_id}/cancel")
    say(f"training job {job_id} is {job['state']}", job, as_json=as_json)


@training.command("follow")
def follow(context: typer.Context, job_id: int, as_json: JsonOption = False) -> None:
    """Watch a job until it has ended; exit code 1 when it did not succeed."""
    job = follow_job(open_api(context, as_json=as_json), job_id, quiet=as_json)
    say(_outcome(job), job, as_json=as_json)
    if job["state"] != "succeeded":
        raise typer.Exit(1)


@training.command("trainers")
def list_trainers(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the trainers that asked for work within a day."""
    show(open_api(context, as_json=as_json).get("/v1/trainers"), as_json=as_json)


def follow_job(api: Api, job_id: int, *, quiet: bool) -> Row:
    """Wait for a job's end behind a progress bar; return the job."""
    words = TextColumn("{task.description}")
    with Progress(
        words, BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[left]}"), TimeElapsedColumn(),
        console=console(), disable=quiet,
    ) as progress:  # fmt: skip
        task = progress.add_task("waiting for a trainer", total=1.0, left="")
        while True:
            job: Row = api.get(f"/v1/training-jobs/{job_id}")
            _advance(progress, task, job)
            if job["state"] in OVER:
                return job
            time.sleep(POLL_S)


def _advance(progress: Progress, task: TaskID, job: Row) -> None:
    what = job["stage"] or job["state"] if job["state"] != "queued" else "waiting for a trainer"
    share = 1.0 if job["state"] == "succeeded" else (job["epoch"] or 0) / job["epochs"] if job["epochs"] else 0.0
    line = _line(job)
    description = f"job {job['id']} {what}"
    if job["epoch"]:
        description += f", epoch {line['progress']}"
    if line["macro_f1"] is not None:
        description += f", macro-F1 {line['macro_f1']:.3f}"
    progress.update(task, completed=share, description=description, left=f"{line['left']} left" if line["left"] else "")


def _recipe(wanted: str) -> Path:
    candidates = (Path(wanted), RECIPES / wanted, RECIPES / f"{wanted}.toml")
    found = next((path for path in candidates if path.is_file()), None)
    if found is not None:
        return found
    known = ", ".join(sorted(path.stem for path in RECIPES.glob("*.toml")))
    return fail(f"there is no recipe {wanted!r}; give a TOML file" + (f", or one of {known}" if known else ""), 2)


def _line(job: Row) -> Row:
    """What a list shows of a job."""
    return job | {
        "progress": f"{job['epoch']}/{job['epochs']}" if job["epoch"] else None,
        "left": _duration(job["eta_s"]) if job["state"] == "running" and job["eta_s"] is not None else None,
        "macro_f1": (job["metrics"] or {}).get("macro_f1"),
        "outcome": job["candidate_version"] or job["error"],
    }


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _outcome(job: Row) -> str:
    if job["state"] == "succeeded":
        version = job["candidate_version"]
        return f"model {version} is a candidate; another person approves it: stressvision models approve {version}"
    return f"training job {job['id']} is {job['state']}" + (f": {job['error']}" if job["error"] else "")


def _print(rows: list[Row], after: int | None) -> int | None:
    for row in rows:
        print(f"{row['at'][11:19]}  {row['line']}", flush=True)
    return rows[-1]["id"] if rows else after
