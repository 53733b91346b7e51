"""Result folders that are damaged at random: no command fails, and no number changes without a word.

30 folders and one bit flipped in each kind of file here; 500 folders and 40 bits of each kind with --soak.
"""

import json
import os
import random
import shutil

import pytest
from support.cli import rlbench

from rlbench.results import results_index

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]

SUITE = """
name: damaged
algorithms: [random, {id: dqn, params: {net_arch: [8], learning_starts: 50}}]
environments: [{id: CartPole-v1, steps: 400}, {id: Acrobot-v1, steps: 400}]
seeds: 2
evaluation: {every: 200, episodes: 2, final_episodes: 3}
"""
KINDS = (
    "suite.json", "spec.json", "result.json", "evaluations.parquet", "episodes.parquet", "metrics.parquet",
    "policy.safetensors", "group.json", "made-by.json", "exit.json", "evaluations.jsonl", "episodes.jsonl",
    "metrics.jsonl", "heartbeat", "stderr.log", "index.parquet", "index.sha256", "LOCK",
)  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    (folder / "suite.yaml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:  # with the cache that large folders have
        patch.setattr(results_index, "_WORTH_KEEPING", 1)
        assert rlbench("run", folder / "suite.yaml", "-o", folder / "out").returncode == 0
        assert rlbench("table", folder / "out").returncode == 0
    assert (folder / "out" / "index.parquet").exists()
    return folder / "out"


def truncate(path, draw):
    os.truncate(path, draw.randint(0, max(0, path.stat().st_size - 1)))


def flip(path, draw):
    content = bytearray(path.read_bytes() or b"\0")
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def overwrite(path, draw):
    path.write_bytes(
        draw.choice([b"", b"\0" * 100, b"garbage", b"[]", b"{}", b"null", b"1e999", b"\xff\xfe", b'{"a": NaN}'])
    )


def lengthen(path, draw):
    path.write_bytes(path.read_bytes() + draw.choice([b"\n", b"{", b"\0\0", b"x" * 1000]))


def exchange(path, draw):
    others = [other for other in files_of(path.parent.parent) if other.name == path.name and other != path]
    if others:
        path.write_bytes(draw.choice(others).read_bytes())


def remove(path, draw):
    path.unlink()


def make_folder(path, draw):
    path.unlink()
    path.mkdir()


def link_outside(path, draw):
    path.unlink()
    path.symlink_to(draw.choice(["/etc/hostname", "/dev/null", "/nowhere", "/proc/self/mem", ".."]))


def make_pipe(path, draw):
    path.unlink()
    os.mkfifo(path)


HARMS = (truncate, flip, overwrite, lengthen, exchange, remove, make_folder, link_outside, make_pipe)


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def numbers(folder):
    """Return each cell's runs and scores, the exit code, and all that was said."""
    ran = rlbench("table", folder, "--json")
    told = ran.stdout + ran.stderr
    assert ran.returncode != 3 and "Traceback" not in told and "internal error" not in told, told
    cells = json.loads(ran.stdout)["cells"] if ran.returncode in (0, 1) else []
    kept = ("algorithm", "environment", "n", "n_valid", "iqm", "statuses", "ci")
    return [{name: cell.get(name) for name in kept} for cell in cells], ran.returncode, told


def assert_nothing_is_hidden(folder, whole, what):
    """Check that the table is what it was, or that the command says what is damaged.

    A row may also say it by itself, such as "1/2 … 1 interrupted" for a run whose result.json was removed.
    """
    cells, code, told = numbers(folder)
    before = numbers(whole)[0]
    changed = [new for new, old in zip(cells, before) if new != old and new["statuses"] == old["statuses"]]
    assert code != 0 or (len(cells) == len(before) and not changed), (what, told)
    for command in (["status", folder], ["report", folder, "-o", folder.parent / "r.html"], ["compare", folder]):
        ran = rlbench(*command)
        told = ran.stdout + ran.stderr
        assert ran.returncode != 3 and "Traceback" not in told and "internal error" not in told, (what, command, told)
    assert (code == 0) or told.strip(), what


def test_a_folder_damaged_at_random_is_read_as_before_or_its_damage_is_named(whole, tmp_path, amount):
    for number in range(amount(30, 500)):
        draw, folder = random.Random(number), tmp_path / str(number)
        shutil.copytree(whole, folder)
        done = []
        for _ in range(draw.randint(1, 3)):
            path, harm = draw.choice(files_of(folder)), draw.choice(HARMS)
            harm(path, draw)
            done.append((harm.__name__, str(path.relative_to(folder))))
        assert_nothing_is_hidden(folder, whole, (number, done))
        shutil.rmtree(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_in_any_kind_of_file_changes_no_number_silently(whole, tmp_path, kind, amount):
    for number in range(amount(1, 40)):
        draw, folder = random.Random(f"{kind} {number}"), tmp_path / str(number)
        shutil.copytree(whole, folder)
        path = draw.choice([path for path in files_of(folder) if path.name == kind])
        flip(path, draw)
        assert_nothing_is_hidden(folder, whole, (number, kind, str(path.relative_to(folder))))
        shutil.rmtree(folder)
