"""A person's rights, and what is kept for how long."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from stressvision_control.cli.client import Row, fail, open_api
from stressvision_control.cli.links import links, make_link
from stressvision_control.cli.objections import objections
from stressvision_control.cli.output import JsonOption, say, show
from stressvision_store.languages import LANGUAGES, Language

privacy = typer.Typer(no_args_is_help=True, help="What is kept of a person: shown, or erased; and for how long.")
notices = typer.Typer(no_args_is_help=True, help="What people are told, word for word.")
privacy.add_typer(notices, name="notices")
privacy.add_typer(objections, name="objections")
privacy.add_typer(links, name="links")
privacy.command("link")(make_link)

DOSSIER = ("facts.json", "dossier.es.html", "dossier.es.pdf", "dossier.en.html", "dossier.en.pdf")

OutOption = Annotated[Path, typer.Option("--out", help="Folder to write to; made where it is missing.")]
WhyOption = Annotated[str, typer.Option("--reason", help="Who asked and how, 10 to 500 characters; it is kept.")]


@privacy.command("export")
def export(
    context: typer.Context,
    employee: Annotated[str, typer.Argument(help="Pseudonym or id.")],
    reason: WhyOption,
    out: OutOption,
    as_json: JsonOption = False,
) -> None:
    """Write all that is kept of a person: data.json, and a page in Spanish and one in English."""
    from stressvision_control.privacy.pages import export_page

    api = open_api(context, as_json=as_json)
    found = api.post("/v1/privacy/export", {"employee_id": api.employee(employee), "reason": reason})
    written = _write_pages(out, "data", found, export_page)
    say(f"wrote {', '.join(written)}", {"files": written, "counts": found["counts"]}, as_json=as_json)


@privacy.command("erase")
def erase(
    context: typer.Context,
    employee: Annotated[str, typer.Argument(help="Pseudonym.")],
    reason: WhyOption,
    out: OutOption,
    confirm: Annotated[str | None, typer.Option(help="The pseudonym again, where nobody can be asked.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Erase a person for good, and write the receipt: receipt.json, and a page in Spanish and one in English."""
    api = open_api(context, as_json=as_json)
    number = api.employee(employee)
    if confirm is None:
        confirm = typer.prompt(f"All that is kept of {employee} goes for good. Type the pseudonym to go on", err=True)
    body = {"employee_id": number, "confirm": confirm, "reason": reason}
    receipt = api.post("/v1/privacy/erase", body)
    say(f"employee {number} is erased; receipt: {', '.join(_write_receipt(out, receipt))}", receipt, as_json=as_json)


@privacy.command("erasures")
def list_erasures(context: typer.Context, as_json: JsonOption = False) -> None:
    """List erasures."""
    show(open_api(context, as_json=as_json).get("/v1/privacy/erasures"), as_json=as_json)


@privacy.command("receipt")
def write_receipt(context: typer.Context, erasure_id: int, out: OutOption, as_json: JsonOption = False) -> None:
    """Write the receipt of an erasure again."""
    receipt = open_api(context, as_json=as_json).get(f"/v1/privacy/erasures/{erasure_id}")
    say(f"wrote {', '.join(_write_receipt(out, receipt))}", receipt, as_json=as_json)


@privacy.command("dossier")
def make_dossier(
    context: typer.Context,
    out: OutOption,
    as_json: JsonOption = False,
) -> None:
    """Write the data protection dossier of the running system: pages and PDF in Spanish and English, and the facts."""
    packed = zipfile.ZipFile(io.BytesIO(open_api(context, as_json=as_json).post_bytes("/v1/privacy/dossier")))
    written = [_write(out, name, packed.read(name)) for name in DOSSIER]
    say(f"wrote {', '.join(written)}", {"files": written}, as_json=as_json)


@privacy.command("retention")
def report_retention(context: typer.Context, as_json: JsonOption = False) -> None:
    """Report what is kept for how long; exit with 1 when something is kept too long."""
    rows = open_api(context, as_json=as_json).get("/v1/privacy/retention")
    show(rows, as_json=as_json)
    if any(row["beyond"] for row in rows):
        raise typer.Exit(1)


@notices.command("list")
def list_notices(context: typer.Context, as_json: JsonOption = False) -> None:
    """List notices, newest first."""
    show(open_api(context, as_json=as_json).get("/v1/notices"), as_json=as_json)


@notices.command("publish")
def publish_notice(
    context: typer.Context,
    version: str,
    es: Annotated[Path, typer.Option(help="File with the Spanish text, UTF-8.")],
    en: Annotated[Path, typer.Option(help="File with the English text, UTF-8.")],
    as_json: JsonOption = False,
) -> None:
    """Publish a notice in both languages; it is never changed."""
    texts = {language: _read(file) for language, file in (("es", es), ("en", en))}
    rows = open_api(context, as_json=as_json).post("/v1/notices", {"version": version, **texts})
    say(f"notice {version}", rows, as_json=as_json)


@notices.command("show")
def show_notice(
    context: typer.Context,
    version: str,
    language: Annotated[str, typer.Option(help="es or en")] = "es",
    as_json: JsonOption = False,
) -> None:
    """Print a notice's words."""
    row = open_api(context, as_json=as_json).get(f"/v1/notices/{version}/{language}")
    say(row["text"], row, as_json=as_json)


def _write_receipt(out: Path, receipt: Row) -> list[str]:
    from stressvision_control.privacy.pages import receipt_page

    return _write_pages(out, "receipt", receipt, receipt_page)


def _write_pages(out: Path, name: str, found: Row, page: Callable[[Row, Language], str]) -> list[str]:
    """As JSON for programs, as a page in each language for people."""
    written = [_write(out, f"{name}.json", json.dumps(found, ensure_ascii=False, indent=1))]
    return written + [_write(out, f"{name}.{language}.html", page(found, language)) for language in LANGUAGES]


def _write(folder: Path, name: str, content: str | bytes) -> str:
    """For the owner's eyes alone."""
    file = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.chmod(0o600)  # also where it was there before
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}")
    return str(file)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read {file}: {error}")
