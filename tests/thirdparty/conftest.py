"""One fresh environment for all tests here; making it takes longer than most of them."""

import pytest
from support.fresh_environment import EXAMPLES, ROOT, Fresh, build


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """The wheels of rlbench and of both examples, by package."""
    pytest.importorskip("pip")  # an environment that dev.py has made without ensurepip has none
    folder = tmp_path_factory.mktemp("built")
    return {wheel.name.split("-")[0]: wheel for wheel in (build(source, folder) for source in (ROOT, *EXAMPLES))}


@pytest.fixture(scope="session")
def fresh(wheels, tmp_path_factory):
    """An environment with all of them installed."""
    found = Fresh(tmp_path_factory.mktemp("fresh"))
    found.install(*wheels.values())
    return found
