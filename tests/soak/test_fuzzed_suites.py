"""Suites that are damaged at random: `rlbench check` says what is wrong with them, and never fails itself.

100 suites here; 1,000 with --soak.
"""

import random

import pytest
from support.cli import rlbench

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

SUITES = (
    """name: small
algorithms:
  - random
  - {id: dqn, params: {net_arch: [16], learning_starts: 50, learning_rate: 1e-3}, sweep: {gamma: [0.9, 0.99]}}
  - id: ppo
    label: ours
    params: {n_envs: 4, n_steps: 32, batch_size: 64}
    environments: [CartPole-v1]
environments:
  - {id: CartPole-v1, steps: 400, anchors: {lower: 20, upper: 500}}
  - id: Pendulum-v1
    steps: 1_000
    wrappers: [{name: "gymnasium.wrappers:TimeLimit", kwargs: {max_episode_steps: 50}}]
    evaluation: {every: 100, episodes: 2, final_episodes: 3}
seeds: 2
evaluation: {every: 200, episodes: 2, final_episodes: 3}
timeout: 2h
""",
    """name: short
algorithms: [random, a2c]
environments: [{id: CartPole-v1, steps: 96}]
seeds: [0, 3, 8]
compile: false
checkpoint_every: 48
""",
)
VALUES = (
    "", "null", "true", "-1", "0", "1e400", "-.inf", ".nan", "1.5", "9" * 40, "'", '"', "[", "]", "{", "}", "[[[[", "&a", "*a",
    "!!python/object:os.system x", "../../x", "/etc/passwd", "a\\0b", "\u202e", "\U0001f600", "\t", "- -", "? x", "<<: *a",
    "0x10", "2h", "CartPole-v1", "dqn", "{a: {b: {c: 1}}}", "x" * 5000, "\x1b[31m", "2024-01-01", "1_000", "~", "|", ">-",
)  # fmt: skip


def damaged(text: str, draw: random.Random) -> str:
    """Return the text with one to four of its lines, tokens or characters changed."""
    for _ in range(draw.randint(1, 3)):
        lines = text.split("\n")
        i, kind = draw.randrange(len(lines)), draw.randrange(8)
        line = lines[i]
        if kind == 0:
            del lines[i]
        elif kind == 1:
            lines.insert(draw.randrange(len(lines)), line)
        elif kind == 2:
            lines[i] = line[: draw.randint(0, len(line))]
        elif kind == 3:
            lines[i] = " " * draw.randint(0, 8) + line.strip()
        elif kind == 4 and ":" in line:
            lines[i] = f"{line.partition(':')[0]}: {draw.choice(VALUES)}"
        elif kind == 5:
            at = draw.randint(0, len(line))
            lines[i] = line[:at] + draw.choice(VALUES) + line[at:]
        elif kind == 6 and len(words := line.split(" ")) > 1:
            words[draw.randrange(len(words))] = draw.choice(VALUES)
            lines[i] = " ".join(words)
        else:
            at = draw.randint(0, len(line))
            lines[i] = line[:at] + chr(draw.randrange(1, 0x250)) + line[at + draw.randint(0, 2) :]
        text = "\n".join(lines)
    return text


def test_a_damaged_suite_is_checked_or_refused_without_an_internal_error(tmp_path, amount, monkeypatch):
    monkeypatch.chdir(tmp_path)
    codes: dict[int, int] = {}
    for number in range(amount(100, 1000)):
        draw = random.Random(number)
        text = damaged(draw.choice(SUITES), draw)
        (tmp_path / "suite.yaml").write_text(text, encoding="utf-8", errors="replace")
        ran = rlbench("check", "suite.yaml")
        told = ran.stdout + ran.stderr
        assert ran.returncode in (0, 1, 2) and "Traceback" not in told and "internal error" not in told, (
            number,
            text,
            told,
        )
        assert ran.returncode == 0 or ran.stderr.strip(), (number, text)
        assert "\x1b[31m" not in told, (number, text)
        codes[ran.returncode] = codes.get(ran.returncode, 0) + 1
    print(f"exit codes and how often: {codes}")
    assert set(codes) >= {0, 2}  # some damage is harmless, and not all of it
