"""One suite in one folder, from its plan to finished runs: what is to do is found, done, and told as it happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

from rlbench.api import Run, RunGroup, SuiteError
from rlbench.executors.jobs import Context, Event, Job
from rlbench.plugins import Plugins
from rlbench.results import Store
from rlbench.results.results_index import read_facts
from rlbench.results.table_repair import restore_tables
from rlbench.runner.preparation import changed_runs, corrupt_runs, prepare
from rlbench.runner.unrequested_runs import unasked

if TYPE_CHECKING:
    from rlbench.suites import Plan

RERUNS = ("failed", "changed", "corrupt", "all")


@dataclass(frozen=True)
class Options:
    """How a suite is run. rerun: one of RERUNS, or (part of) a run's folder name, for runs to be trained again.

    algorithms, environments: patterns (`dqn*`) of those to do now, all if empty; the others stay as they are.
    stop_after: seconds until it stops as by Ctrl-C. strict: refuse a folder with runs that other code made. profile:
    measure where the time of what is trained now goes; it changes no number.
    """

    jobs: int | None = None
    executor: str = "local"
    rerun: str | None = None
    retries: int = 1
    algorithms: Sequence[str] = ()
    environments: Sequence[str] = ()
    stop_after: float | None = None
    strict: bool = False
    profile: bool = False

    def __post_init__(self) -> None:
        for name in ("algorithms", "environments"):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        if self.jobs is not None and self.jobs < 1:
            raise SuiteError(f"jobs should be at least 1, got {self.jobs}")
        if self.retries < 0:
            raise SuiteError(f"retries should be at least 0, got {self.retries}")

    def chosen(self, groups: Sequence[RunGroup]) -> list[RunGroup]:
        """The groups that are to be done now. Raises: SuiteError for a pattern that none of them matches."""
        for pattern in self.algorithms:
            names = dict.fromkeys(name for g in groups for name in (g.label, g.algorithm))
            if not any(fnmatchcase(name, pattern) for name in names):
                raise SuiteError(f"no algorithm of the suite is called {pattern!r}; it has {', '.join(names)}")
        for pattern in self.environments:
            tasks = dict.fromkeys(g.task.env_id for g in groups)
            if not any(fnmatchcase(task, pattern) for task in tasks):
                raise SuiteError(f"no environment of the suite is called {pattern!r}; it has {', '.join(tasks)}")
        return [
            group
            for group in groups
            if _matches(self.algorithms, group.label, group.algorithm)
            and _matches(self.environments, group.task.env_id)
        ]

    def again(self, run: Run) -> bool:
        """Whether a run that has failed is to be run once more."""
        return self.rerun in ("failed", "all") or bool(
            self.rerun and self.rerun not in RERUNS and self.rerun in run.name
        )


def _matches(patterns: Sequence[str], *names: str) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


class Watch(Protocol):
    """Who is told what happens: a terminal, a log, a notebook."""

    def say(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def begin(self, planned: Plan, todo: Sequence[Job], store: Store, workers: int) -> None: ...

    def event(self, job: Job, event: Event) -> None: ...

    def end(self) -> None: ...


@dataclass
class Outcome:
    """What came out: the runs chosen, how many groups were trained now, and algorithms whose runs other code made."""

    runs: list[Run]
    trained: int = 0
    changed: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def run_suite(planned: Plan, plugins: Plugins, store: Store, options: Options, watch: Watch) -> Outcome:
    """Run what is not finished. The folder is locked meanwhile.

    Raises: LockedError, StoreError and DiskFull of the folder; SuiteError where `options` cannot be met;
    KeyboardInterrupt after everything has stopped.
    """
    from rlbench import __version__

    execute = plugins.executor(options.executor).execute
    groups = options.chosen(planned.groups)
    store.lock()
    try:
        runs = [run for group in planned.groups for run in group.runs]
        outcome = Outcome([run for group in groups for run in group.runs])
        outcome.changed = _set_aside(store, plugins, groups, options)
        _say_what_else_is_there(store, runs, planned.suite.name, watch)
        skipped = [
            {"algorithm": s.algorithm, "environment": s.env_id, "reason": s.reason, "status": str(s.status)}
            for s in planned.skipped
        ]
        store.describe_suite(planned.suite.resolved(), runs, __version__, skipped, planned.adaptive)
        _restore(store, outcome.runs, watch)
        todo = prepare(store, plugins, groups, options.again, options.profile)
        outcome.trained = len(todo)
        workers = options.jobs or planned.workers
        if options.profile and not todo:
            watch.say("nothing is to be trained, so nothing is profiled; --rerun all trains again")
        watch.begin(planned, todo, store, workers)
        listen = _Observed(plugins, watch)
        listen.observe("rlbench_suite_started", suite=planned.suite.name, groups=[job.group for job in todo])
        try:
            if todo:
                retry = _retry(store, plugins, todo, options)
                execute(todo, Context(workers, listen, retry, options.stop_after, watch.warn))
        finally:
            watch.end()
        outcome.counts = dict(Counter(str(state.status) for state in store.states(outcome.runs).values()))
        listen.observe("rlbench_suite_finished", suite=planned.suite.name, counts=outcome.counts)
        return outcome
    finally:
        store.unlock()


def again(
    store: Store, plugins: Plugins, groups: Sequence[RunGroup], options: Options
) -> tuple[list[Run], dict[str, list[str]]]:
    """The published runs that `options` has trained again, and by label how others were made otherwise that are kept.

    Raises: SuiteError for a `rerun` that means no run.
    """
    runs = [run for group in groups for run in group.runs]
    changed = changed_runs(store, plugins, groups)
    labels: dict[str, list[str]] = {}
    for run, differs in changed:
        known = labels.setdefault(run.label or run.algorithm, [])
        known += [text for text in differs if text not in known]
    found: list[Run] = []
    if options.rerun == "changed":
        found, labels = [run for run, _ in changed], {}
    elif options.rerun == "corrupt":
        found = corrupt_runs(store, runs)
    elif options.rerun == "all":
        found, labels = runs, {}
    elif options.rerun and options.rerun not in RERUNS:
        found = [run for run in runs if options.rerun in run.name]
        if not found:
            raise SuiteError(
                f"--rerun {options.rerun}: no run's folder is called so; it is {', '.join(RERUNS)}, or (part of) a name in {store.root / 'runs'}"
            )
    return found, labels


def _set_aside(store: Store, plugins: Plugins, groups: Sequence[RunGroup], options: Options) -> dict[str, list[str]]:
    """Move runs that are to be trained again out of the way. Returns: what is made by other code and kept."""
    found, labels = again(store, plugins, groups, options)
    if options.strict and labels:
        told = "; ".join(f"{label}: {', '.join(differs)}" for label, differs in labels.items())
        raise SuiteError(
            f"{store.root} holds runs that were made otherwise ({told}); --rerun changed trains them again"
        )
    for run in found:
        store.set_aside(run)
    return labels


def _say_what_else_is_there(store: Store, runs: Sequence[Run], name: str, watch: Watch) -> None:
    """A folder may hold runs that this suite does not ask for; they are kept and not shown."""
    damage = store.damage()
    before = None if damage or not (store.root / "suite.json").exists() else store.suite()
    if damage:
        watch.warn(
            f"{damage}\nwritten anew now; what it was is kept in superseded/, and imported runs stay in the tables"
        )
    if before is not None and before["suite"]["name"] != name:
        watch.warn(
            f"{store.root} held the suite {before['suite']['name']!r} until now; its tables show {name!r} from here on"
        )
    if others := unasked(store, runs):
        watch.say(others)


def _restore(store: Store, runs: Sequence[Run], watch: Watch) -> None:
    """Make damaged tables of published runs again, where what they were made of is still there."""
    states = store.states(runs)
    facts = read_facts(store, runs, states)
    for run in runs:
        if run.key in facts and facts[run.key].damaged:
            restored = restore_tables(store, run, states[run.key])
            if restored:
                watch.say(
                    f"{store.folder(run)}: {', '.join(restored)} made again from its attempt, as it was published"
                )


def _retry(store: Store, plugins: Plugins, todo: Sequence[Job], options: Options) -> Callable[[Job], Sequence[Job]]:
    left = Counter({job.group.name: options.retries for job in todo})

    def retry(job: Job) -> Sequence[Job]:
        left[job.group.name] -= 1
        return prepare(store, plugins, [job.group], profile=options.profile) if left[job.group.name] >= 0 else []

    return retry


class _Observed:
    """Passes what executors tell to the watch and to the plugins' observers."""

    def __init__(self, plugins: Plugins, watch: Watch) -> None:
        self._plugins, self._watch = plugins, watch

    def __call__(self, job: Job, event: Event) -> None:
        self._watch.event(job, event)
        kind = event["event"]
        if kind == "started":
            self.observe("rlbench_group_started", group=job.group)
        elif kind == "evaluated":
            told = {name: event[name] for name in ("kind", "step", "returns")}
            self.observe("rlbench_evaluated", group=job.group, **told)
        elif kind == "finished":
            self.observe("rlbench_group_finished", group=job.group, status=event["status"])

    def observe(self, hook: str, **arguments: Any) -> None:
        for problem in self._plugins.notify(hook, **arguments):
            self._watch.warn(problem)
