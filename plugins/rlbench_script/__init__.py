"""Any command line as an algorithm: started with environment, seed and budget, read as it prints, ended at the budget."""

from rlbench import AlgorithmSpec, Supports, hookimpl


@hookimpl
def rlbench_algorithms() -> list[AlgorithmSpec]:
    return [
        AlgorithmSpec(
            "script",
            "rlbench_script.script:Script",
            Supports(discrete=True, continuous=True, pixels=True, nested=True),
            stackable=False,
            resumable=False,
            reproducible=False,
            metering="self-reported",
            summary="a command line of your own, by its own account",
        )
    ]
