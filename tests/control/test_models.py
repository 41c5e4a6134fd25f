"""The model registry over HTTP: who may do what, in which order, and when devices get it."""

import hashlib
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from native.layout import ROOT
from stressvision_store.devices import desired_model
from stressvision_store.session import transaction
from support.control import ADMIN_TOKEN, Control
from support.manifests import MODEL, content_of, make_manifest

pytestmark = pytest.mark.db

OCTETS = {"Content-Type": "application/octet-stream"}
REASON = {"reason": "looked at it for long"}


def register(ml: httpx.Client, version: str = "test-1", **changes: Any) -> None:
    content = content_of(version)
    stated = {"digest": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    ml.post("/v1/models", json=make_manifest(version=version, **stated | changes)).raise_for_status()
    ml.put(f"/v1/models/{version}/file", content=content, headers=OCTETS).raise_for_status()


def test_a_candidate_is_approved_by_another_person_and_offered(signing: Control) -> None:
    ana, berta = signing.as_role("Ana"), signing.as_role("Berta")
    register(ana)
    shown = ana.get("/v1/models/test-1").json()
    assert (shown["state"], shown["registered_by"], shown["has_file"]) == ("candidate", "Ana (token 1)", True)
    assert shown["published_at"] is None

    refused = ana.post("/v1/models/test-1/approve")
    assert refused.status_code == 409
    assert "another person must approve" in refused.json()["detail"]
    approved = berta.post("/v1/models/test-1/approve").json()
    assert (approved["state"], approved["approved_by"], approved["notice"]) == ("approved", "Berta (token 2)", None)
    assert approved["published_at"] is not None
    assert berta.post("/v1/models/test-1/approve").json()["approved_at"] == approved["approved_at"]

    repository = berta.get("/v1/model-repository").json()
    assert repository["offered"] == ["test-1"]
    assert repository["signs"] == ["targets", "snapshot", "timestamp"]
    assert {each["role"]: each["version"] for each in repository["roles"]} == {
        "root": 1, "targets": 2, "snapshot": 2, "timestamp": 2,
    }  # fmt: skip
    entries = signing.admin.get("/v1/audit", params={"subject": "model test-1"}).json()["items"]
    assert [each["action"] for each in entries] == ["model.approve", "model.file", "model.register"]


def test_two_tokens_of_one_person_are_not_two_people(signing: Control) -> None:
    register(signing.as_role("Ana"))
    signing.person("Ana", "admin")
    assert signing.as_role("Ana").post("/v1/models/test-1/approve").status_code == 409


def test_the_file_of_another_version_is_not_approved_again(signing: Control) -> None:
    ana, berta = signing.as_role("Ana"), signing.as_role("Berta")
    register(ana)
    berta.post("/v1/models/test-1/approve").raise_for_status()
    ana.post("/v1/models", json=make_manifest(version="test-2", temperature=2.0)).raise_for_status()
    ana.put("/v1/models/test-2/file", content=MODEL, headers=OCTETS).raise_for_status()
    refused = berta.post("/v1/models/test-2/approve")
    assert refused.status_code == 409
    assert "is the very file of 'test-1'" in refused.json()["detail"]


def test_a_model_without_its_file_is_not_approved(signing: Control) -> None:
    signing.as_role("Ana").post("/v1/models", json=make_manifest()).raise_for_status()
    refused = signing.as_role("Berta").post("/v1/models/test-1/approve")
    assert refused.status_code == 409
    assert "the file of model 'test-1' is not here" in refused.json()["detail"]


@pytest.mark.parametrize("content", [MODEL + b"!", b"", MODEL[:-1]])
def test_other_bytes_than_the_manifests_are_refused(signing: Control, content: bytes) -> None:
    ana = signing.as_role("Ana")
    ana.post("/v1/models", json=make_manifest()).raise_for_status()
    answer = ana.put("/v1/models/test-1/file", content=content, headers=OCTETS)
    assert answer.status_code == 422
    assert hashlib.sha256(MODEL).hexdigest() in answer.json()["detail"]


def test_a_file_is_kept_once_and_comes_back_whole(signing: Control) -> None:
    ana = signing.as_role("Ana")
    register(ana)
    again = ana.put("/v1/models/test-1/file", content=MODEL, headers=OCTETS)
    assert again.json() == {"size_bytes": len(MODEL), "is_new": False}
    assert ana.get("/v1/models/test-1/file").content == MODEL
    assert ana.put("/v1/models/test-9/file", content=MODEL, headers=OCTETS).status_code == 404


def test_a_model_of_ten_megabytes_is_taken_and_one_of_twenty_is_not(signing: Control) -> None:
    ana = signing.as_role("Ana")
    large = bytes(10_000_000)
    stated = {"digest": hashlib.sha256(large).hexdigest(), "size_bytes": len(large)}
    ana.post("/v1/models", json=make_manifest(**stated)).raise_for_status()
    assert ana.put("/v1/models/test-1/file", content=large, headers=OCTETS).status_code == 200
    assert ana.put("/v1/models/test-1/file", content=large * 2, headers=OCTETS).status_code == 413


GATES = {"gates": {"accuracy lost against float": {"figure": 0.02, "bar": "<= 0.005", "met": False}}}


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({"scores": GATES}, "accuracy lost against float: 0.02 where <= 0.005 is asked"),
        ({"scores": {"unmet_gates": ["recall of fatigue"]}}, "recall of fatigue"),
    ],
)
def test_a_failed_gate_takes_two_named_people(signing: Control, changes: dict[str, Any], gate: str) -> None:
    ana, berta, carla = (signing.as_role(name) for name in ("Ana", "Berta", "Carla"))
    register(ana, **changes)
    assert ana.get("/v1/models/test-1").json()["unmet_gates"] == [gate]
    refused = berta.post("/v1/models/test-1/approve")
    assert refused.status_code == 409
    assert gate in refused.json()["detail"]

    assert berta.post("/v1/models/test-1/override", json={"reason": "short"}).status_code == 422
    assert ana.post("/v1/models/test-1/override", json=REASON).status_code == 409
    with signing.client(ADMIN_TOKEN) as bootstrap:
        assert "nobody in particular" in bootstrap.post("/v1/models/test-1/override", json=REASON).text
    for _ in range(2):
        assert len(berta.post("/v1/models/test-1/override", json=REASON).json()["overrides"]) == 1
    assert berta.post("/v1/models/test-1/approve").status_code == 409
    carla.post("/v1/models/test-1/override", json=REASON).raise_for_status()
    assert berta.post("/v1/models/test-1/approve").json()["state"] == "approved"
    entries = signing.admin.get("/v1/audit", params={"action": "model.override"}).json()["items"]
    assert [each["detail"]["gates"] for each in entries] == [[gate]] * 3


