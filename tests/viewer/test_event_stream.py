"""Values and who waits for them: any number of listeners, none of whom misses the newest."""

from threading import Thread

import pytest

from rlbench.viewer.event_stream import MOST_LISTENERS, EventStream, TooManyListeners


def test_a_listener_gets_what_changed_since_its_version():
    stream = EventStream()
    stream.publish("a", "1")
    stream.publish("b", "1")
    version, changed = stream.changes(0)
    assert changed == {"a": "1", "b": "1"}
    stream.publish("a", "2")
    stream.publish("a", "3")
    stream.publish("b", "1")  # as before
    assert stream.changes(version)[1] == {"a": "3"}


def test_every_waiting_listener_is_woken():
    stream, got = EventStream(), []
    threads = [Thread(target=lambda: got.append(stream.changes(0)[1])) for _ in range(5)]
    for thread in threads:
        thread.start()
    stream.publish("a", "1")
    for thread in threads:
        thread.join(30)
    assert got == [{"a": "1"}] * 5


def test_without_a_change_nothing_comes():
    assert EventStream().changes(0, timeout=0) == (0, {})


def test_closing_wakes_all_that_wait():
    stream = EventStream()
    threads = [Thread(target=stream.changes, args=(0,)), Thread(target=stream.wait_for_listeners)]
    for thread in threads:
        thread.start()
    stream.close()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert not stream.wait_for_listeners()


def test_listeners_are_counted_and_limited():
    stream = EventStream()
    assert not stream.wait_for_listeners(timeout=0)
    contexts = [stream.listening() for _ in range(MOST_LISTENERS)]
    for context in contexts:
        context.__enter__()
    with pytest.raises(TooManyListeners), stream.listening():
        pass
    assert stream.wait_for_listeners()
    for context in contexts:
        context.__exit__(None, None, None)
    assert stream.wait_for_listeners(present=False)
