"""Numbers in tables: fixed decimals where they show something, significant digits elsewhere."""

from support.live_folders import LiveAttempt
from support.report_pages import group, suite_of
from support.small_suites import rlbench as command

from rlbench.cli import text_table


def test_small_differences_and_large_returns_can_be_read(tmp_path):
    rows = ["algorithm,environment,seed,kind,step,return"]
    for seed in range(8):
        for name, env, value in (
            ("a", "X-v0", 1e8 + seed / 1e4),
            ("b", "X-v0", 1e8 + 0.01 + seed / 1e4),
            ("a", "Y-v0", 1e99 * (seed + 1)),
            ("b", "Y-v0", 1e99 * (seed + 2)),
        ):
            rows.append(f"{name},{env},{seed},evaluation,100,{value!r}")
    for folder, more in (("r", 0), ("s", 1)):
        (tmp_path / f"{folder}.csv").write_text("\n".join(rows[: len(rows) - more]) + "\n")
        assert command("import", tmp_path / f"{folder}.csv", "-o", tmp_path / folder).returncode == 0
    told = command("compare", "a", "b", "-d", tmp_path / "r").stdout
    assert "a worse than b on X-v0: −0.01" in told
    told = command("compare", "a", "b", "-d", tmp_path / "r", "-v").stdout
    assert "-0.01" in told and "worse" in told
    table = command("table", tmp_path / "r").stdout
    assert "4.5e+99" in table and max(map(len, (told + table).splitlines())) < 250
    gate = command("gate", tmp_path / "r", "--against", tmp_path / "s").stdout
    assert "in the base from" not in gate and "content" not in gate


def test_a_table_wider_than_the_terminal_becomes_a_block_for_each_row(monkeypatch):
    header, rows = ("name", "IQM", "n"), [("a" * 10, "1.5", "3/3"), ("b", "22.5", "")]
    monkeypatch.setattr(text_table, "PIPED_WIDTH", 22)
    assert text_table.fitted(header, rows) == "aaaaaaaaaa\n  IQM 1.5\n  n 3/3\nb\n  IQM 22.5\n"
    monkeypatch.setattr(text_table, "PIPED_WIDTH", 23)
    assert text_table.fitted(header, rows) == text_table.aligned(header, rows)


def test_a_long_message_makes_no_block_of_every_run_and_stays_whole_where_one_run_is_shown(tmp_path, monkeypatch):
    cells = group("a", 1, config={"n": 1}), group("b", 1, config={"n": 2})
    store, message = suite_of(tmp_path / "out", cells), "ValueError: " + "why " * 490 + "(odd.py:8)"
    LiveAttempt(store, cells[0]).ends("failed", message)
    shown = command("status", store.root).stdout
    assert [line[:20] for line in shown.splitlines()[2:5]] == [
        "algorithm   task    ",
        "a           CartPole",
        "b           CartPole",
    ]
    assert "ValueError: why why" in shown and max(map(len, shown.splitlines())) == text_table.PIPED_WIDTH
    assert "`rlbench show RUN` has the whole message" in shown
    assert message in command("show", store.folder(cells[0].runs[0])).stdout
    assert message in command("status", store.root, "--json").stdout
    monkeypatch.setattr(text_table, "PIPED_WIDTH", 80)  # no room for a message beside the other columns
    lines = command("status", store.root).stdout.splitlines()
    assert "b" in lines and 500 < max(map(len, lines)) < 550
    LiveAttempt(store, cells[0]).ends("failed", "ValueError: no")
    assert "whole message" not in command("status", store.root).stdout


def test_what_to_do_about_a_damaged_run_is_said_whole(tmp_path):
    one = group("a", 1)
    store = suite_of(tmp_path / ("deep" * 50), [one])
    (store.folder(one.runs[0]) / "result.json").write_text("{")
    shown = command("status", store.root)
    assert shown.returncode == 1 and "remove it to train again" in shown.stderr and "…" in shown.stdout
