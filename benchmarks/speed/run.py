"""Compare the speed of the built-in algorithms with Stable-Baselines3, SBX, PPO in pure JAX, and the machine's limit.

    .venv/bin/python benchmarks/speed/run.py [--quick] [--json] [--works ppo,dqn]

Every side does the same work on the same pinned core, with one thread and without evaluation, in turns within one run
(A B A B). Compilation and warm-up before the first turn are reported separately. Ratios are computed by round; median,
minimum and maximum are reported. Results are written to build/speed/ as JSON, Markdown and SVG. SBX and
JAX need `pip install -e '.[peers]'`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])  # this folder's own would hide the package sbx behind sbx.py

from benchmarks.speed.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(__doc__))
