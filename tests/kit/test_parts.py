"""The kit's parts are imported when they are used."""

import subprocess
import sys


def test_an_algorithm_loads_the_parts_it_uses_and_no_others():
    code = "import sys, rlbench_dqn.dqn; print(*sorted(n for n in sys.modules if n.startswith('rlbench.kit.')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"rlbench.kit.stacked_networks", "rlbench.kit.optimizers", "rlbench.kit.replay"} <= set(loaded)
    assert not {
        "rlbench.kit.prioritized_replay",
        "rlbench.kit.shared_memory",
        "rlbench.kit.rollout",
        "rlbench.kit.squashed_gaussian",
    } & set(loaded)
