"""Batches of JSON before the intake's judge, as they come from a device."""

import json
from dataclasses import replace

from stressvision_ingest.clocks import now_us
from stressvision_ingest.rules import Terms
from stressvision_ingest.verdicts import Judged, judge
from support.intake import MODEL, Event, make_batch

TERMS = Terms(device_id=7, profile="full", models={MODEL: 1, "none": 2}, received_us=0)


def judge_events(*events: Event, terms: Terms = TERMS, **envelope: object) -> Judged:
    return judge_body(json.dumps(make_batch(*events, **envelope)).encode(), terms)


def judge_body(body: bytes, terms: Terms = TERMS) -> Judged:
    """As if it came now."""
    return judge(body, replace(terms, received_us=now_us()))