def test_what_is_not_a_candidate_any_more_is_not_judged_again(signing: Control) -> None:
    ana, berta = signing.as_role("Ana"), signing.as_role("Berta")
    register(ana)
    assert berta.post("/v1/models/test-1/reject", json=REASON).json()["state"] == "rejected"
    assert berta.post("/v1/models/test-1/approve").status_code == 409
    assert berta.post("/v1/models/test-1/override", json=REASON).status_code == 409
    register(ana, "test-2")
    berta.post("/v1/models/test-2/approve").raise_for_status()
    assert berta.post("/v1/models/test-2/reject", json=REASON).status_code == 409


def test_a_retired_model_is_not_offered_any_more(signing: Control) -> None:
    ana, berta = signing.as_role("Ana"), signing.as_role("Berta")
    for version in ("test-1", "test-2"):
        register(ana, version)
        berta.post(f"/v1/models/{version}/approve").raise_for_status()
    berta.post("/v1/models/test-2/desire").raise_for_status()
    assert berta.post("/v1/models/test-2/retire").status_code == 409
    retired = berta.post("/v1/models/test-1/retire").json()
    assert (retired["state"], retired["published_at"], retired["notice"]) == ("retired", None, None)
    assert berta.get("/v1/model-repository").json()["offered"] == ["test-2"]
    assert berta.post("/v1/models/test-1/approve").status_code == 409
    assert berta.post("/v1/models/test-1/publish").status_code == 409


def test_a_model_of_a_rollout_is_not_retired(signing: Control) -> None:
    ana, berta = signing.as_role("Ana"), signing.as_role("Berta")
    for version in ("test-1", "test-2"):
        register(ana, version)
        berta.post(f"/v1/models/{version}/approve").raise_for_status()
    berta.post("/v1/models/test-1/desire").raise_for_status()
    signing.add_device()
    number = ana.post("/v1/rollouts", json={"version": "test-2"}).json()["id"]
    for order in ("approve", "start"):
        berta.post(f"/v1/rollouts/{number}/{order}").raise_for_status()
    for version in ("test-1", "test-2"):
        refused = berta.post(f"/v1/models/{version}/retire")
        assert refused.status_code == 409
        assert f"needs model {version!r}" in refused.json()["detail"]


def test_without_the_targets_key_an_approved_model_waits_to_be_signed(signing: Control, keys: Path) -> None:
    (keys / "targets.pem").rename(keys.parent / "offline.pem")
    ana, berta = signing.as_role("Ana"), signing.as_role("Berta")
    register(ana)
    approved = berta.post("/v1/models/test-1/approve").json()
    assert (approved["state"], approved["published_at"]) == ("approved", None)
    assert "stressvision models sign test-1 --key FILE" in approved["notice"]
    assert "not signed yet" in berta.post("/v1/models/test-1/desire").json()["detail"]
    assert berta.post("/v1/models/test-1/publish").status_code == 409
    assert berta.get("/v1/model-repository").json()["signs"] == ["snapshot", "timestamp"]

    (keys.parent / "offline.pem").rename(keys / "targets.pem")
    assert berta.post("/v1/models/test-1/publish").json()["published_at"] is not None


