"""Company pictures over HTTP: what is taken, who may look, and how they go."""

import io
import zipfile

import pytest
from sqlalchemy import text

from support.control import Control
from support.training import Plant, claim_job, digest_of, drawn, make_plant, start_job

pytestmark = pytest.mark.db

PICTURE = drawn("fatigue", 1)


@pytest.fixture
def plant(control: Control) -> Plant:
    return make_plant(control)


def actions(plant: Plant) -> list[str]:
    return [entry["action"] for entry in plant.control.admin.get("/v1/audit").json()["items"]]


def test_a_picture_is_kept_once_under_one_label(plant: Plant) -> None:
    made = plant.put(PICTURE, subject="E-YES")
    assert made.status_code == 201, made.text
    assert (made.json()["label"], made.json()["has_person"]) == ("fatigue", True)
    assert "employee_id" not in made.json()
    assert plant.put(PICTURE, subject="E-YES").status_code == 200
    other = plant.put(PICTURE, "happy", subject="E-YES")
    assert (other.status_code, "as 'fatigue'" in other.json()["detail"]) == (409, True)
    assert actions(plant)[0] == "picture.add"


def test_nobody_is_shown_who_does_not_consent(plant: Plant) -> None:
    refused = plant.put(PICTURE, subject="E-NO")
    assert refused.status_code == 409
    assert "has no active consent" in refused.json()["detail"]
    assert plant.put(PICTURE, subject="E-WHO").status_code == 404
    plant.withdraw()
    assert plant.put(PICTURE, subject="E-YES").status_code == 409


def test_what_is_no_picture_or_another_one_is_refused(plant: Plant) -> None:
    assert plant.put(b"GIF89a, which is not taken").status_code == 422
    path = f"/v1/pictures/{digest_of(b'other')}"
    query = {"label": "happy", "site_id": plant.site}
    sent = plant.control.as_role("ml").put(path, content=PICTURE, params=query, headers={"Content-Type": "image/png"})
    assert (sent.status_code, sent.json()["errors"][0]["field"]) == (422, "digest")
    too_long = plant.put(b"\x89PNG\r\n\x1a\n" + bytes(9 << 20))
    assert too_long.status_code == 413
    assert plant.put(PICTURE, "angry").status_code == 422


def test_only_ml_and_privacy_may_look_and_every_look_is_kept(plant: Plant) -> None:
    plant.put(PICTURE)
    path = f"/v1/pictures/{digest_of(PICTURE)}/content"
    seen = plant.control.as_role("privacy").get(path)
    assert (seen.content, seen.headers["content-type"], seen.headers["cache-control"]) == (
        PICTURE, "image/png", "no-store",
    )  # fmt: skip
    for role in ("admin", "operator", "hr", "safety"):
        assert plant.control.as_role(role).get(path).status_code == 403
    assert actions(plant)[0] == "picture.read"


def test_a_removed_picture_leaves_its_digest_alone(plant: Plant) -> None:
    plant.put(PICTURE)
    path = f"/v1/pictures/{digest_of(PICTURE)}"
    assert plant.control.as_role("ml").delete(path).json()["removed_at"] is not None
    assert plant.control.as_role("ml").get(f"{path}/content").status_code == 404
    with plant.control.database.engine("owner").begin() as connection:
        assert connection.execute(text("SELECT digest, content FROM pictures")).one() == (digest_of(PICTURE), None)
    assert plant.put(PICTURE, "happy").status_code == 201  # and may come back under another label


def test_counts_tell_what_may_be_learnt_from(plant: Plant) -> None:
    plant.put(PICTURE, subject="E-YES")
    plant.put(drawn("fatigue", 2))
    plant.withdraw()
    (count,) = plant.control.as_role("ml").get("/v1/pictures/summary").json()
    assert count == {"site_id": plant.site, "label": "fatigue", "pictures": 2, "usable": 1, "people": 1}
    listed = plant.control.as_role("ml").get("/v1/pictures", params={"label": "fatigue"}).json()["items"]
    assert len(listed) == 2


def test_a_person_is_erased_with_what_past_jobs_listed(plant: Plant) -> None:
    plant.put(PICTURE, subject="E-YES")
    start_job(plant.control)
    assert claim_job(plant.control)["pictures"] == 1
    assert plant.control.as_role("ml").delete("/v1/pictures", params={"subject": "E-YES"}).status_code == 403
    gone = plant.control.as_role("privacy").delete("/v1/pictures", params={"subject": "E-YES"})
    assert gone.json() == {"pictures": 1}
    with plant.control.database.engine("owner").begin() as connection:
        left = connection.execute(
            text("SELECT (SELECT count(*) FROM pictures), (SELECT count(*) FROM training_pictures)")
        )
        assert left.one() == (0, 0)


def test_a_trainer_fetches_its_pictures_in_archives(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {digest_of(content): content for content in (drawn("happy", number) for number in range(3))}
    for number, content in enumerate(contents.values()):
        plant.put(content, "happy", is_crop=number == 0)
    job = start_job(plant.control)["id"]
    claim_job(plant.control)
    monkeypatch.setattr(
        "stressvision_control.training_jobs.trainer_endpoints.ARCHIVE_BYTES", max(map(len, contents.values()))
    )
    found: dict[str, bytes] = {}
    after = None
    for _ in range(3):
        query = {"fence": 1} | ({"after": after} if after else {})
        answer = plant.control.as_role("ml").get(f"/v1/training-jobs/{job}/pictures/archive", params=query)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            for name in archive.namelist():
                kind, _, after = name.partition("/")
                assert kind == ("crop" if after == next(iter(contents)) else "whole")
                found[after] = archive.read(name)
    assert found == contents
    last = plant.control.as_role("ml").get(
        f"/v1/training-jobs/{job}/pictures/archive", params={"fence": 1, "after": after}
    )
    assert last.status_code == 204
    assert actions(plant)[0] == "picture.fetch"
