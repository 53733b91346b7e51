"""What `rlbench import` does with files that have grown, what it leaves out, and what it keeps a record of."""

import gzip
import json

import pytest
from support.small_suites import rlbench as command

import rlbench

HEADER = "algorithm,environment,seed,step,return\n"


def table(path, last, seeds=(0, 1, 2)):
    """Runs that get a return of their step, every hundred steps."""
    rows = [f"A,X-v0,{seed},{step},{step}\n" for seed in seeds for step in range(100, last + 1, 100)]
    path.write_text(HEADER + "".join(rows))
    return path


def scores(folder):
    return {row.seed: row.score for row in rlbench.load(folder).runs().itertuples()}


def log(folder):
    return [json.loads(line) for line in (folder / "imports.jsonl").read_text().splitlines()]


def test_a_file_that_has_grown_is_the_same_run_and_may_replace_it(tmp_path):
    out = tmp_path / "out"
    command("import", table(tmp_path / "day1.csv", 1000), "-o", out)
    refused = command("import", table(tmp_path / "day2.csv", 2000), "-o", out)
    assert refused.returncode == 2
    assert "A on X-v0, seed 0, is already in the folder with other rows (10 from " in refused.stderr
    assert "--replace replaces them" in refused.stderr and scores(out) == dict.fromkeys(range(3), 550.0)
    replaced = command("import", tmp_path / "day2.csv", "--replace", "-o", out)
    assert replaced.returncode == 0 and "the budget is 2,000 steps" in replaced.stderr
    assert scores(out) == dict.fromkeys(range(3), 1050.0)
    assert set(rlbench.load(out).runs()["budget"]) == {2000}
    assert json.loads((out / "suite.json").read_text())["suite"]["environments"][0]["steps"] == 2000
    assert len(list((out / "superseded").iterdir())) == 3 and len(list((out / "runs").iterdir())) == 3
    again = command("import", tmp_path / "day2.csv", "--replace", "-o", out)
    assert again.stderr.count("already there: kept") == 3 and len(list((out / "superseded").iterdir())) == 3
    assert command("report", out).returncode == 0


def test_the_same_rows_under_another_name_are_there_already(tmp_path):
    out, copy, packed = tmp_path / "out", tmp_path / "b_copy.csv", tmp_path / "b.csv.gz"
    copy.write_bytes(table(tmp_path / "b.csv", 1000).read_bytes())
    packed.write_bytes(gzip.compress(copy.read_bytes()))
    command("import", tmp_path / "b.csv", "-o", out)
    for again in ([copy], [packed], [copy, "--replace"]):
        ran = command("import", *again, "-o", out)
        assert ran.returncode == 0 and ran.stderr.count("already there: kept") == 3
    assert len(list((out / "runs").iterdir())) == 3 and not (out / "superseded").exists()
    assert len(rlbench.load(out).runs()) == 3
    grown = command("import", table(copy, 2000), "-o", out)
    assert grown.returncode == 2 and "is already in the folder with other rows" in grown.stderr


def test_beside_runs_that_stay_a_replaced_one_keeps_their_budget(tmp_path):
    out = tmp_path / "out"
    command("import", table(tmp_path / "day1.csv", 1000), "-o", out)
    ran = command("import", table(tmp_path / "day2.csv", 2000, seeds=[1]), "--replace", "-o", out)
    assert ran.returncode == 0 and "skipped: 10 rows of 1 run beyond it" in ran.stderr
    assert scores(out) == dict.fromkeys(range(3), 550.0)


def test_a_grown_run_that_falls_short_of_the_others_makes_room_and_says_so(tmp_path):
    out, day2 = tmp_path / "out", tmp_path / "day2.csv"
    command("import", table(tmp_path / "day1.csv", 1000), "-o", out)
    short = table(tmp_path / "short.csv", 1000, seeds=[2]).read_text().removeprefix(HEADER)
    day2.write_text(table(day2, 2000, seeds=[0, 1]).read_text() + short)
    ran = command("import", day2, "--replace", "-o", out)
    assert ran.returncode == 1
    assert "at step 1000 of 2000, before 90% of the budget; the previous run is in superseded/" in ran.stderr
    assert scores(out) == {0: 1050.0, 1: 1050.0} and len(list((out / "superseded").iterdir())) == 3


