"""What the processes of test_a3c run: it has to be importable there by name."""

import time

from rlbench.kit.shared_memory import SharedRMSprop


def contribute(env, rank, params, square, turn, grads, alpha, eps, lr):
    """One update each, in the order of the ranks. env: what the stand-in for an interaction made."""
    assert env == f"environment {rank}"
    while int(turn[0]) != rank:
        time.sleep(0.001)
    SharedRMSprop(square, alpha, eps).apply(params, grads[rank].unsqueeze(0), lr)
    turn += 1
