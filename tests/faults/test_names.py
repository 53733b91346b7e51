"""Names that are no file names: each run has a folder of its own inside the result folder, and tables have the name."""

import json
import os
import unicodedata
from pathlib import Path

import pytest
from support.cli import rlbench

import rlbench as harness

PLUGIN = """
from dataclasses import dataclass
from rlbench import Algorithm, AlgorithmSpec, Supports, hookimpl, setting

@dataclass(frozen=True)
class Config:
    number: int = setting(0, "which one it is")

class Leans(Algorithm):
    Config = Config
    def act(self, obs): return (obs[..., 2] > 0).astype(int)
    def train(self, interaction):
        interaction.reset()
        while not interaction.finished:
            interaction.step(self.act(interaction.obs))

@hookimpl
def rlbench_algorithms(): return [AlgorithmSpec("leans", Leans, Supports(discrete=True))]
"""
NAMES = (
    "../../x", "/etc/x", "a\0b", "CON", ".", "..", "-rf", "a b", "x" * 300, "Case", "cASE", "caf\u00e9", "cafe\u0301",
    "\u202e\u05d0\u05d1", "\U0001f680" * 30, "a/b", "~", "$HOME", "a\nb", "\\", "*", "#", "{{ x }}",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with one run for each name, of an algorithm and of an environment."""
    folder = tmp_path_factory.mktemp("names") / "inside"
    folder.mkdir()
    (folder / "leans.py").write_text(PLUGIN)
    suite = {
        "name": "s",
        "algorithms": [{"id": "leans", "label": name, "params": {"number": i}} for i, name in enumerate(NAMES)],
        "environments": [{"id": "CartPole-v1", "steps": 20, "label": "../../y"}],
        "seeds": 1,
        "evaluation": {"every": 0, "final_episodes": 1},
    }
    harness.run(suite, folder / "out", plugins=folder / "leans.py", quiet=True, executor="serial")
    return folder


def outside(made):
    """Return what lies beside the folder in which everything has its place."""
    return sorted(path.name for path in made.parent.iterdir() if path != made)


def test_every_run_has_a_folder_of_its_own_inside_with_a_short_plain_name(made):
    folders = [path.name for path in (made / "out/runs").iterdir()]
    attempts = [path.name for path in (made / "out/attempts").iterdir()]
    assert len(folders) == len(attempts) == len(NAMES) and outside(made) == []
    for names in (folders, attempts):
        assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == len(NAMES)
        assert all(name.isascii() and name.replace("-", "").replace(".", "").isalnum() for name in names)
    assert all(len(os.fsencode(name)) <= 80 for name in folders)


def test_tables_have_each_name_as_it_was_given(made):
    results = harness.load(made / "out")
    assert results.runs()["algorithm"].tolist() == list(NAMES)
    assert set(results.evaluations()["algorithm"]) == set(NAMES)
    cells = json.loads(rlbench("table", made / "out", "--json").stdout)["cells"]
    assert [(cell["algorithm"], cell["environment"], cell["n_valid"]) for cell in cells] == [
        (name, "../../y", 1) for name in NAMES
    ]


@pytest.mark.parametrize(
    "arguments",
    [["report", "--files", "to"], ["export", "-o", "to"], ["export", "--to", "tensorboard", "-o", "to"],
     ["export", "--to", "rliable", "-o", "to"], ["export", "--to", "huggingface", "-o", "to"]],
    ids=lambda arguments: "-".join(arguments[:3]),
)  # fmt: skip
def test_what_is_written_of_them_stays_where_it_was_asked_for(made, tmp_path, monkeypatch, arguments):
    (tmp_path / "deep/down/here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep/down/here")
    ran = rlbench(arguments[0], made / "out", *arguments[1:])
    assert ran.returncode == 0, ran.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written and all(path.is_relative_to(tmp_path / "deep/down/here/to") for path in written)
    assert outside(made) == [] and not {"\0", "\n"} & set("".join(map(str, written)))
    assert all(len(os.fsencode(part)) <= 255 for path in written for part in Path(path).parts)
