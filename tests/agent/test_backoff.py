from stressvision_agent.backoff import Backoff


def test_waits_grow_with_full_jitter_up_to_a_bound_and_begin_anew():
    backoff = Backoff(first_s=1.0, last_s=300.0)
    waits = [backoff.next_s() for _ in range(40)]
    for tries, wait in enumerate(waits):
        assert 0 <= wait <= min(300.0, 2.0**tries)
    assert max(waits) > 60
    assert len(set(waits)) == 40
    backoff.succeeded()
    assert backoff.next_s() <= 1.0


def test_what_a_server_asks_of_all_devices_is_kept_by_none_to_the_second():
    waits = {Backoff(first_s=2.0, last_s=300.0).next_s(120.0) for _ in range(20)}
    assert len(waits) == 20
    assert all(120 <= wait <= 122 for wait in waits)
