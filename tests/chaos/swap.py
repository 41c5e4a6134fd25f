"""A device killed with -9 before every single change it makes on disk while it takes a model, proves it or goes back.

Run alone: `PYTHONPATH=infra:tests python -m chaos swap`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from chaos.results import Line
from stressvision_agent.settings import UpdatesSettings
from stressvision_contracts.fleet import DesiredModel
from support.models import FACTORY, Kind, SmallRepository, make_model
from support.updating import repository_server

KILLS = 100
BAD: Final[tuple[Kind, ...]] = ("constant", "nan", "slow", "crashing", "broken")
BACK_WITHIN_S = 60.0
PATIENT_S = 0.5
"""A model that is killed over and over is not to be judged by how busy this machine is."""

TESTS = Path(__file__).parents[1]


@dataclass
class Swaps:
    """Takes one model after the other onto one device, killed in between; `faults` are the promises it broke."""

    repository: SmallRepository
    agent: "subprocess.Popen[str]"
    state: Path
    proven: str = FACTORY["version"]
    number: int = 0
    kills: int = 0
    steps: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    loaded_s: float = 0.0

    def sweep(self, kills: int, *, whole: bool) -> None:
        """Kill before the first step, the second, and so on, of a swap that succeeds and of one that goes back.

        Stop after `kills`; if `whole`, not before each step of both had its kill.
        """
        step = 0
        while self.kills < kills or (whole and len(self.steps) < 2):
            step += 1
            for spoil in (False, True):
                if step > self.steps.get(str(spoil), step):
                    continue
                self._once(step, spoil=spoil)
            if all(step >= most for most in self.steps.values()) and len(self.steps) == 2:
                step = 0

    def _once(self, step: int, *, spoil: bool) -> None:
        self.number += 1
        wish = self.repository.add(make_model("good", self.number), f"n-{self.number}")
        old = self.proven
        said = self._order(wish, spoil=spoil, kill_at=step)
        if not said["killed"]:
            self.steps[str(spoil)] = step
        else:
            self.kills += 1
            self._check_links(step, {old, wish.version})
            said = self._order(wish, spoil=spoil, kill_at=None)
            self.loaded_s = max(self.loaded_s, said.get("loaded_s", 0.0))
            if said.get("first") not in {old, wish.version}:
                self.faults.append(f"step {step}: began with {said.get('first')}: {said}")
        ends = {("confirmed", wish.version)} if not spoil else {("reverted", old)}
        if (said.get("state"), said.get("in_use")) not in ends:
            self.faults.append(f"step {step}, spoilt {spoil}: {said}")
        self.proven = said.get("in_use") or old
        self._forget(wish)

    def _check_links(self, step: int, allowed: set[str]) -> None:
        """What lies on disk right after the kill: each link leads to a whole model, one of the two."""
        for name in ("current", "good"):
            link = self.state / "models" / name
            if not link.is_symlink():
                continue
            try:
                version = json.loads((link / "manifest.json").read_bytes())["version"]
            except (OSError, ValueError) as error:
                self.faults.append(f"step {step}: {name} leads to {error!r}")
            else:
                if version not in allowed:
                    self.faults.append(f"step {step}: {name} is {version}, not of {allowed}")

    def _order(
        self, wish: DesiredModel, *, spoil: bool, kill_at: int | None, latency_s: float = PATIENT_S
    ) -> dict[str, Any]:
        named = {"version": wish.version, "digest": wish.digest}
        order = {"wish": named, "spoil": spoil, "kill_at": kill_at, "latency_s": latency_s}
        assert self.agent.stdin is not None
        assert self.agent.stdout is not None
        self.agent.stdin.write(json.dumps(order) + "\n")
        self.agent.stdin.flush()
        said: dict[str, Any] = json.loads(self.agent.stdout.readline())
        return said

    def _forget(self, wish: DesiredModel) -> None:
        self.repository.files.pop(f"targets/{wish.digest}.{wish.version}.tflite")
        self.repository.targets.pop(f"{wish.version}.tflite")

    def offer_bad_ones(self) -> tuple[float, list[str]]:
        """Offer models of every bad kind; return the longest time until the old one was settled on, and faults."""
        longest_s, faults = 0.0, []
        for kind in BAD:
            self.number += 1
            wish = self.repository.add(make_model(kind), f"{kind}-{self.number}")
            began_s = time.monotonic()
            said = self._order(wish, spoil=False, kill_at=None, latency_s=UpdatesSettings().latency_p95_s)
            longest_s = max(longest_s, time.monotonic() - began_s)
            if (said.get("state"), said.get("in_use")) != ("rejected", self.proven):
                faults.append(f"{kind}: {said}")
            self._forget(wish)
        return longest_s, faults


def run(folder: Path, *, kills: int = KILLS, whole: bool = True) -> Iterator[Line]:
    state = folder / "state"
    with repository_server() as (small, repository), (folder / "agent.log").open("ab") as log:
        agent = subprocess.Popen(
            [sys.executable, "-m", "chaos.swap_agent", str(state), small.url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )  # fmt: skip
        swaps = Swaps(repository, agent, state)
        with agent:
            try:
                swaps.sweep(kills, whole=whole)
                bad_s, bad = swaps.offer_bad_ones()
            finally:
                agent.kill()
    steps = " and ".join(str(most - 1) for most in swaps.steps.values()) or "not all"
    name = f"agent killed -9 {swaps.kills} times, before each of the {steps} changes of a swap"
    broken = "; ".join(swaps.faults[:3])
    figure = broken or f"every start had the old or the new model and ended well, after {swaps.loaded_s:.1f} s at most"
    met = not swaps.faults and swaps.loaded_s < BACK_WITHIN_S and swaps.kills >= kills
    yield Line(name, figure, f"always a working agent, within {BACK_WITHIN_S:.0f} s", met=met)
    figure = "; ".join(bad) or f"each refused with its reason and the old one in use, after {bad_s:.1f} s at most"
    met = not bad and bad_s < BACK_WITHIN_S
    yield Line(f"models offered that are {', '.join(BAD)}", figure, f"within {BACK_WITHIN_S:.0f} s", met=met)
