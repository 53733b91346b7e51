"""Traces: the actions of final evaluations, exported, and played again without any policy."""

import json
import shutil

import gymnasium
import numpy as np
import pyarrow.parquet as pq
import pytest
from support.cli import rlbench
from support.tampered_runs import edit_result, rewrite_table, run_of

from rlbench.api import DiskFull, StoreError
from rlbench.reevaluation.action_trace import ActionForm, EpisodeTrace, read_trace, write_trace
from rlbench.verification import trace_export

# More episodes than the 4 lanes they are played in, a stack of two seeds, one agent and two, discrete actions and not.
SUITE = """
name: small
algorithms:
  - {id: ppo, params: {net_arch: [16], n_envs: 2, n_steps: 25, batch_size: 25}, environments: [CartPole-v1, Pendulum-v1]}
  - {id: iql, params: {net_arch: [16], learning_starts: 20, batch_size: 8}}
environments:
  - {id: CartPole-v1, steps: 100}
  - {id: Pendulum-v1, steps: 100}
  - {id: "rlbench.envs.matrix_games:climbing", label: game, steps: 60, backend: pettingzoo}
seeds: [1, 0]
evaluation: {every: 0, final_episodes: 7, environments: 4}
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    home = tmp_path_factory.mktemp("traces")
    (home / "suite.yaml").write_text(SUITE)
    ran = rlbench("run", home / "suite.yaml", "-o", home / "out")
    assert len(list((home / "out/runs").glob("*/result.json"))) == 6, ran.stderr
    ran = rlbench("export", home / "out", "--to", "traces")
    assert ran.returncode == 0 and ran.stdout.endswith("export/traces: 6 runs in 12 files\n"), ran.stderr
    return home / "out"


@pytest.fixture
def copied(out, tmp_path):
    return shutil.copytree(out, tmp_path / "copy")


def trace_of(out, name, seed=0):
    (path,) = (out / "export/traces").glob(f"{name}*--s{seed:02d}--*.parquet")
    return path


def rewrite(path, change):
    """Change the episodes of a trace in place."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(table.from_pylist(rows, table.schema), path)


def final(run):
    (row,) = [row for row in pq.read_table(run / "evaluations.parquet").to_pylist() if row["kind"] == "final"]
    return row


def checks(*arguments, code):
    ran = rlbench("verify", *arguments, "--json")
    assert ran.returncode == code, ran.stdout + ran.stderr
    return {check["run"]: check for check in json.loads(ran.stdout)["traces"]}


@pytest.mark.parametrize(("env_id", "name"), [("CartPole-v1", "ppo--CartPole"), ("Pendulum-v1", "ppo--Pendulum")])
def test_gymnasium_alone_gets_the_recorded_returns_from_seeds_and_actions(out, env_id, name):
    path = trace_of(out, name, 1)
    header, env = json.loads(path.with_suffix(".json").read_text()), gymnasium.make(env_id)
    returns, lengths = [], []
    for row in pq.read_table(path).to_pylist():
        env.reset(seed=row["reset_seed"])
        actions = np.array(row["actions"], header["actions"]["dtype"]).reshape(-1, *header["actions"]["shape"])
        total, count, ended = 0.0, 0, False
        for action in actions:
            _, reward, terminated, truncated, _ = env.step(action)
            total, count, ended = total + float(reward), count + 1, terminated or truncated
        assert ended and row["return"] == total
        returns.append(total)
        lengths.append(count)
    recorded = final(out / "runs" / path.stem)
    assert returns == recorded["returns"] and lengths == recorded["lengths"] and len(returns) == 7


def test_every_trace_is_played_and_compared_with_its_run(out):
    made = checks("--traces", out / "export/traces", code=0)
    assert len(made) == 6
    assert all(
        (one["verdict"], one["episodes"], one["compared_with_run"]) == ("equal", 7, True) for one in made.values()
    )
    ran = rlbench("verify", "--traces", out / "export/traces")
    assert ran.stdout.endswith("6 traces: 6 equal\n") and ran.stderr == ""


def test_actions_of_several_agents_are_kept_in_the_order_of_the_agents(out):
    path = trace_of(out, "iql")
    header = json.loads(path.with_suffix(".json").read_text())
    assert header["actions"]["shape"] == [2] and header["environment"] == "game"


