"""From builders to the committed JSON files."""

import json
from pathlib import Path
from zlib import crc32

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.generate import fleet, groups, home, operations, person, quality, site, training

FOLDER = Path(__file__).parents[1] / "dashboards"


def dashboards() -> dict[str, Dashboard]:
    """Every dashboard by the path of its file; the folder is the audience, and Grafana's folder."""
    boards = {
        "hr/home.json": home.build(),
        "hr/site.json": site.build(),
        "hr/groups.json": groups.build(),
        "safety/person.json": person.build(),
        "operations/fleet.json": fleet.build(),
        "operations/operations.json": operations.build(),
        "operations/quality.json": quality.build(),
        "operations/training.json": training.build(),
    }
    return {name: _numbered(board.build()) for name, board in boards.items()}


def _numbered(board: Dashboard) -> Dashboard:
    """Each panel with a number made of its title, so that links to it outlive what is put before it."""
    for panel in board.panels or []:
        name = f"row {panel.title}" if panel.type_val == "row" else panel.title or ""
        panel.id_val = crc32(name.encode()) % 1_000_000
    return board


def text(board: Dashboard) -> str:
    """The JSON of a dashboard as it is committed: the same input always gives the same bytes."""
    plain = json.loads(JSONEncoder().encode(board))
    return json.dumps(plain, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def write(folder: Path = FOLDER) -> None:
    for name, board in dashboards().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(board), encoding="utf-8")
