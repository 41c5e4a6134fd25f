import json
import logging

from stressvision_telemetry.logs import JsonFormatter


def line_of(record: logging.LogRecord) -> dict[str, object]:
    return json.loads(JsonFormatter().format(record))


def test_a_record_is_one_json_line_with_its_extras():
    record = logging.getLogger("a").makeRecord(
        "a", logging.WARNING, "f", 1, "late by %d s", (3,), None, extra={"batch": 7}
    )
    line = line_of(record)
    assert line["message"] == "late by 3 s"
    assert line["level"] == "warning"
    assert line["batch"] == 7
    assert "\n" not in JsonFormatter().format(record)


def test_a_traceback_stays_on_the_line():
    try:
        raise ValueError("no")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    text = JsonFormatter().format(logging.makeLogRecord({"msg": "failed", "exc_info": info}))
    assert "\n" not in text
    assert "ValueError: no" in str(json.loads(text)["traceback"])
