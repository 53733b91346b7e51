"""Any command line as an algorithm.

It is started with environment, seed and budget; its output is read; it is stopped at the budget.
"""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "script",
            "rlbench_script.script:Script",
            Supports(discrete=True, continuous=True, pixels=True, no_observations=True),  # it makes its own
            stackable=False,
            resumable=False,
            reproducible=False,
            metering="self-reported",
            summary="your own command line; its results are self-reported",
        )
    ]
