"""A copy of a built-in algorithm's plugin under another name, as the start of a new project."""

from __future__ import annotations

import ast
import importlib.util
import io
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rlbench.cli.projects.project_files import invalid_name

_OFF_POLICY = {"net_arch": [16], "batch_size": 16, "learning_starts": 50, "learning_rate": 0.01}
_DQN = {**_OFF_POLICY, "target_update_interval": 50}


@dataclass(frozen=True)
class Trial:
    """Settings for a quick trial of an algorithm.

    params: hyperparameters such as small networks and short rollouts. learn_steps: environment steps that suffice to
    learn a bandit. task: an environment that the algorithm can learn. backend: the backend that provides `task`.
    """

    params: Mapping[str, Any]
    learn_steps: int = 2_000
    task: str = "CartPole-v1"
    backend: str = "gymnasium"

    @property
    def options(self) -> str:
        """These settings as options of `rlbench test-plugin`."""
        settings = [f"--set '{key}={value}'" if isinstance(value, list) else f"--set {key}={value}"
                    for key, value in self.params.items()]  # fmt: skip
        return " ".join([*settings, "--steps 300", f"--learn-steps {self.learn_steps}"])


_PPO = {"net_arch": [16], "learning_rate": 0.01, "n_envs": 2, "n_steps": 32, "batch_size": 32}
_AGENTS = Trial(_DQN, task="rlbench.envs.matrix_games:two_step", backend="pettingzoo")

# Every built-in algorithm that is defined in a file of its own and learns in the process that runs it.
TRIALS: Mapping[str, Trial] = {
    "a2c": Trial({"net_arch": [16], "learning_rate": 0.01, "n_envs": 4}, 3_000),
    "a3c": Trial({"net_arch": [16], "learning_rate": 0.01, "n_workers": 2}, 4_000),
    "crossq": Trial(_OFF_POLICY, task="Pendulum-v1"),
    "ddpg": Trial(_OFF_POLICY, task="Pendulum-v1"),
    "double_dqn": Trial(_DQN),
    "dqn": Trial(_DQN),
    "dyna_q": Trial({}, task="CliffWalking-v1"),
    "dueling_dqn": Trial(_DQN),
    "ippo": replace(_AGENTS, params=_PPO),
    "iql": _AGENTS,
    "mappo": replace(_AGENTS, params=_PPO),
    "mbpo": Trial(
        {
            "learning_starts": 50,
            "gradient_steps": 1,
            "model_net_arch": [16, 16],
            "model_train_freq": 50,
            "model_gradient_steps": 10,
        },
        task="Pendulum-v1",
    ),
    "per_dqn": Trial(_DQN),
    "ppo": Trial(_PPO),
    "q_learning": Trial({}, task="CliffWalking-v1"),
    "qmix": _AGENTS,
    "qrdqn": Trial(_DQN),
    "rainbow": Trial({**_DQN, "v_min": 0, "v_max": 100}),
    "recurrent_ppo": Trial(_PPO),
    "reinforce": Trial({"net_arch": [16], "learning_rate": 0.01}, 4_000),
    "sac": Trial(_OFF_POLICY, task="Pendulum-v1"),
    "td3": Trial(_OFF_POLICY, task="Pendulum-v1"),
    "tqc": Trial(_OFF_POLICY, task="Pendulum-v1"),
    "vdn": _AGENTS,
}
SB3_TRIAL = Trial({"n_steps": 32, "batch_size": 32, "learning_rate": 0.01}, 2_000)


def copy_of(like: str, words: Mapping[str, str]) -> dict[str, str]:
    """Return the files of the built-in algorithm `like`, renamed for a new project: the text of each file, by its name.

    Packages, modules, the algorithm's name and its two classes are renamed in the code, but not in comments and
    docstrings. Raises: click.BadParameter if the files already contain one of the new names.
    """
    spec = importlib.util.find_spec(f"rlbench_{like}")
    assert spec is not None and spec.origin is not None  # it comes with rlbench
    sources = {path.name: path.read_text("utf-8") for path in sorted(Path(spec.origin).parent.glob("*.py"))}
    old, new = _class_of(sources["__init__.py"]), words["class_name"]
    names = {old: new, f"{old}Config": f"{new}Config", f"rlbench_{like}": words["package"]}
    texts = {
        f'"{like}"': f'"{words["name"]}"',
        f'"rlbench_{like}.{like}:{old}"': f'"{words["package"]}.{words["name"]}:{new}"',
    }
    known = {token.string for source in sources.values() for token in _tokens(source) if token.type == tokenize.NAME}
    file = f"{words['name']}.py"
    if {new, f"{new}Config"} & (known - set(names)) or file in sources:
        raise invalid_name(f"{like} already uses the name {new} or {file}; choose another name")
    return {
        file if name == f"{like}.py" else name: _rename(source, names, texts, (like, words["name"]))
        for name, source in sources.items()
    }


def _class_of(source: str) -> str:
    """Return the class that a plugin's specification names as "module:Class"."""
    constants = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    (target,) = [value for value in constants if isinstance(value, str) and value.count(":") == 1 and " " not in value]
    return target.partition(":")[2]


def _tokens(source: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(source).readline))


def _rename(source: str, names: Mapping[str, str], texts: Mapping[str, str], module: tuple[str, str]) -> str:
    """Rename identifiers and whole strings. module: the old and new name of the module within the package."""
    lines, before = source.splitlines(keepends=True), ""
    changes = []
    for token in _tokens(source):
        new = names.get(token.string) if token.type == tokenize.NAME else texts.get(token.string)
        if token.type == tokenize.NAME and token.string == module[0] and before.endswith(f"rlbench_{module[0]}."):
            new = module[1]
        before = (before + token.string)[-100:]
        changes += [(token, new)] if new is not None else []
    for token, new in reversed(changes):
        row, (start, end) = token.start[0] - 1, (token.start[1], token.end[1])
        lines[row] = lines[row][:start] + new + lines[row][end:]
    return "".join(lines)
