"""Settings that must be in place before torch is imported: one thread, products that do not depend on the batch.

Suites that tests run write no report unless a test asks for it: drawing takes longer than training them. What plugins
say of themselves is asked once a session; the user's own cache is neither read nor written.
"""

import os
import shutil
import signal
import tempfile

import pytest

# What a shell starts in the background ignores interrupts, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")  # another one is a processor that is emulated
os.environ["RLBENCH_NO_REPORT"] = "1"


def pytest_addoption(parser):
    parser.addoption("--soak", action="store_true", help="kill, fuzz and damage as often as `python3 dev.py soak` does")


@pytest.fixture
def amount(request):
    """How often to repeat: amount(usually, with --soak)."""
    return lambda usually, soaked: soaked if request.config.getoption("--soak") else usually


def pytest_configure(config):
    if not hasattr(config, "workerinput"):  # pytest-xdist's workers take over the environment of their starter
        os.environ["RLBENCH_CACHE"] = tempfile.mkdtemp(prefix="rlbench-tests-")


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["RLBENCH_CACHE"], ignore_errors=True)


def pytest_collection_modifyitems(items):
    """The README's first command trains for a minute in two processes: at the end of a run, other workers would wait."""
    items.sort(key=lambda item: item.path.name != "test_readme.py")


@pytest.fixture
def registry():
    """Gymnasium's registry, as it was when the test is over: to register an id twice warns, and warnings are errors."""
    import gymnasium

    before = dict(gymnasium.registry)
    yield gymnasium.registry
    gymnasium.registry.clear()
    gymnasium.registry.update(before)
