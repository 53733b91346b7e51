"""Result folders made by hand for tests of the report, and a page as a browser would find it."""

from html.parser import HTMLParser

import numpy as np

from rlbench.analysis.learning_curves import LearningCurves
from rlbench.api import EpisodeRecord, EvaluationProtocol, EvaluationRecord, MetricRecord, RunGroup, Task
from rlbench.results import JsonlSink, Store, publish
from support.read_back import render

TASK = Task("CartPole-v1", 100, EvaluationProtocol(every=50, episodes=2, final_episodes=3))
FACTS = {
    "code": {"distribution": "rlbench", "plugin_sources": "aaaa"},
    "numerics": {"torch": "2.13", "threads": 1},
    "versions": {"python": "3.11", "rlbench": "0.1.0"},
    "hardware": {"cpu": "a <fast> one", "cores": 2, "memory_bytes": 2**34},
    "stack_size": 4,
    "group_wall_seconds": 8.0,
    "wall_seconds": 6.0,
    "cpu_seconds": 2.0,
    "group_peak_memory_bytes": 3 * 2**20,
}


class Page(HTMLParser):
    """What a browser would find: tags with their attributes, the cells of each table row, and all text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self.texts, self._cell = [], [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, text):
        self.texts.append(text)
        if self._cell:
            self.rows[-1][-1] += text

    def row(self, *beginning):
        """The first row whose cells begin so, each without the spaces around it."""
        rows = [[" ".join(cell.split()) for cell in row] for row in self.rows]
        return next(row for row in rows if row[: len(beginning)] == list(beginning))

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def group(label="", seeds=5, task=TASK, algorithm="random", config=None):
    return RunGroup(algorithm, config or {}, task, tuple(range(seeds)), label)


def suite_of(root, groups, **more):
    """A folder in which these groups are planned and nothing has run."""
    store = Store(root)
    labels = dict.fromkeys((g.algorithm, g.label) for g in groups)
    listed = [{"id": algorithm, "label": label} for algorithm, label in labels]
    runs = [run for g in groups for run in g.runs]
    store.describe_suite({"name": "small", "algorithms": listed, **more}, runs, "0.1.0")
    return store


def play(store, group, scores, grid=(), status="done", **facts):
    """Publish a run of the group for each score, in the order of its seeds; None: leave that one unpublished.

    grid: the evaluations of each run, as pairs of step and return. status: of all, or of each.
    """
    attempt = store.new_attempt(group, {}, "rlbench")
    sink = JsonlSink(attempt)
    for i, (seed, score) in enumerate(zip(group.seeds, scores)):
        for step, value in grid[i] if i < len(grid) else ():
            sink.evaluation(EvaluationRecord(seed, step, step, "grid", value, 0.0, 9.0, (value,), (9,), 0.5))
        if score is not None and not np.isnan(score):
            sink.evaluation(EvaluationRecord(seed, 100, 100, "final", score, 0.0, 9.0, (score,), (9,), 0.5))
        sink.episode(EpisodeRecord(seed, 10, 0, 0, 7, 5.0 + seed, 10, "truncated"))
        sink.metric(MetricRecord(seed, 10, "<b>loss</b>", 0.5))
    sink.close()
    for i, (run, score) in enumerate(zip(group.runs, scores)):
        if score is not None:
            own = {"status": status if isinstance(status, str) else status[i], "steps": 100}
            publish(store.folder(run), run, attempt, {}, {**own, **FACTS, **facts})
    return attempt


def page_of(store):
    return Page(render(store))


def grid_of(values, name="many"):
    steps = np.arange(1.0, values.shape[1] + 1)
    blank = np.full_like(values, np.nan)
    keys = tuple(map(str, range(len(values))))
    return LearningCurves(name, "task", steps, values, values, blank, blank, np.zeros(len(values), bool), keys)


BAD = ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", '" onload="alert(1)', "-->{{ 7*7 }}$x$"]
