"""Simulate how often `rlbench gate` is wrong and how often it detects a loss, by kind of data and number of runs.

    .venv/bin/python benchmarks/gate.py alarms|margin|power|methods|plan|published [--cases 1000]
    .venv/bin/python benchmarks/gate.py runs results/one results/another     # splits of the real runs of one algorithm
    .venv/bin/python benchmarks/gate.py power docs/images/gate.png --cases 300

alarms: both sides have the same distribution; margin: a loss of exactly the margin; power: greater losses; methods:
other tests on the same data; plan: whether losses reported as detectable are detected; published: how often `rlbench
check-against` reports a number as higher or lower that came from runs like ours. Scores are normalised, the margin is
0.05, alpha 0.05. The output is the tables of docs/gate.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from rlbench.analysis.gate_verdicts import FAIL, PASS, Case, case_verdicts, overall
from rlbench.stats import detectable_loss, difference, iqm, overall_iqm, overall_mean, prediction_interval, welch_test
from rlbench.stats.noninferiority import standardise

MARGIN = ALPHA = 0.05
SIZES = (5, 10, 20)
UNLIKE = ((5, 5), (8, 8), (10, 10), (20, 20), (5, 10), (10, 5))  # new runs, runs of the base
PERMUTATIONS, FEWER = 499, 299  # FEWER: for gates of one cell
Draw = Callable[[Generator, int], np.ndarray]


def two_kinds(share: float, bad: float, spread: float, good_spread: float) -> Draw:
    """Draw runs of which a share scores near `bad`, and the others near 1."""

    def draw(g: Generator, n: int) -> np.ndarray:
        return np.where(g.random(n) < share, g.normal(bad, spread, n), g.normal(1.0, good_spread, n))

    return draw


def bimodal(share: float) -> Draw:
    """Draw runs like DQN's on CartPole-v1: exactly the task's cap, or about 140 of 500."""
    return two_kinds(share, 0.25, 0.08, 0.0)


def failing(share: float) -> Draw:
    return two_kinds(share, 0.0, 0.1, 0.1)


KINDS: dict[str, Draw] = {
    "normal": lambda g, n: g.normal(0.8, 0.1, n),
    "skewed": lambda g, n: 1 - g.exponential(0.1, n),
    "bimodal": bimodal(1 / 3),
    "failing": failing(0.2),
}
MIXTURES = {"bimodal": bimodal, "failing": failing}


def generator(*where: object) -> Generator:
    return Generator(PCG64(SeedSequence([int.from_bytes(str(part).encode(), "big") % 2**32 for part in where])))


def shifted(draw: Draw, loss: float) -> Draw:
    return lambda g, n: draw(g, n) - loss


def expected(draw: Draw, n: int) -> float:
    """Return the mean IQM of n runs, the quantity that the gate compares."""
    return float(iqm(draw(generator("expected"), 40_000 * n).reshape(-1, n)).mean())


def lower_by(kind: str, n: int, loss: float) -> Iterator[tuple[str, Draw]]:
    """Yield distributions whose IQM of n runs is lower by `loss`: a shifted one, and ones of another shape."""
    draw = KINDS[kind]
    yield "shifted", shifted(draw, loss)
    if kind in MIXTURES:
        low, high, target = 0.0, 1.0, expected(draw, n) - loss
        for _ in range(16):
            middle = (low + high) / 2
            low, high = (middle, high) if expected(MIXTURES[kind](middle), n) > target else (low, middle)
        yield f"{low:.0%} of runs bad", MIXTURES[kind](low)
        return
    centre = expected(draw, n)
    for times in (4.0, 1 / 4, 10.0):

        def spread(g: Generator, n: int, times: float = times) -> np.ndarray:
            return centre + times * (draw(g, n) - centre)

        off = expected(spread, n) - centre + loss
        yield f"{times:.2g} times the spread", lambda g, n, spread=spread, off=off: spread(g, n) - off


def verdict(g: Generator, sides: list[tuple[np.ndarray, np.ndarray]], permutations: int = PERMUTATIONS) -> str:
    """Return the gate's verdict over cells of runs (new, base)."""
    cases = {i: Case(new, base, MARGIN, g) for i, (new, base) in enumerate(sides)}
    return overall([case.verdict for case in case_verdicts(cases, ALPHA, permutations=permutations).values()])