def test_a_grown_file_of_an_unsaid_seed_is_no_second_run(tmp_path):
    file, out, named = tmp_path / "r.csv", tmp_path / "out", ("--algorithm", "A", "--environment", "X-v0")
    file.write_text("step,return\n100,1\n")
    command("import", file, *named, "-o", out)
    file.write_text("step,return\n100,1\n200,3\n")
    refused = command("import", file, *named, "-o", out)
    assert refused.returncode == 2 and "seed 0, is already in the folder with other rows" in refused.stderr
    assert command("import", file, *named, "--replace", "-o", out).returncode == 0 and scores(out) == {0: 2.0}


def test_equal_files_of_unsaid_seeds_are_not_counted_as_two(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("step,return\n100,-200\n")
    named = ("--algorithm", "A", "--environment", "X-v0", "-o", tmp_path / "out")
    ran = command("import", tmp_path, *named)
    assert ran.returncode == 1 and "if it is another run, give its seed by --path" in ran.stderr


def test_a_crashed_run_sets_no_budget(tmp_path):
    file = table(tmp_path / "r.csv", 10_000, seeds=range(4))
    with open(file, "a") as more:
        more.write("A,X-v0,4,100,10\nA,X-v0,4,300,30\n")
    ran = command("import", file, "-o", tmp_path / "out")
    assert ran.returncode == 1 and "skipped: it ends at step 300 of 10000" in ran.stderr
    assert "the budget is 10,000 steps, reached by 4 of 5 runs; --steps N sets another" in ran.stderr
    assert scores(tmp_path / "out") == dict.fromkeys(range(4), 5050.0)


def test_where_nothing_reaches_the_budget_nothing_is_written(tmp_path):
    out = tmp_path / "out"
    command("import", table(tmp_path / "day1.csv", 1000), "-o", out)
    before = (out / "suite.json").read_text()
    ran = command("import", table(tmp_path / "day2.csv", 2000), "--replace", "--steps", 10**6, "-o", out)
    assert ran.returncode == 2 and "it ends at step 2000 of 1000000" in ran.stderr
    assert "X-v0: the budget is 1,000,000 steps, reached by 0 of 3 runs" in ran.stderr
    assert (out / "suite.json").read_text() == before and not (out / "superseded").exists()


def test_rows_of_one_step_are_one_evaluation(tmp_path):
    rows = [f"A,X-v0,0,1000,{value},evaluation\n" for value in [10] * 9 + [500]]
    (tmp_path / "r.csv").write_text(HEADER.replace("return", "return,kind") + "".join(rows))
    assert command("import", tmp_path / "r.csv", "-o", tmp_path / "out").returncode == 0
    assert scores(tmp_path / "out") == {0: 59.0}
    final = rlbench.load(tmp_path / "out").evaluations().query("kind == 'final'")
    assert len(final["returns"].item()) == 10


@pytest.mark.parametrize("seed", [-1, 4294967295, (1 << 63) - 1])
def test_seeds_are_names_and_stay_so_in_every_table(tmp_path, seed):
    out = tmp_path / "out"
    (tmp_path / "r.csv").write_text(f"{HEADER}A,X-v0,{seed},100,7\n")
    assert command("import", tmp_path / "r.csv", "-o", out).returncode == 0
    assert scores(out) == {seed: 7.0} and rlbench.load(out).episodes()["seed"].tolist() == [seed]
    assert command("report", out).returncode == 0 and command("table", out, "--json").returncode == 0


def test_a_seed_of_more_than_64_bits_costs_its_run_alone(tmp_path):
    (tmp_path / "r.csv").write_text(f"{HEADER}A,X-v0,{1 << 63},100,7\nA,X-v0,1,100,7\n")
    ran = command("import", tmp_path / "r.csv", "-o", tmp_path / "out")
    assert ran.returncode == 1 and "needs more than 64 bits" in ran.stderr and scores(tmp_path / "out") == {1: 7.0}


def test_what_was_left_out_and_guessed_stands_in_the_record(tmp_path):
    out, logs = tmp_path / "out", tmp_path / "logs"
    table(tmp_path / "good.csv", 200, seeds=[0])
    logs.mkdir()
    (logs / "good.csv").write_text((tmp_path / "good.csv").read_text() + HEADER)
    (logs / "odd.csv").write_text("step,return\n1,high\n")
    assert command("import", logs, "-o", out).returncode == 1
    (entry,) = log(out)
    assert entry["skipped"][0]["why"].endswith("odd.csv:2: return 'high' is not a number")
    assert entry["runs"][0]["outcome"] == "imported"
    result = json.loads(next(out.glob("runs/*/result.json")).read_text())
    assert result["imported"]["notes"] == entry["runs"][0]["notes"] == ["the header is repeated in line 4"]
    assert result["imported"]["beyond"] == 0
