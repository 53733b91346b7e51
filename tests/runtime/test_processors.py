"""The promise on processors that this one can pass for: with fewer instructions, and in other modes of Intel's library.

In the mode that workers get, the kit's own tests of independence must hold everywhere. In others what is claimed must be so.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = "AUTO,STRICT"
# What each takes of the processor, as Linux names it.
EMULATED = {
    "ATen without vectors": ({"ATEN_CPU_CAPABILITY": "default"}, ""),
    "ATen with AVX2": ({"ATEN_CPU_CAPABILITY": "avx2"}, "avx2"),
    "ATen with AVX-512": ({"ATEN_CPU_CAPABILITY": "avx512"}, "avx512f"),
    "MKL up to SSE 4.2": ({"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}, "sse4_2"),
    "MKL up to AVX2": ({"MKL_ENABLE_INSTRUCTIONS": "AVX2"}, "avx2"),
    "all up to AVX2": (
        {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
        "avx2",
    ),
    "MKL's mode AUTO": ({"MKL_CBWR": "AUTO"}, ""),
    "MKL's mode AVX2": ({"MKL_CBWR": "AVX2"}, "avx2"),
    "MKL's mode COMPATIBLE": ({"MKL_CBWR": "COMPATIBLE"}, ""),
}
CLAIMS = "trials_say"
BITS = f"{CLAIMS} or same_bits_in_any_stack or bits_do_not_depend"


def flags():
    try:
        return set((Path("/proc/cpuinfo").read_text().partition("\nflags")[2].partition("\n")[0]).split())
    except OSError:
        return set()


@pytest.mark.processors
@pytest.mark.timeout(600)
@pytest.mark.parametrize("emulated", EMULATED.values(), ids=EMULATED.keys())
def test_under_another_processor_claims_are_so(emulated):
    chosen, instructions = emulated
    if instructions and instructions not in flags():
        pytest.skip(f"this processor has no {instructions}")
    environment = {**os.environ, "MKL_CBWR": OURS, **chosen}
    which = BITS if environment["MKL_CBWR"] == OURS else CLAIMS
    files = ["tests/kit", "tests/runtime/test_independence.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", which, *files]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert " passed" in ran.stdout and "skipped" not in ran.stdout


@pytest.mark.processors
@pytest.mark.parametrize(("chosen", "said"), [("default", "DEFAULT"), ("avx2", "AVX2")])
def test_fewer_instructions_are_in_force_and_in_the_record(chosen, said):
    if chosen != "default" and chosen not in flags():
        pytest.skip(f"this processor has no {chosen}")
    code = "import torch; from rlbench.results import numerics; print(numerics('cpu', False, 1))"
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": chosen}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert f"'cpu_capability': '{said}'" in ran.stdout and f"'aten_cpu_capability': '{chosen}'" in ran.stdout