def rates(
    where: str,
    cases: int,
    n: int | tuple[int, int],
    cells: list[tuple[Draw, Draw]],
    permutations: int = PERMUTATIONS,
) -> tuple[float, float]:
    """Return the shares of gates that fail and that pass, over cells of runs (new, base): n each, or n[0] and n[1]."""
    verdicts = []
    ours, theirs = (n, n) if isinstance(n, int) else n
    for case in range(cases):
        g = generator(where, n, case)
        verdicts.append(verdict(g, [(new(g, ours), base(g, theirs)) for new, base in cells], permutations))
    return verdicts.count(FAIL) / cases, verdicts.count(PASS) / cases


def alarms(cases: int) -> None:
    print("| gate | n | fails | passes |\n|---|--:|--:|--:|")
    for n in SIZES:
        for kind, draw in KINDS.items():
            fails, passes = rates(f"alarms {kind}", cases, n, [(draw, draw)])
            print(f"| one cell, {kind} | {n} | {fails:.1%} | {passes:.1%} |", flush=True)
        for kind, draw in KINDS.items():
            fails, passes = shared(kind, cases, n, draw)
            print(f"| one cell, {kind}, half of the runs identical | {n} | {fails:.1%} | {passes:.1%} |", flush=True)
        every = [*KINDS.values(), KINDS["bimodal"], KINDS["failing"]]
        fails, passes = rates("alarms all", cases, n, [(draw, draw) for draw in every])
        print(f"| six cells, all kinds | {n} | {fails:.1%} | {passes:.1%} |", flush=True)


