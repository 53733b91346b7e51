"""What `rlbench new` prints as the commands that come next, run as printed in a fresh environment."""

import re

import pytest

pytestmark = [pytest.mark.packaging, pytest.mark.long]
FEW = "steps: 2_000"  # dqn begins to learn after 1 000


@pytest.mark.parametrize("kind", ["algorithm", "environment", "report", "suite"])
def test_the_commands_that_come_next_work_as_printed(fresh, tmp_path, kind):
    made = fresh.run("rlbench", "new", kind, f"a_{kind}", folder=tmp_path)
    assert made.returncode == 0, made.stderr
    files, following = made.stdout.split("\nnext:\n")
    for path in files.split():
        if path.endswith(".yaml"):  # less of the same
            text = (tmp_path / path).read_text()
            (tmp_path / path).write_text(re.sub(r"steps: [\d_]+", FEW, text).replace("seeds: 5", "seeds: 2"))
    ran = fresh.shell(following, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"a_{kind}: mean return of the final policies" in ran.stdout
