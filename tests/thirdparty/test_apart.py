"""The examples lie among rlbench's own plugins and are none of them: an installed checkout offers neither."""

import importlib.metadata
import importlib.util
import tomllib

import pytest
from support.fresh_environment import EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_installed_checkout_offers_no_example(example):
    """An editable installation puts the folder of the plugins on the path, this one too."""
    told = tomllib.loads((example / "pyproject.toml").read_text())
    (package,) = told["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert (example / package).is_dir() and importlib.util.find_spec(package) is None
    assert told["project"]["name"] not in {d.metadata["Name"] for d in importlib.metadata.distributions()}


def test_there_are_an_algorithm_and_a_backend():
    assert [path.name for path in EXAMPLES] == ["example-backend", "example-thirdparty"]
