"""A run that changes its process as a whole: the next run, and the command itself, meet it as it was."""

import json
import locale
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.cli import rlbench

import rlbench as harness

pytestmark = pytest.mark.faults

# What a run can see of its process, besides its own numbers.
PLUGIN = """
import json, locale, os, random, resource, signal, sys, warnings
import numpy as np
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl

def seen():
    torch = sys.modules.get("torch")
    return {
        "folder": os.getcwd(), "variables": {k: v for k, v in os.environ.items() if "ATTEMPT" not in k and "PYTEST" not in k},
        "path": sys.path, "locale": locale.setlocale(locale.LC_ALL), "errors": np.geterr(),
        "handlers": [str(signal.getsignal(n)) for n in (signal.SIGALRM, signal.SIGUSR2, signal.SIGCHLD)],
        "filters": [str(f) for f in warnings.filters], "drawn": [random.random(), np.random.rand()],
        "torch": torch and [str(torch.get_default_dtype()), torch.get_num_threads()],
        "largest": resource.getrlimit(resource.RLIMIT_FSIZE),
    }

class Looks(Algorithm):
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        with open(self.config_path(), "w") as file: json.dump(seen(), file)
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))
    def config_path(self): return os.path.join({folder!r}, "seen.json")

class Meddles(Looks):
    def config_path(self):
        os.chdir("/")
        os.environ.update(OMP_NUM_THREADS="3", MEDDLED="1")
        del os.environ["HOME"]
        sys.path.insert(0, "/nowhere")
        locale.setlocale(locale.LC_ALL, "C.UTF-8" if locale.setlocale(locale.LC_ALL) == "C" else "C")
        np.seterr(all="raise")
        for number in (signal.SIGALRM, signal.SIGUSR2): signal.signal(number, lambda *_: None)
        warnings.simplefilter("error")
        random.seed(1), np.random.seed(1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(3), torch.set_default_dtype(torch.float64)
        return os.devnull

@hookimpl
def rlbench_algorithms():
    return [AlgorithmSpec(kind.__name__.lower(), kind, Supports(discrete=True)) for kind in (Looks, Meddles)]
"""
SUITE = """
name: s
algorithms: [{algorithms}]
environments: [{{id: CartPole-v1, steps: 80}}]
seeds: 1
evaluation: {{episodes: 2, final_episodes: 3}}
jobs: 1
"""


def of_this_process():
    handlers = [signal.getsignal(number) for number in (signal.SIGALRM, signal.SIGUSR2, signal.SIGINT, signal.SIGTERM)]
    settings = torch.get_default_dtype(), torch.get_num_threads(), np.geterr(), locale.setlocale(locale.LC_ALL)
    return os.getcwd(), dict(os.environ), list(sys.path), handlers, settings


@pytest.mark.parametrize("executor", ["local", "serial"])
def test_the_next_run_meets_its_process_as_if_it_were_the_first(tmp_path, monkeypatch, executor):
    monkeypatch.chdir(tmp_path)
    Path("looks.py").write_text(PLUGIN.replace("{folder!r}", repr(str(tmp_path))))
    found, before = [], of_this_process()
    for algorithms in ("looks", "meddles, looks"):
        Path("s.yaml").write_text(SUITE.format(algorithms=algorithms))
        out = f"out-{len(found)}"
        ran = rlbench("run", "s.yaml", "-o", out, "--plugin", "looks.py", "--executor", executor)
        assert ran.returncode == 0, ran.stderr
        of_looks = harness.load(out).evaluations().query("algorithm == 'looks'").drop(columns="wall_seconds")
        found.append((json.loads(Path("seen.json").read_text()), of_looks.reset_index(drop=True)))
        Path("seen.json").unlink()
    (alone, numbers), (after, same_numbers) = found
    assert after == alone
    assert same_numbers.equals(numbers) and len(numbers) > 1
    assert of_this_process() == before


def test_a_plugin_that_changes_the_folder_when_it_is_imported_moves_no_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SUITE.format(algorithms="looks"))
    text = PLUGIN.replace("{folder!r}", repr(str(tmp_path)))
    (tmp_path / "elsewhere").mkdir()
    Path("looks.py").write_text(text + f"\nos.chdir({str(tmp_path / 'elsewhere')!r})\n")
    assert rlbench("run", "s.yaml", "-o", "out", "--plugin", "looks.py").returncode == 0
    assert Path.cwd() == tmp_path and Path("out/suite.json").exists()
    assert rlbench("run", "s.yaml", "-o", "out", "--plugin", "looks.py", "--rerun", "all").returncode == 0
