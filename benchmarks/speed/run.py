"""How fast our algorithms are against Stable-Baselines3, SBX and PPO wholly in JAX, and against the machine's floor.

    .venv/bin/python benchmarks/speed/run.py [--quick] [--json] [--works ppo,dqn]

Every side does the same work on the same pinned core, one thread, evaluation off, in turns within one run (A B A B); what
is compiled and warmed up before the first turn is reported apart. Ratios are formed round by round: median, least and
greatest are given. Results go to build/speed/ as JSON, Markdown and SVG. SBX and JAX need `pip install -e '.[peers]'`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[2])  # this folder's own would hide the package sbx behind sbx.py

from benchmarks.speed.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(__doc__))