def test_a_trace_elsewhere_is_compared_with_its_own_numbers_or_with_the_folder_that_is_given(out, tmp_path):
    traces = shutil.copytree(out / "export/traces", tmp_path / "alone")
    ran = rlbench("verify", "--traces", traces)
    assert ran.returncode == 0 and "compared with their own numbers only" in ran.stderr
    assert all(one["compared_with_run"] for one in checks(out, "--traces", traces, code=0).values())
    only = checks(run_of(out, "iql"), "--traces", traces, code=0)
    assert list(only) == [run_of(out, "iql").name]


def test_a_changed_return_is_named_with_all_numbers(copied):
    path = trace_of(copied, "ppo--CartPole")
    rewrite(path, lambda rows: rows[5].update({"return": rows[5]["return"] + 1}))
    true = final(copied / "runs" / path.stem)["returns"][5]
    made = checks("--traces", copied / "export/traces", code=1)
    assert sorted(one["verdict"] for one in made.values()) == ["differs"] + ["equal"] * 5
    (found,) = made[path.stem]["differences"]
    assert (found["episode"], found["field"]) == (5, "return")
    assert found["values"] == {"trace": true + 1, "played": true, "run": true}
    ran = rlbench("verify", "--traces", copied / "export/traces")
    assert f"episode 5, return: trace {true + 1}, played {true}, run {true}\n" in ran.stdout


@pytest.mark.parametrize("name", ["ppo--CartPole", "ppo--Pendulum", "iql"])
def test_a_changed_action_is_found_even_if_it_changes_no_return(copied, name):
    path = trace_of(copied, name)

    def change(rows):
        actions = rows[3]["actions"]
        actions[0] = 1 - actions[0] if isinstance(actions[0], int) else actions[0] + 0.5

    rewrite(path, change)
    differences = checks("--traces", copied / "export/traces", code=1)[path.stem]["differences"]
    assert {found["episode"] for found in differences} == {3}
    assert "hash of the observations" in {found["field"] for found in differences} or name == "iql"


def test_missing_and_impossible_actions_are_named(copied):
    short, wrong = trace_of(copied, "ppo--CartPole", 0), trace_of(copied, "ppo--CartPole", 1)
    rewrite(short, lambda rows: rows[2]["actions"].pop())
    rewrite(wrong, lambda rows: rows[0]["actions"].__setitem__(0, 7))
    made = checks("--traces", copied / "export/traces", code=1)
    first = made[short.stem]["differences"][0]
    length = final(copied / "runs" / short.stem)["lengths"][2]
    assert first["episode"] == 2 and first["problem"] == f"the episode does not end after its {length - 1} actions"
    first = made[wrong.stem]["differences"][0]
    assert first["episode"] == 0 and first["problem"].startswith("the environment refused step 0: ")


def test_a_run_whose_records_were_changed_differs_from_its_trace(copied):
    run = run_of(copied, "ppo--CartPole")
    rewrite_table(run, "evaluations", lambda rows: rows[-1]["returns"].__setitem__(6, 500.0))
    (found,) = checks("--traces", copied / "export/traces", code=1)[run.name]["differences"]
    assert (
        found["episode"] == 6
        and found["values"]["run"] == 500.0
        and found["values"]["trace"] == found["values"]["played"]
    )


def test_other_reset_seeds_than_the_protocols_are_named(copied):
    path = trace_of(copied, "ppo--Pendulum")
    rewrite(path, lambda rows: rows[0].update(reset_seed=5))
    fields = {
        found["field"] for found in checks("--traces", copied / "export/traces", code=1)[path.stem]["differences"]
    }
    assert "reset seed" in fields


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda header: header.update(run="other"), "belongs to another run"),
        (lambda header: header["actions"].update(dtype="object"), "'dtype' in 'actions' is not valid"),
        (lambda header: header["actions"].update(shape=[-1]), "'shape' in 'actions' is not valid"),
        (lambda header: header["spec"].update(seed=77), "changed by hand"),
        (lambda header: header.update(episodes=8), "has 7 rows and should have 8"),
    ],
)
def test_a_header_that_was_changed_makes_its_trace_damaged(copied, change, problem):
    path = trace_of(copied, "iql").with_suffix(".json")
    header = json.loads(path.read_text())
    change(header)
    path.write_text(json.dumps(header))
    ran = rlbench("verify", "--traces", copied / "export/traces")
    assert ran.returncode == 1 and problem in ran.stdout and ran.stdout.endswith("6 traces: 5 equal, 1 damaged\n")


