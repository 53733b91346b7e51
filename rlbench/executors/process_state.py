"""Restoring of process state that a run may change, so that the next run in the same process does not meet it."""

from __future__ import annotations

import locale
import os
import resource
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np


@contextmanager
def kept_process_state() -> Iterator[None]:
    """Restore at the end of the context what was changed inside it.

    This covers the working folder, environment variables, Python's search path, signal handlers, locale, the filter of
    warnings, numpy's treatment of floating-point errors, torch's threads and default type, and the limit on the size of
    files. Random generators are not restored: each run seeds them.
    """
    folder, variables, path = os.getcwd(), dict(os.environ), list(sys.path)
    language, errors, handlers, torch = locale.setlocale(locale.LC_ALL), np.geterr(), _handlers(), _torch_settings()
    largest, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    with warnings.catch_warnings():
        try:
            yield
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(variables)
            sys.path[:] = path
            locale.setlocale(locale.LC_ALL, language)
            np.seterr(**errors)
            for number, handler in handlers.items():
                if signal.getsignal(number) is not handler:
                    signal.signal(number, handler)
            _set_torch(torch)
            with suppress(ValueError, OSError):  # it cannot be raised beyond a hard limit that was lowered
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def _handlers() -> dict[int, signal._HANDLER]:
    """Return the signal handlers that Python can set again; {} outside the main thread, which alone can set them."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    handlers: dict[int, signal._HANDLER] = {}
    for number in signal.valid_signals():
        with suppress(ValueError, OSError):
            if (handler := signal.getsignal(number)) is not None:
                handlers[number] = handler
    return handlers


def _torch_settings() -> tuple[object, int] | None:
    """Return torch's default type and number of threads; None before torch is imported."""
    torch = sys.modules.get("torch")
    return None if torch is None else (torch.get_default_dtype(), torch.get_num_threads())


def _set_torch(settings: tuple[object, int] | None) -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        dtype, threads = settings or (torch.float32, int(os.environ.get("OMP_NUM_THREADS", "1")))
        torch.set_default_dtype(dtype)
        torch.set_num_threads(threads)
