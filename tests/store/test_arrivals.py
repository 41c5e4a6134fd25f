"""The classes that decode fast say the same as the contract."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from stressvision_contracts.events import EventBatch, Window
from stressvision_contracts.labels import COMPANY5
from stressvision_store.arrivals import ArrivedBatch, ArrivedWindow, LabelRatios, LabelSeconds
from support.intake import make_window


def fields_of(struct: type) -> dict[str, tuple]:
    return {field.name: (field.type, field.required) for field in structs.fields(struct)}


def test_the_window_has_the_contract_s_fields():
    ours, contract = fields_of(ArrivedWindow), fields_of(Window)
    assert list(ours) == list(contract)
    assert {name for name in ours if ours[name] != contract[name]} == {"seconds", "mean_probability"}
    assert ArrivedWindow.__struct_config__.tag == Window.__struct_config__.tag
    assert ArrivedWindow.__struct_config__.forbid_unknown_fields


def test_labels_are_the_company_s_with_the_contract_s_limits():
    for name, struct in (("seconds", LabelSeconds), ("mean_probability", LabelRatios)):
        (_, limits) = fields_of(Window)[name][0].__args__
        assert fields_of(struct) == dict.fromkeys(COMPANY5, (limits, False))


def test_the_batch_has_the_contract_s_fields():
    assert list(fields_of(ArrivedBatch)) == list(fields_of(EventBatch))


numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers()
labels = st.dictionaries(st.sampled_from([*COMPANY5, "angry"]), numbers, max_size=5)


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({}, optional={"seconds": labels, "mean_probability": labels, "coverage": numbers}))
def test_both_accept_and_refuse_the_same(changes):
    body = json.dumps(make_window(**changes)).encode()
    try:
        window = msgspec.json.decode(body, type=Window)
    except msgspec.ValidationError:
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(body, type=ArrivedWindow)
        return
    arrived = msgspec.json.decode(body, type=ArrivedWindow)
    assert {label: window.seconds.get(label, 0.0) for label in COMPANY5} == structs.asdict(arrived.seconds)
    assert msgspec.json.decode(msgspec.json.encode(arrived), type=Window).coverage == window.coverage