def test_a_server_without_a_repository_says_so(control: Control) -> None:
    control.person("Ana", "ml")
    register(control.as_role("Ana"))
    approved = control.admin.post("/v1/models/test-1/approve").json()
    assert "there is no signed repository yet" in approved["notice"]
    assert control.admin.get("/v1/model-repository").status_code == 404


def test_reports_and_the_card_come_back_harmless(signing: Control) -> None:
    ana, berta = signing.as_role("Ana"), signing.as_role("Berta")
    register(ana)
    page = b"<h1>report</h1>"
    for name, content in (("README.md", b"# card"), ("report.html", page), ("confusion.png", b"\x89PNG")):
        assert ana.put(f"/v1/models/test-1/reports/{name}", content=content, headers=OCTETS).json()["is_new"]
    assert ana.put("/v1/models/test-1/reports/x.exe", content=b"MZ", headers=OCTETS).status_code == 422
    assert ana.put("/v1/models/test-1/reports/..%2Fx.md", content=b"", headers=OCTETS).status_code in (404, 422)
    listed = [each["name"] for each in berta.get("/v1/models/test-1/reports").json()]
    assert listed == ["README.md", "confusion.png", "report.html"]
    shown = berta.get("/v1/models/test-1/reports/report.html")
    assert shown.content == page
    assert shown.headers["content-type"].startswith("text/html")
    assert "sandbox" in shown.headers["content-security-policy"]

    berta.post("/v1/models/test-1/approve").raise_for_status()
    assert ana.put("/v1/models/test-1/reports/README.md", content=b"other", headers=OCTETS).status_code == 409
    same = ana.put("/v1/models/test-1/reports/README.md", content=b"# card", headers=OCTETS)
    assert same.json()["is_new"] is False


def test_a_model_is_registered_once_and_one_is_desired(signing: Control) -> None:
    first = make_manifest()
    ana, berta = signing.as_role("Ana"), signing.as_role("Berta")
    assert ana.post("/v1/models", json=first).status_code == 201
    again = ana.post("/v1/models", json=first)
    assert again.status_code == 200
    assert again.json()["manifest"]["digest"] == first["digest"]
    other = ana.post("/v1/models", json=first | {"size_bytes": 1})
    assert other.status_code == 409
    assert "give this model another version" in other.json()["detail"]
    assert ana.post("/v1/models/test-1/desire").status_code == 403
    assert "is candidate; the fleet runs only approved" in berta.post("/v1/models/test-1/desire").json()["detail"]
    for version in ("test-1", "test-2"):
        register(ana, version)
        berta.post(f"/v1/models/{version}/approve").raise_for_status()
        assert berta.post(f"/v1/models/{version}/desire").json()["desired"] is True
    listed = signing.admin.get("/v1/models").json()["items"]
    assert [(each["version"], each["desired"]) for each in listed] == [("test-1", False), ("test-2", True)]
    with transaction(signing.database.engine("ingest")) as session:
        desired = desired_model(session)
    assert desired is not None
    assert (desired.version, desired.digest) == ("test-2", hashlib.sha256(content_of("test-2")).hexdigest())
    assert signing.admin.post("/v1/models/test-9/desire").status_code == 404


@pytest.mark.parametrize(
    "changes",
    [{"labels": ["neutral"]}, {"digest": "x"}, {"version": "a b"}, {"colour": 1}, {"input": {}}, {"size_bytes": "1"}],
)
def test_what_is_no_manifest_is_refused(shared_control: Control, changes: dict[str, object]) -> None:
    answer = shared_control.admin.post("/v1/models", json=make_manifest(**changes))
    assert answer.status_code == 422
    assert "this is no manifest" in answer.json()["detail"]


def test_two_desires_at_once_leave_one_model_desired(signing: Control) -> None:
    versions = ["test-1", "test-2", "test-3"]
    for version in versions:
        register(signing.as_role("Ana"), version)
        signing.as_role("Berta").post(f"/v1/models/{version}/approve").raise_for_status()
    admin = signing.admin

    def desire(version: str) -> None:
        for _ in range(5):
            assert admin.post(f"/v1/models/{version}/desire").status_code == 200

    threads = [threading.Thread(target=desire, args=(version,)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each["desired"] for each in admin.get("/v1/models").json()["items"]) == 1


def test_the_shipped_model_fails_no_gate(control: Control) -> None:
    manifest = ROOT / "models" / "stressvision" / "manifest.json"
    answer = control.admin.post(
        "/v1/models", content=manifest.read_bytes(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["unmet_gates"] == []
