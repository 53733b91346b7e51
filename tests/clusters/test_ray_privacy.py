"""What is asked of Ray: who reaches a cluster's ports can run any program on it."""

import os
import sys
from types import SimpleNamespace

import pytest

from rlbench.api import ExecutorContext, RlbenchError
from rlbench.clusters.ray_tasks import _connect

VARIABLES = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED", "RAY_DISABLE_IMPORT_WARNING")


@pytest.fixture
def asked(monkeypatch):
    """The arguments that Ray is started with, of a module that only keeps them."""
    calls = []
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(init=lambda **arguments: calls.append(arguments)))
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    return calls


def context(**settings):
    return ExecutorContext(3, print, print, print, settings=settings)


def test_a_cluster_of_our_own_is_on_this_machine_alone_without_dashboard_and_asks_for_a_token(asked):
    _connect(context())
    (arguments,) = asked
    assert arguments["_node_ip_address"] == "127.0.0.1" and arguments["include_dashboard"] is False
    assert arguments["address"] is None and arguments["num_cpus"] == 3
    assert os.environ["RAY_AUTH_MODE"] == "token"


@pytest.mark.parametrize("given", [{"address": "ray://head:10001"}, {}])
def test_somebody_elses_cluster_is_asked_for_nothing_but_its_address(asked, monkeypatch, given):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    _connect(context(**given))
    (arguments,) = asked
    assert arguments == {
        "address": given.get("address", "10.0.0.1:6379"),
        "log_to_driver": False,
        "configure_logging": False,
    }


def test_no_statistics_of_its_use_are_sent(asked):
    _connect(context())
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_cluster_that_is_not_there_and_a_missing_package_are_named(asked, monkeypatch):
    def refuse(**arguments):
        raise ConnectionError("nobody listens")

    monkeypatch.setattr(sys.modules["ray"], "init", refuse)
    with pytest.raises(RlbenchError, match="Ray does not answer at ray://head:1: nobody listens"):
        _connect(context(address="ray://head:1"))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RlbenchError, match="pip install 'rlbench\\[ray\\]'"):
        _connect(context())
