"""A comparison as text: the verdict of each pair in one line, or every number in a table."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlbench.cli.text_table import fitted, plain
from rlbench.text import (
    console_interval,
    console_number,
    digits_for,
    fixed,
    fixed_interval,
    interval,
    join_names,
    number,
)

if TYPE_CHECKING:
    from rlbench.analysis import Comparison, Row
    from rlbench.stats import Interval

LINE = 80
_MOST_NAMED = 3  # pairs that one sentence names
_KEPT = "\N{NO-BREAK SPACE}"  # replaces a space at which a line must not break
_DECIDED = {"better": "{} better than {}", "worse": "{} worse than {}", "identical": "{} identical to {}"}


def as_text(result: Comparison, verbose: bool) -> str:
    """Return a comparison as text: a sentence for each pair, wrapped at 80 columns.

    verbose: return tables with every number instead of sentences.
    """
    return (_tables(result) if verbose else _verdicts(result)) + _remarks(result)


def _verdicts(result: Comparison) -> str:
    lines = [_wrapped(_verdict(row), "  ") for row in result.rows]
    statistic = result.statistic.upper() if result.statistic == "iqm" else result.statistic
    explained = [
        f"A and B: difference A − B of the {statistic} over runs, its 95 % interval; p after Holm's correction",
        "undecided does not mean equal" if any(row.verdict == "undecided" for row in result.rows) else "",
        f"over tasks: normalised scores ({NORMALISED})" if any(not row.environment for row in result.rows) else "",
        "*: -v shows a note" if any(row.note for row in result.rows) else "",
        "-v shows every number",
    ]
    below = _wrapped("; ".join(filter(None, explained)))
    return "\n".join([*(line for several in lines for line in several), "", *below, *_few(result), ""])


def _verdict(row: Row) -> str:
    """Return one comparison as a sentence without a full stop."""
    names = plain(row.ours), plain(row.theirs)
    who = (
        _DECIDED[row.verdict].format(*names) if row.verdict in _DECIDED else f"{names[0]} and {names[1]} {row.verdict}"
    )
    numbers = []
    if row.difference is not None and row.verdict != "identical":
        three = [
            _without_rounding(value, row.estimates or ())
            for value in (row.difference.estimate, row.difference.low, row.difference.high)
        ]
        digits = digits_for(three)
        numbers.append(f"{number(three[0], digits)} {interval(three[1], three[2], digits)}")
    if row.p_holm is not None and row.verdict != "identical":
        numbers.append(f"p {_p(row.p_holm)}")
    counts = f" ({row.n[0]} and {row.n[1]})" if row.verdict in ("descriptive only", "too few runs", "no scores") else ""
    told = f": {', '.join(text.replace(' ', _KEPT) for text in numbers)}" if numbers else ""
    return f"{who} {_where(row)}{counts}{told}{f'{_KEPT}*' if row.note else ''}"


def _where(row: Row) -> str:
    return f"on {plain(row.environment)}" if row.environment else f"over {row.tasks} tasks"


def _tables(result: Comparison) -> str:
    overall = [row for row in result.rows if not row.environment]
    single = [row for row in result.rows if row.environment]
    statistic = result.statistic.upper() if result.statistic == "iqm" else result.statistic
    text = f"{statistic} over runs, A − B, with its 95 % interval\n"
    if overall:
        text += f"\nover all tasks, in normalised scores ({NORMALISED})\n\n"
        text += fitted(
            ("pair A − B", "tasks", *HEADER), [(_pair(r), str(r.tasks), *_cells(r, 3)) for r in overall], _NUMBERS
        )
    if single:
        text += "\non each task, in returns\n\n"
        rows = [(_pair(r), plain(r.environment), *_cells(r, 1), *_effects(r)) for r in single]
        text += fitted(("pair A − B", "task", *HEADER, "Cliff's δ", "Hedges' g"), rows, (*_NUMBERS[1:], 10, 11))
    return text + "\n" + _legend(result)


def _wrapped(text: str, indent: str = "") -> list[str]:
    lines = textwrap.wrap(text, LINE, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_KEPT, " ") for line in lines]


NORMALISED = "0: lower anchor, 1: upper anchor"
HEADER = ("A", "B", "n", "difference", "P(higher)", "p", "p, Holm", "verdict")
_NUMBERS = (1, 2, 3, 5, 7, 8)


def _pair(row: Row) -> str:
    return f"{plain(row.ours)} − {plain(row.theirs)}"


def _cells(row: Row, digits: int) -> tuple[str, ...]:
    estimates = row.estimates or (None, None)
    interval = row.difference
    if interval is not None:
        three = [_without_rounding(value, estimates) for value in (interval.estimate, interval.low, interval.high)]
        estimate, low, high = three
        difference = console_number(estimate, digits, "+", three)
        difference += f" {console_interval(low, high, digits, '+', three)}"
    elif row.estimates is not None:
        difference = console_number(_without_rounding(row.estimates[0] - row.estimates[1], estimates), digits, "+")
    else:
        difference = "–"
    verdict = f"{row.verdict}: {plain(row.note)}" if row.note else row.verdict
    others = (f"{row.n[0]}/{row.n[1]}", difference, _improvement(row.improvement), _p(row.p), _p(row.p_holm), verdict)
    return (*(console_number(e, digits) for e in estimates), *others)


def _without_rounding(value: float, estimates: Sequence[float | None]) -> float:
    """Return 0 for a difference that is only a rounding error of the two estimates."""
    size = max((abs(estimate) for estimate in estimates if estimate is not None), default=0.0)
    return 0.0 if abs(value) <= 1e-14 * size else value


def _effects(row: Row) -> tuple[str, str]:
    return console_number(row.cliffs_delta, 2, among=(1.0,)), console_number(row.hedges_g, 2, among=(1.0,))


def _improvement(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    return f"{fixed(interval.estimate, 2)} {fixed_interval(interval.low, interval.high, 2)}"


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def _legend(result: Comparison) -> str:
    """Return what the columns of the full table mean."""
    whole, single = result.family
    families = [f"{whole} over all tasks"] * bool(whole) + [f"{single} on single tasks"]
    lines = [
        f"A is better or worse than B if p after Holm is at most {result.alpha:g} (families: {', '.join(families)})",
        "p: the larger p of a permutation test (run labels exchanged within tasks) and Welch's t-test",
        "P(higher): the probability that a run of A scores higher than a run of B; ties count half",
        "intervals: each for its comparison alone, not corrected for the number of comparisons",
    ]
    return "".join(f"{line}\n" for line in [*lines, *_few(result)])


def _few(result: Comparison) -> list[str]:
    """Return an explanation of each verdict in the result that is due to too few runs."""
    verdicts = {row.verdict for row in result.rows}
    meanings = {
        "descriptive only": "A or B has fewer than 5 runs, so neither is called better",
        "too few runs": "A or B has fewer than 3 runs, so there is no interval and no test",
    }
    described = [f"{verdict}: {meaning}" for verdict, meaning in meanings.items() if verdict in verdicts]
    return [*described, *_out_of_reach(result)]


def _out_of_reach(result: Comparison) -> list[str]:
    """Return a sentence on the pairs that have too few runs for any verdict, and about how many runs they need."""
    rows = result.out_of_reach
    if not rows:
        return []
    pairs = [f"{plain(r.ours)} and {plain(r.theirs)} {_where(r)}" for r in rows]
    needed = sorted({row.runs_to_show for row in rows if row.runs_to_show})
    about = f" (about {' to '.join(map(str, dict.fromkeys((needed[0], needed[-1]))))} of each)" if needed else ""
    told = f"with so few runs, p cannot fall to {result.alpha:g} for {join_names(pairs, _MOST_NAMED)}: "
    return _wrapped(f"{told}train more seeds{about}", "  ")


def _remarks(result: Comparison) -> str:
    """Return the remarks that follow the verdicts, and also follow the full tables."""
    from rlbench.analysis.tuning_budgets import budget_sentence

    lines = []
    if result.self_reported:
        names = plain(", ".join(result.self_reported))
        lines.append(f"self-reported, so a difference may come from the protocol: {names}")
    lines += [plain(text) for text in result.published]
    lines += [plain(text)] if (text := budget_sentence(result.tuned)) else []
    lines += [plain(text) for text in result.left_in_stages]
    lines += [f"missing: {plain(text)}" for text in result.absent]
    lines += [f"not compared: {plain(text)}" for text in result.apart]
    return "".join(f"{line}\n" for line in lines)
