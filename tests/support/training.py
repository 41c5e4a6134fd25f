"""Drawn pictures and jobs, for tests of retraining."""

import hashlib
from dataclasses import dataclass
from typing import Any

import cv2
import httpx
import numpy as np

from support.control import Control
from support.faces import made_up_face
from support.recipes import small

RECIPE = small('[[heads]]\nclasses = "company5"\nlabels = "fer2013"', top='select = "last"')

LABELS = ("neutral", "stress", "sad", "happy", "fatigue")


def drawn(label: str, seed: int, side: int = 64) -> bytes:
    """A PNG of the texture that stands for `label`; the same seed gives the same bytes."""
    image = made_up_face(LABELS.index(label), np.random.default_rng((LABELS.index(label), seed)), side)
    return cv2.imencode(".png", image)[1].tobytes()


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Plant:
    """A site with one employee who consents and one who does not."""

    control: Control
    site: int
    consent: int

    def put(self, content: bytes, label: str = "fatigue", *, role: str = "ml", **query: Any) -> httpx.Response:
        given = {"label": label, "site_id": self.site, "is_crop": True} | query
        headers = {"Content-Type": "image/png"}
        path = f"/v1/pictures/{digest_of(content)}"
        return self.control.as_role(role).put(path, content=content, params=given, headers=headers)

    def withdraw(self) -> None:
        answer = self.control.admin.post(f"/v1/consents/{self.consent}/withdraw", json={})
        assert answer.status_code == 200, answer.text


def make_plant(control: Control) -> Plant:
    """E-YES consents, E-NO does not."""
    site = control.make("/v1/sites", name="Callao", time_zone="America/Lima")["id"]
    willing = control.make("/v1/employees", site_id=site, pseudonym="E-YES")["id"]
    control.make("/v1/employees", site_id=site, pseudonym="E-NO")
    consent = control.make("/v1/consents", employee_id=willing, notice_version="v1")["id"]
    return Plant(control, site, consent)


def start_job(control: Control, role: str = "ml", **body: Any) -> dict[str, Any]:
    answer = control.as_role(role).post("/v1/training-jobs", json={"recipe": "small", "recipe_text": RECIPE} | body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def claim_job(control: Control, trainer: str = "a") -> dict[str, Any]:
    answer = control.as_role("ml").post("/v1/training-jobs/claims", json={"trainer": trainer})
    assert answer.status_code == 200, answer.text
    claimed: dict[str, Any] = answer.json()
    return claimed


def expire_lease(control: Control, job: int) -> None:
    """As if its trainer had been silent for long."""
    with control.database.engine("owner").begin() as connection:
        connection.exec_driver_sql(f"UPDATE training_jobs SET lease_until = now() - interval '1 s' WHERE id = {job}")