def shared(kind: str, cases: int, n: int, draw: Draw) -> tuple[float, float]:
    """Return the same as `rates` for a change that left half of the runs identical."""
    verdicts = []
    for case in range(cases):
        g = generator("shared", kind, n, case)
        new, base = draw(g, n), draw(g, n)
        new[: n // 2] = base[: n // 2]
        verdicts.append(verdict(g, [(new, base)], FEWER))
    return verdicts.count(FAIL) / cases, verdicts.count(PASS) / cases


def margin(cases: int) -> None:
    print("| data | new runs | n | no loss: fails | a loss of the margin: fails | passes |\n|---|---|--:|--:|--:|--:|")
    for sizes in UNLIKE:
        shown = str(sizes[0]) if sizes[0] == sizes[1] else f"{sizes[0]}, {sizes[1]}"
        for kind, draw in KINDS.items():
            for (how, lower), (_, as_low) in zip(lower_by(kind, sizes[0], MARGIN), lower_by(kind, sizes[0], 0.0)):
                fails, passes = rates(f"margin {kind} {how}", cases, sizes, [(lower, draw)], FEWER)
                none = (
                    ""
                    if kind in MIXTURES or how == "shifted"
                    else f"{rates(how, cases, sizes, [(as_low, draw)], FEWER)[0]:.1%}"
                )
                print(f"| {kind} | {how} | {shown} | {none} | {fails:.1%} | {passes:.1%} |", flush=True)


LOSSES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def power_of(kind: str, n: int, loss: float, cases: int) -> float:
    """Return how often a gate of one cell fails: shifted normal and skewed data, more bad runs for other data."""
    *_, (_, lower) = [pair for pair in lower_by(kind, n, loss) if kind in MIXTURES or pair[0] == "shifted"]
    return rates(f"power {kind} {loss}", cases, n, [(lower, KINDS[kind])], FEWER)[0]


def power(cases: int, path: Path | None) -> None:
    print("| data | n | " + " | ".join(f"{loss:g}" for loss in LOSSES) + " |")
    print("|---|--:" + "|--:" * len(LOSSES) + "|")
    detected: dict[tuple[str, int], list[float]] = {}
    for kind in KINDS:
        for n in SIZES:
            detected[kind, n] = [power_of(kind, n, loss, cases) for loss in LOSSES]
            print(f"| {kind} | {n} | " + " | ".join(f"{share:.0%}" for share in detected[kind, n]) + " |", flush=True)
    if path is not None:
        plot(detected, path)


def methods(cases: int) -> None:
    """Print fails and passes of other tests without a loss, at the margin and at 0.2, for a gate of one cell."""
    names = ("difference", "studentised", "both", "Welch", "the gate", "percentile", "mean: bootstrap-t")
    print("| data | loss | n | " + " | ".join(names) + " |\n|---|---|--:" + "|--:" * len(names) + "|")
    for n in SIZES[:2]:
        for kind, draw in KINDS.items():
            for loss in (0.0, MARGIN, 0.2):
                for how, lower in lower_by(kind, n, loss):
                    if loss != MARGIN and how != "shifted":
                        continue
                    g = generator("methods", kind, n, loss, how)
                    new, base = (side(g, cases * n).reshape(cases, n) for side in (lower, draw))
                    outcomes = [*_permuted(new, base, g), *_bootstrapped(new, base, g)]
                    shown = " | ".join(f"{fails:.1%} / {passes:.1%}" for fails, passes in outcomes)
                    print(f"| {kind} | {loss:g}, {how} | {n} | {shown} |", flush=True)


def _permuted(new: np.ndarray, base: np.ndarray, g: Generator) -> list[tuple[float, float]]:
    """Return how often tests report greater and smaller.

    Tests: permutation of the difference, of Yuen's t, the larger p of both; Welch's t; and the gate's, which uses the
    difference and Welch's for greater, all three for smaller.
    """
    n = new.shape[1]
    order = np.argsort(g.random((FEWER, 2 * n)), -1)
    pool = np.concatenate([new + MARGIN, base], 1)[:, np.concatenate([np.arange(2 * n)[None], order])]
    distances = [np.empty(pool.shape[:2]) for _ in range(2)]
    for case, rows in enumerate(pool):
        distances[0][case], distances[1][case], _ = standardise(rows[:, :n], rows[:, n:], True, 1e-12)
    greater = [(distance <= distance[:, :1] + 1e-12).mean(1) for distance in distances]
    smaller = [(distance >= distance[:, :1] - 1e-12).mean(1) for distance in distances]
    welch = [welch_test([a + MARGIN], [b]) for a, b in zip(new, base)]
    below, above = (np.array([getattr(w, side)(0.0) for w in welch]) for side in ("p_below", "p_above"))
    both = np.maximum(*greater), np.maximum(*smaller)
    gate = np.maximum(greater[0], below), np.maximum(both[1], above)
    pairs = [*zip(greater, smaller), both, (below, above), gate]
    return [(float((p <= ALPHA).mean()), float((q <= ALPHA).mean())) for p, q in pairs]


def _bootstrapped(new: np.ndarray, base: np.ndarray, g: Generator) -> list[tuple[float, float]]:
    """Return how often the one-sided bounds of bootstrap intervals are beyond the margin, and within it."""
    outcomes = []
    for statistic, method in ((overall_iqm, "percentile"), (overall_mean, "bootstrap-t")):
        gaps = [difference([a], [b], statistic, g, method, 1 - 2 * ALPHA, 500) for a, b in zip(new, base)]
        outcomes.append((np.mean([i.high < -MARGIN for i in gaps]), np.mean([i.low > -MARGIN for i in gaps])))
    return outcomes


def plan(cases: int) -> None:
    """Print losses reported as detectable with a power of 80 %, and how often shifts of that size are detected."""
    print("| data | n | detectable, median of plans | detected |\n|---|--:|--:|--:|")
    for kind, draw in KINDS.items():
        for n in SIZES:
            g = generator("plan", kind, n)
            losses = [detectable_loss(draw(g, n), draw(g, n), MARGIN, g, ALPHA, ALPHA).loss for _ in range(200)]
            loss = float(np.median([each for each in losses if each is not None]))
            fails, _ = rates(f"planned {kind}", cases, n, [(shifted(draw, loss), draw)], FEWER)
            print(f"| {kind} | {n} | {loss:.2f} | {fails:.0%} |", flush=True)


def published(cases: int) -> None:
    """Print how often a number from runs like ours is called higher or lower: one agent's, and a mean of four."""
    print("| data | n | one agent | mean of 4 |\n|---|--:|--:|--:|")
    for kind, draw in KINDS.items():
        for n in (3, *SIZES):
            g, outside = generator("published", kind, n), np.zeros(2)
            for _ in range(cases):
                ours = draw(g, n)
                for i, count in enumerate((1, 4)):
                    low, high = prediction_interval(ours, count)
                    outside[i] += not low - 1e-9 <= draw(g, count).mean() <= high + 1e-9
            print(f"| {kind} | {n} | {outside[0] / cases:.1%} | {outside[1] / cases:.1%} |", flush=True)


def runs(cases: int, folders: list[Path]) -> None:
    """Print alarms between random halves of the real runs of one algorithm on one task."""
    from rlbench.analysis import Results

    studies = [Results(folder).final_scores for folder in folders]
    for (label, task), sample in studies[0].samples.items():
        if sample.random:
            continue
        raw = np.concatenate([scores.samples[label, task].scores for scores in studies])
        pool = studies[0].normalised({task: raw})[task]
        for n in SIZES:
            if 2 * n > len(pool):
                continue
            verdicts = []
            for case in range(cases):
                g = generator("runs", label, task, n, case)
                dealt = g.permutation(pool)
                verdicts.append(verdict(g, [(dealt[:n], dealt[n : 2 * n])]))
            fails, passes = verdicts.count(FAIL) / cases, verdicts.count(PASS) / cases
            print(f"{label} on {task}, {n} against {n} of {len(pool)} runs: {fails:.1%} fail, {passes:.1%} pass")


def plot(detected: dict[tuple[str, int], list[float]], path: Path) -> None:
    """Plot power curves by kind of data and number of runs."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    sns.set_theme(style="whitegrid", palette="colorblind")
    figure, axes = plt.subplots(1, len(KINDS), figsize=(13, 3.4), sharey=True, layout="constrained")
    for axis, kind in zip(axes, KINDS):
        for n in SIZES:
            axis.plot(LOSSES, detected[kind, n], marker="o", ms=3, label=f"{n} runs")
        axis.axvline(MARGIN, color="0.5", lw=1)
        axis.axhline(ALPHA, color="0.5", lw=1, ls=":")
        axis.set(title=kind, xlabel="loss (normalised)", ylim=(0, 1.02))
    axes[0].set_ylabel("gate fails")
    axes[0].legend(loc="center right")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["alarms", "margin", "power", "methods", "plan", "published", "runs"])
    parser.add_argument("paths", nargs="*", type=Path, help="runs: result folders; power: a picture to draw as well")
    parser.add_argument("--cases", type=int, default=1000, help="simulated gates a row")
    arguments = parser.parse_args()
    if arguments.what == "runs":
        runs(arguments.cases, arguments.paths)
    elif arguments.what == "power":
        power(arguments.cases, arguments.paths[0] if arguments.paths else None)
    else:
        {"alarms": alarms, "margin": margin, "methods": methods, "plan": plan, "published": published}[arguments.what](
            arguments.cases
        )


if __name__ == "__main__":
    main()
