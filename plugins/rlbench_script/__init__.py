"""Any command line as an algorithm.

The command gets the environment, the seed and the budget. rlbench reads its output and stops it at the budget.
"""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "script",
            "rlbench_script.script:Script",
            # A script makes its own environments.
            Supports(discrete=True, continuous=True, pixels=True, no_observations=True),
            stackable=False,
            resumable=False,
            reproducible=False,
            metering="self-reported",
            summary="your own command line; its results are self-reported",
        )
    ]
