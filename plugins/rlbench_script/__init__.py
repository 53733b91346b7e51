"""Any command line as an algorithm.

The command is started with environment, seed and budget. Its output is read, and it is stopped at the budget.
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
