"""Two processes that finish the same run, as when an engine starts a job again: one publishes, the other says so."""

import threading

import numpy as np
import pytest
from support.read_back import run_table

from rlbench.api import EpisodeRecord, EvaluationProtocol, EvaluationRecord, NoticeEvent, RunGroup, Task
from rlbench.executors import attempt as attempts
from rlbench.executors.attempt import Attempt
from rlbench.results import JsonlSink, Store, publication, publish

GROUP = RunGroup("random", {}, Task("CartPole-v1", 40, EvaluationProtocol(every=0, final_episodes=2)), (0, 1))


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    made.describe_suite({"name": "s"}, GROUP.runs, "0")
    return made


def finished(store, score):
    """An attempt whose records differ from those of another score."""
    folder = store.new_attempt(GROUP, {}, "rlbench")
    sink = JsonlSink(folder)
    sink.episode(EpisodeRecord(0, 10, 0, 0, 7, score, 10, "truncated"))
    sink.evaluation(EvaluationRecord(0, 40, 40, "final", score, 0.0, 9.0, (score,), (9,), 0.5))
    sink.close()
    return folder


@pytest.mark.parametrize("point", ["published-episodes", "published-evaluations", "publish-result"])
def test_who_comes_while_another_publishes_changes_none_of_its_files(store, monkeypatch, point):
    run, lock = GROUP.runs[0], publication.fcntl.flock
    folders = [finished(store, 1.0), finished(store, 2.0)]
    second_is_there, answers = threading.Event(), {}

    def publish_as(number):
        answers[number] = publish(
            store.folder(run), run, folders[number], {"w": np.ones(1) * number}, {"status": "done", "steps": 40}
        )
        second_is_there.set()

    second = threading.Thread(target=publish_as, args=(1,))

    def flock(file, kind):
        if threading.current_thread() is second:
            second_is_there.set()
        lock(file, kind)

    def pause(name):
        if name == point and threading.current_thread() is not second:
            second.start()
            assert second_is_there.wait(30)  # it waits for its turn, or it is done

    monkeypatch.setattr(publication.fcntl, "flock", flock)
    monkeypatch.setattr(publication, "failpoint", pause)
    publish_as(0)
    second.join()
    assert answers == {0: True, 1: False}
    table = run_table(store)
    assert (
        table["status"].tolist() == ["done", "interrupted"] and table["score"][0] == table["training_return"][0] == 1.0
    )


def said_of_publishing(events):
    return [event.message for event in events if isinstance(event, NoticeEvent) and "published" in event.message]


def test_an_attempt_that_is_overtaken_says_whose_result_is_kept_and_one_that_comes_later_trains_nothing(
    store, monkeypatch
):
    folders = [store.new_attempt(GROUP, {}, "rlbench") for _ in range(3)]
    events = {folder: [] for folder in folders}
    real = attempts.publish

    def overtaken(*arguments):
        monkeypatch.setattr(attempts, "publish", real)
        Attempt(folders[1], events[folders[1]].append).run()
        return real(*arguments)

    monkeypatch.setattr(attempts, "publish", overtaken)
    assert Attempt(folders[0], events[folders[0]].append).run() == "done"
    assert Attempt(folders[2], events[folders[2]].append).run() == "done"
    said = [said_of_publishing(events[folder]) for folder in folders]
    kept = "was already published by another process, whose result is kept"
    assert said == [[f"seed 0 {kept}", f"seed 1 {kept}"], [], ["not trained: another process has published its runs"]]
    assert not (folders[2] / "evaluations.jsonl").exists()
    states = store.states(GROUP.runs)
    assert {state.attempt for state in states.values()} == {folders[1].name}
    assert run_table(store)["status"].tolist() == ["done", "done"]
