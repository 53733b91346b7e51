"""Result folders with given scores, written by the store itself, for tests of what is read out of them."""

from unittest.mock import patch

from rlbench.api import (
    STAGE_METRIC,
    EpisodeRecord,
    EvaluationProtocol,
    EvaluationRecord,
    MetricRecord,
    RunGroup,
    Task,
)
from rlbench.results import JsonlSink, Store, publish

NAN = float("nan")
STEPS = 1_000


def folder(root, scores, environments=None, grid=(), suite=None, algorithms=(), stages=None):
    """A finished folder. scores: {label: {env_id: [final return or status of each seed]}}; "random" is the algorithm
    `random`, all others are `dqn` with the label as a hyperparameter.

    environments: {env_id: {"kwargs": …, "steps": …}} where a task differs. grid: shares of the final score reached at equal
    steps, as evaluations before the end. suite: entries of suite.json's environments; algorithms: of its
    algorithms. A score (score, "diverged") is of a run that diverged after that evaluation; None instead of the score: before any.
    stages: {env_id: [the steps at which each seed enters its stages, from the first on]}; a training episode of the
    same runs has a tenth of the final return.
    """
    with patch("rlbench.results.file_io.sync"):  # nothing here has to outlive a power cut
        return _made(Store(root), scores, environments, grid, suite, algorithms, stages or {})


def _made(store, scores, environments, grid, suite, algorithms, stages):
    groups, plans = [], []
    for label, tasks in scores.items():
        for env_id, results in tasks.items():
            differing = {"steps": STEPS, **(environments or {}).get(env_id, {})}
            differing = {"env_id": env_id, **differing}
            task = Task(evaluation=EvaluationProtocol(every=100, episodes=2, final_episodes=3), **differing)
            name = label if label == "random" else "dqn"
            group = RunGroup(name, {} if label == "random" else {"as": label}, task, tuple(range(len(results))), label)
            groups.append(group)
            plans.append(results)
    entries = [{"id": env_id, **entry} for env_id, entry in (suite or {}).items()]
    runs = [run for group in groups for run in group.runs]
    described = {"name": "made", "environments": entries, **({"algorithms": list(algorithms)} if algorithms else {})}
    store.describe_suite(described, runs, "0")
    for group, results in zip(groups, plans):
        _play(store, group, results, grid, stages.get(group.task.name, ()))
    return store


def _play(store, group, results, grid, stages):
    attempt = store.new_attempt(group, {}, "rlbench")
    sink = JsonlSink(attempt)
    steps = group.task.steps
    for seed, result in zip(group.seeds, results):
        score = result[0] if isinstance(result, tuple) else result
        if isinstance(score, str) or score is None:
            continue
        for k, share in enumerate(grid, 1):
            at = steps * k // len(grid)
            sink.evaluation(EvaluationRecord(seed, at, at, "grid", share * score, 0.0, 1.0, (share * score,), (1,), k))
        if not isinstance(result, tuple):
            sink.evaluation(EvaluationRecord(seed, steps, steps, "final", score, 0.0, 1.0, (score,), (1,), len(grid)))
        elif not grid:
            sink.evaluation(EvaluationRecord(seed, 1, 1, "grid", score, 0.0, 1.0, (score,), (1,), 0.5))
    for seed, (entered, score) in enumerate(zip(stages, results)):
        for stage, at in enumerate(entered, 1):
            sink.metric(MetricRecord(seed, at, STAGE_METRIC, float(stage)))
        sink.episode(EpisodeRecord(seed, steps, 0, 0, 0, score / 10, 1, "terminated"))
    sink.close()
    for run, result in zip(group.runs, results):
        if isinstance(result, str):
            continue
        status = result[1] if isinstance(result, tuple) else "done"
        facts = {
            "status": status,
            "steps": steps,
            "cpu_seconds": 2.0,
            "wall_seconds": 1.0,
            "stack_size": len(group.seeds),
        }
        publish(store.folder(run), run, attempt, {}, facts)
