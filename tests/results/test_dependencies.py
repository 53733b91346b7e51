"""What a run imported is recorded, and a change of it is seen without importing anything."""

import sys

import pytest

from rlbench.plugins import load_plugins
from rlbench.results import dependencies
from rlbench.results.dependencies import changed_modules, imported


@pytest.fixture
def plugin():
    return load_plugins().find("random")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Modules of the user's own: a package with a helper, which lies in no distribution."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("from mine.helper import GAIN\n")
    (tmp_path / "mine" / "helper.py").write_text("GAIN = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "mine"
    for name in ("mine", "mine.helper"):
        sys.modules.pop(name, None)
    dependencies._source.cache_clear()


def test_a_module_of_ones_own_is_recorded_with_what_it_imports(plugin, own):
    import mine  # noqa: F401

    found = imported(plugin)
    assert {"mine", "mine.helper"} <= set(found["files"]) and "rlbench_random" not in found["rlbench"]
    assert all(len(value) == 16 for value in found["files"].values())
    assert not {"json", "numpy", "torch", "pytest", "rlbench"} & set(found["files"])


def test_a_change_is_named_with_the_module_and_when_it_was_edited(plugin, own):
    import mine  # noqa: F401

    before = imported(plugin)
    assert changed_modules(before) == []
    (own / "helper.py").write_text("GAIN = 10\n")
    (told,) = changed_modules(before)
    assert told.startswith("mine.helper has changed (edited ")


def test_what_was_imported_first_counts_though_the_file_is_edited_later(plugin, own):
    import mine  # noqa: F401

    before = imported(plugin)
    (own / "helper.py").write_text("GAIN = 10\n")
    later = imported(plugin, before)
    assert later["files"]["mine.helper"] == before["files"]["mine.helper"]
    assert len(changed_modules(later)) == 1


def test_a_module_that_is_not_to_be_found_says_nothing(plugin):
    assert changed_modules({"files": {"nowhere": "0" * 16, "nowhere.deep": "0" * 16}}) == []


def test_a_change_is_seen_without_importing(plugin, own):
    assert changed_modules({"files": {"mine.helper": "0" * 16}})[0].startswith("mine.helper has changed")
    assert "mine" not in sys.modules


def test_rlbenchs_own_part_is_the_numeric_modules_that_were_used(plugin):
    import rlbench.envs.meter
    import rlbench.seeding  # noqa: F401

    found = imported(plugin)["rlbench"]
    assert "rlbench.envs.meter" in found and not any(
        name.startswith(("rlbench.cli", "rlbench.results")) for name in found
    )
    told = changed_modules({"rlbench": {"rlbench.kit.optim": "0" * 16, "rlbench.seeding": found["rlbench.seeding"]}})
    assert [text.partition(" (")[0] for text in told] == ["rlbench.kit.optim has changed"]


def test_distributions_are_those_that_rlbench_does_not_need_itself_and_those_that_numbers_hang_on():
    tops = dependencies._distributions()
    assert tops["numpy"] == "numpy" and tops["torch"] == "torch" and tops["gymnasium"] == "gymnasium"
    assert not {"pandas", "click", "sympy"} & set(tops) and tops["stable_baselines3"] == "stable_baselines3"
    (told,) = changed_modules({"distributions": {"numpy": "0.1"}})
    assert told.startswith("numpy 0.1, now ")
    assert changed_modules({"distributions": {"gone-for-good": "1.0"}}) == ["gone-for-good 1.0, now absent"]


def test_a_plugin_file_and_what_lies_beside_it_are_found_by_where_the_file_is(tmp_path):
    (tmp_path / "two.py").write_text("x = 1\n")
    (tmp_path / "beside.py").write_text("y = 1\n")
    recorded = {"files": {"two": "0" * 16, "beside": "0" * 16}}
    told = changed_modules(recorded, [tmp_path], {"two": tmp_path / "two.py"})
    assert [text.split()[0] for text in told] == ["two", "beside"]