def test_a_trace_that_is_gone_is_named_whatever_is_left_of_it(copied):
    traces, three = (
        copied / "export/traces",
        [trace_of(copied, name, 1) for name in ("iql", "ppo--CartPole", "ppo--Pend")],
    )
    (traces / "notes.json").write_text("{}")
    for path, suffixes in zip(three, ([".json"], [".parquet"], [".json", ".parquet"])):
        for suffix in suffixes:
            path.with_suffix(suffix).unlink()
    kept = run_of(copied, "ppo--CartPole", 0)
    assert list(checks(kept, "--traces", traces, code=0)) == [kept.name]
    made = checks("--traces", traces, code=1)
    assert sorted(one["verdict"] for one in made.values()) == ["damaged"] * 3 + ["equal"] * 3
    assert [made[path.stem]["reason"] for path in three] == [
        f"{three[0].with_suffix('.json')} is missing",
        f"{three[1]} is missing",
        f"{three[2].with_suffix('.json')} and {three[2]} are missing",
    ]
    (traces / "rlbench-export.json").unlink()  # then nothing tells of a trace of which nothing is left
    assert (
        sorted(one["verdict"] for one in checks("--traces", traces, code=1).values()) == ["damaged"] * 2 + ["equal"] * 3
    )


def test_a_run_that_is_not_repeated_exactly_gets_no_trace(copied):
    run = run_of(copied, "ppo--CartPole")
    rewrite_table(run, "evaluations", lambda rows: rows[-1]["returns"].__setitem__(6, 500.0))
    edit_result(run, lambda result: result["versions"].update(torch="1.2.3"))
    ran = rlbench("export", copied, "--to", "traces", "-a", "ppo", "-e", "CartPole-v1")
    assert (
        ran.returncode == 1
        and f"note: no trace of {run.name}: its policy does not repeat the recorded returns" in ran.stderr
    )
    assert "versions.torch was 1.2.3, is " in ran.stderr
    written = {path.name.partition(".")[0] for path in (copied / "export/traces").iterdir()}
    assert written == {run_of(copied, "ppo--CartPole", 1).name, "rlbench-export"}


def test_a_full_disk_ends_an_export_of_traces(copied, monkeypatch):
    def full(*arguments, **options):
        raise DiskFull("no room left")

    monkeypatch.setattr(trace_export, "reevaluate", full)
    ran = rlbench("export", copied, "--to", "traces")
    assert ran.returncode == 74 and ran.stderr == "error: no room left\n"


def test_nothing_is_written_if_no_run_has_a_trace(copied, tmp_path):
    for run in (copied / "runs").iterdir():
        edit_result(run, lambda result: result.update(metering="self-reported"))
    ran = rlbench("export", copied, "--to", "traces", "-o", tmp_path / "new")
    assert ran.returncode == 4 and "rlbench did not measure this run" in ran.stderr and not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["export", "OUT", "--allow", "x"], "are for --to traces"),
        (["verify", "OUT", "--traces", "OUT", "--all"], "leave out --steps, --all, -a and -e"),
        (["verify", "--traces", "absent"], "does not exist"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(out, arguments, problem):
    ran = rlbench(*(str(out) if argument == "OUT" else argument for argument in arguments))
    assert ran.returncode == 2 and problem in ran.stderr


def test_a_folder_without_traces_is_refused(out):
    ran = rlbench("verify", "--traces", out)
    assert ran.returncode == 73 and "has no traces; `rlbench export DIRECTORY --to traces` writes them" in ran.stderr


@pytest.mark.parametrize(
    "actions",
    [
        np.array([1, 0, 1]),
        np.array([True, False]),
        np.array([[0.1, -0.2], [np.nan, np.inf]], np.float32),
        np.arange(12, dtype=np.uint8).reshape(2, 2, 3),
    ],
)
def test_a_file_keeps_the_bits_of_actions(tmp_path, actions):
    first = EpisodeTrace(0, 5, actions, 1.5, len(actions), "ab")
    second = EpisodeTrace(1, 6, actions[:1], -0.0, 1, "cd")
    form = write_trace(tmp_path / "t.parquet", [first, second])
    assert form == ActionForm(actions.dtype.name, actions.shape[1:])
    for written, again in zip([first, second], read_trace(tmp_path / "t.parquet", form, 2)):
        assert again.actions.tobytes() == written.actions.tobytes() and again.actions.dtype == actions.dtype
        assert again[:2] == written[:2] and again[3:] == written[3:]
    with pytest.raises(StoreError, match="is not a readable trace"):
        read_trace(tmp_path / "t.parquet", form, 3)
