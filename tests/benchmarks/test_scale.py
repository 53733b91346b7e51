"""benchmarks/scale.py: it times a command on a made folder, and counts the folder's files."""

from benchmarks.loading import make
from benchmarks.scale import COMMANDS, files_below, measure


def test_a_command_is_timed_and_files_are_counted(tmp_path):
    make(tmp_path / "s", runs=100, evaluations=2, tasks=5)
    took = measure(tmp_path / "s", COMMANDS["status"], tmp_path / "status.txt")
    assert took["exit_code"] == 0 and "100 runs" in (tmp_path / "status.txt").read_text()
    assert took["wall_seconds"] > 0 and took["cpu_seconds"] > 0 and took["peak_gb"] > 0
    counts = files_below(tmp_path / "s")
    assert counts["suite.json"] == 1 and counts["attempts"] == 9 * 50 and 490 <= counts["runs"] <= 500
