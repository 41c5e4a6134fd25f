from stressvision_agent.sight import SightMeter

WHAT = {"model_version": "double-1", "model_digest": "0" * 64, "state": "seeing"}


def test_what_is_not_known_yet_is_none():
    sight = SightMeter().sight(100.0, **WHAT)
    assert sight.inference_p95_s is None
    assert sight.coverage is None
    assert sight.frames_per_second == 0


def test_rates_are_of_the_last_ten_seconds_and_the_last_faces():
    meter = SightMeter()
    for index in range(300):
        meter.frame(100 + index / 15)
        meter.inference(0.002 if index < 270 else 0.010)
    meter.coverage(0.75)
    sight = meter.sight(120.0, **WHAT)
    assert sight.frames_per_second == 14.9
    assert sight.inference_p95_s == 0.010
    assert sight.coverage == 0.75
    assert meter.sight(200.0, **WHAT).frames_per_second == 0
