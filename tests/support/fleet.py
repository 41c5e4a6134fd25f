"""Two real agents on a running platform, and the people who may order a fleet, through the command and the API."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from demo.clip import make_clip
from support.agents import Agent
from support.models import SHIPPED, Kind, make_model
from support.outside import eventually, post

STRESSVISION = str(Path(sys.executable).with_name("stressvision"))
FACTORY = str(json.loads((SHIPPED / "manifest.json").read_text())["version"])
"""The model that a platform comes with."""

LIMITS = {"observed_s": 0, "latency_s": 10, "lost": 1.0, "failed": 0.4}
"""Nothing is compared in a test's minute, and devices of other tests stay silent."""


@dataclass
class Fleet:
    """The platform, two people who may order it, and two agents."""

    settings: dict[str, str]
    folder: Path
    admin: httpx.Client
    site: int = 0
    tokens: dict[str, str] = field(default_factory=dict)
    agents: list[Agent] = field(default_factory=list)

    @property
    def control_url(self) -> str:
        return f"http://127.0.0.1:{self.settings['STRESSVISION_CONTROL_PORT']}"

    def command(self, person: str, *words: str) -> Any:
        """`stressvision` as that person runs it."""
        told = {"STRESSVISION_CONTROL_URL": self.control_url, "STRESSVISION_TOKEN": self.tokens[person]}
        command = [STRESSVISION, *words, "--json"]
        environment = {**os.environ, **told}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ask(self, person: str, method: str, path: str, **body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.tokens[person]}"}
        answer = self.admin.request(method, path, json=body or None, headers=headers)
        assert answer.is_success, f"{path}: {answer.text}"
        return dict(answer.json())

    def bring_in(self, version: str, kind: Kind, number: int = 0) -> str:
        """Register a model as Ana and approve it as Berta; return its digest."""
        content = make_model(kind, number)
        manifest = json.loads((SHIPPED / "manifest.json").read_text())
        digest = hashlib.sha256(content).hexdigest()
        manifest |= {"version": version, "digest": digest, "size_bytes": len(content)}
        folder = self.folder / version
        folder.mkdir()
        (folder / manifest["file"]).write_bytes(content)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        self.command("Ana", "models", "register", str(folder))
        assert self.command("Berta", "models", "approve", version)["published_at"] is not None
        return digest

    def roll_out(self, version: str, canary: int) -> int:
        plan = {
            "canary_devices": [canary], "stages": [1.0], "soak_s": 1, "limits": LIMITS, "deadlines": {"offered_s": 45},
        }  # fmt: skip
        number = int(self.ask("Ana", "POST", "/v1/rollouts", version=version, plan=plan)["id"])
        self.ask("Berta", "POST", f"/v1/rollouts/{number}/approve")
        self.ask("Berta", "POST", f"/v1/rollouts/{number}/start")
        return number

    def rollout(self, number: int) -> dict[str, Any]:
        return self.ask("Berta", "GET", f"/v1/rollouts/{number}")

    def devices(self, number: int) -> dict[int, dict[str, Any]]:
        listed = self.ask("Berta", "GET", f"/v1/rollouts/{number}/devices")["items"]
        return {each["device_id"]: each for each in listed}

    def running(self) -> list[str | None]:
        """The model that each agent last said it runs."""
        shown = [self.admin.get(f"/v1/devices/{agent.device_id}").json() for agent in self.agents]
        return [each["model_version"] for each in shown]

    def events_of(self, version: str) -> set[int]:
        """The devices that sent a window made with that model."""
        question = "SELECT DISTINCT device_id FROM events WHERE model_version = %s AND kind = 1"
        with psycopg.connect(self.settings["STRESSVISION_OWNER_DATABASE_URL"]) as connection:
            return {device for (device,) in connection.execute(question, [version])}

    def eventually(self, check: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Wait for `check`; when it stays false, say the last that the agents said."""
        try:
            eventually(check, what, timeout_s)
        except AssertionError as error:
            error.add_note("\n".join(agent.log[-3000:] for agent in self.agents))
            raise


@contextmanager
def running_fleet(settings: dict[str, str], folder: Path) -> Iterator[Fleet]:
    """Ana, who makes models, Berta, who operates devices, and two agents at stations of a site of their own.

    The factory's model is desired again afterwards: other tests may go on with the same platform.
    """
    admin = httpx.Client(
        base_url=f"http://127.0.0.1:{settings['STRESSVISION_CONTROL_PORT']}",
        headers={"Authorization": f"Bearer {settings['STRESSVISION_ADMIN_TOKEN']}"},
        timeout=30,
    )
    made = Fleet(settings, folder, admin)
    for person, role in (("Ana", "ml"), ("Berta", "operator")):
        made.tokens[person] = post(admin, "/v1/tokens", name=person, roles=[role])["token"]
    clip = folder / "clip.avi"
    make_clip(clip, seconds=20, fps=5)
    made.site = post(admin, "/v1/sites", name=f"fleet {uuid4().hex[:8]}", time_zone="America/Lima")["id"]
    area = post(admin, "/v1/areas", site_id=made.site, name="assembly")["id"]
    try:
        for number in range(2):
            agent = Agent(folder / f"agent-{number}")
            agent.prepare(f"http://127.0.0.1:{settings['STRESSVISION_INGEST_PORT']}", clip, SHIPPED)
            station = post(admin, "/v1/stations", area_id=area, name=f"press {number}")["id"]
            agent.enrol(post(admin, "/v1/enrolment-codes", station_id=station)["code"])
            made.agents.append(agent)
            agent.start()
        yield made
    finally:
        for agent in made.agents:
            agent.stop()
        made.command("Berta", "models", "desire", FACTORY)
        admin.close()
