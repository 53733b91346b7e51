"""Ratios of rates by round, and tables of them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.speed.flops import floor_seconds
from benchmarks.speed.rounds import Played
from benchmarks.speed.works import STACK, Work

ALONE = "ours, one seed"
BEST = "best of "


def rates(played: Played, clock: str = "wall") -> list[float]:
    """Return steps per second of each turn, summed over seeds. clock: "wall", or "cpu" for processor seconds."""
    return [turn["steps"] / turn[clock] for turn in played.turns]


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return ratios by round, so that slowdowns of a whole round cancel."""
    return [a / b for a, b in zip(ours, theirs)]


def work_rows(work: Work, results: Sequence[Played]) -> list[dict[str, Any]]:
    """Return a row for each of our sides and each of its peers. A failed side has none."""
    whole = [played for played in results if played.turns and not played.failed]
    floor = next((played for played in whole if played.side.library == "floor"), None)
    mine = [played for played in whole if played.side.library == "ours"]
    rows = []
    for ours in mine:
        share = {
            f"share_of_floor{suffix}": _share(work, ours, floor, clock)
            for suffix, clock in (("", "wall"), ("_cpu", "cpu"))
        }
        rows += [_row(work, ours, peer, members) | share for peer, members in _peers(ours, whole)]
    return rows


def _peers(ours: Played, whole: Sequence[Played]) -> list[tuple[str, list[Played]]]:
    """Return the sides to compare one of ours with: each peer, the fastest of them, ours with one seed."""
    others = [p for p in whole if p.side.library not in ("ours", "floor")]
    fitting = [p for p in others if p.side.seeds in (1, ours.side.seeds)]
    peers = [(p.side.library, [p]) for p in fitting]
    single = [p for p in fitting if p.side.seeds == 1]
    if len(single) > 1:
        peers.append((BEST + ", ".join(p.side.library for p in single), single))
    alone = [
        p
        for p in whole
        if p.side.library == "ours"
        and (p.side.seeds, p.side.compiled, p.side.backend) == (1, ours.side.compiled, ours.side.backend)
    ]
    return peers + ([(ALONE, alone)] if alone and ours.side.seeds == STACK else [])


def _row(work: Work, ours: Played, peer: str, members: Sequence[Played]) -> dict[str, Any]:
    def compared(clock: str) -> tuple[list[float], list[float]]:
        best = [max(each) for each in zip(*(rates(member, clock) for member in members))]
        return rates(ours, clock), best

    wall, cpu = compared("wall"), compared("cpu")
    ratio = spread(ratios(*wall))
    return {
        "work": work.name,
        "peer": peer,
        "ratio_median": ratio["median"],
        "ratio_low": ratio["low"],
        "ratio_high": ratio["high"],
        "ratio_cpu_median": statistics.median(ratios(*cpu)),
        "seeds": ours.side.seeds,
        "compiled": ours.side.compiled,
        "backend": ours.side.backend,
        "peer_seeds": members[0].side.seeds,
        "peer_backend": members[0].side.backend,
        "steps_per_second": statistics.median(wall[0]),
        "peer_steps_per_second": statistics.median(wall[1]),
        "warm_up_seconds": ours.warm_up.get("whole"),
        "peer_warm_up_seconds": max((member.warm_up.get("whole", 0.0) for member in members), default=None),
        "rounds": len(ours.turns),
    }


def _share(work: Work, ours: Played, floor: Played | None, clock: str) -> float | None:
    """Return the floor's share of our time per step, the median of the rounds; None without a floor for the backend."""
    if floor is None or ours.side.backend not in floor.turns[0]["env_seconds"]:
        return None
    least = [floor_seconds(work, turn["gflops"], turn["env_seconds"][ours.side.backend]) for turn in floor.turns]
    return statistics.median(seconds * rate for seconds, rate in zip(least, rates(ours, clock)))


def busy(results: Sequence[Played]) -> float:
    """Return processor seconds per second, the minimum of the sides' medians. Below 1 the core was shared."""
    shares = [
        statistics.median(t["cpu"] / t["wall"] for t in p.turns) for p in results if p.turns and "cpu" in p.turns[0]
    ]
    return min(shares, default=1.0)


COLUMNS = ("work", "ours", "peer", "ours steps/s", "peer steps/s", "ratio", "range", "share of floor", "warm-up s")


def cells(row: Mapping[str, Any]) -> list[str]:
    side = f"S={row['seeds']}{', compiled' if row['compiled'] else ''}, {row['backend']}"
    share = row["share_of_floor"]
    return [
        row["work"],
        side,
        row["peer"] if row["peer"] in (ALONE, "purejax") else f"{row['peer']}, {row['peer_backend']}",
        f"{row['steps_per_second']:,.0f}".replace(",", " "),
        f"{row['peer_steps_per_second']:,.0f}".replace(",", " "),
        f"{row['ratio_median']:.2f}",
        f"{row['ratio_low']:.2f} … {row['ratio_high']:.2f}",
        "–" if share is None else f"{share:.1%}",
        f"{row['warm_up_seconds'] or 0:.0f} / {row['peer_warm_up_seconds'] or 0:.0f}",
    ]


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [COLUMNS, (*["---"] * 3, *["--:"] * (len(COLUMNS) - 3)), *map(cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def terminal(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [list(COLUMNS), *map(cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    pad = [str.ljust] * 3 + [str.rjust] * (len(COLUMNS) - 3)
    return "\n".join("  ".join(p(cell, w) for p, cell, w in zip(pad, line, widths)).rstrip() for line in lines)
