import json

import pytest

from stressvision_contracts.labels import COMPANY5, FER7, PROFILE_CONDITIONS, PROFILE_LABELS
from stressvision_contracts.manifest import read_manifest

MANIFEST = {
    "version": "0.1.0",
    "file": "model_int8.tflite",
    "digest": "0" * 64,
    "size_bytes": 1,
    "label_scheme": "company5",
    "labels": list(COMPANY5),
    "input": {"height": 48, "width": 48, "channels": 1, "margin": 0.1},
    "episodes": {},
}


def test_a_manifest_reads_back():
    manifest = read_manifest(json.dumps(MANIFEST).encode())
    assert tuple(manifest.labels) == COMPANY5
    assert manifest.input.resize == "area"


def test_labels_must_be_those_of_the_scheme_in_order():
    with pytest.raises(ValueError, match="company5"):
        read_manifest(json.dumps(MANIFEST | {"labels": list(reversed(COMPANY5))}).encode())
    with pytest.raises(ValueError, match="company5"):
        read_manifest(json.dumps(MANIFEST | {"labels": list(FER7)}).encode())


THRESHOLDS = {
    "on": 0.6, "off": 0.4, "enter_share": 0.5, "leave_share": 0.25,
    "window_s": 60, "min_s": 30, "leave_s": 20, "merge_s": 10, "cooldown_s": 300,
}  # fmt: skip


@pytest.mark.parametrize(
    ("episodes", "place"),
    [
        ({"fatigue": THRESHOLDS | {"window_s": 0}}, "window_s"),
        ({"fatigue": THRESHOLDS | {"min_s": -1}}, "min_s"),
        ({"fatigue": THRESHOLDS | {"on": 60}}, "on"),
        ({"tiredness": THRESHOLDS}, "tiredness"),
    ],
)
def test_episodes_that_no_device_could_find_are_refused(episodes, place):
    read_manifest(json.dumps(MANIFEST | {"episodes": {"fatigue": THRESHOLDS}}).encode())
    with pytest.raises(ValueError, match=place):
        read_manifest(json.dumps(MANIFEST | {"episodes": episodes}).encode())


def test_an_unknown_key_is_named():
    with pytest.raises(ValueError, match="colour"):
        read_manifest(json.dumps(MANIFEST | {"colour": "blue"}).encode())


def test_a_profile_never_allows_a_condition_without_its_label():
    for profile, conditions in PROFILE_CONDITIONS.items():
        assert conditions <= PROFILE_LABELS[profile]
