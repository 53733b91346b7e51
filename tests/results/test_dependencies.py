"""What a run imported is recorded, and a change of it is seen without importing anything."""

import importlib
import importlib.util
import os
import sys
import time

import pytest

from rlbench.plugins import load_plugins
from rlbench.plugins.entry_points import Plugin
from rlbench.results import code_dependencies
from rlbench.results.code_dependencies import changed_modules, file_hash, imported_code


@pytest.fixture
def plugin():
    return load_plugins().find("random")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Modules of the user's own: a package with a helper, which lies in no distribution."""
    (tmp_path / "of_mine").mkdir()
    (tmp_path / "of_mine" / "__init__.py").write_text("from of_mine.helper import GAIN\n")
    (tmp_path / "of_mine" / "helper.py").write_text("GAIN = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "of_mine"
    for name in ("of_mine", "of_mine.helper"):
        sys.modules.pop(name, None)
    code_dependencies._source.cache_clear()


def test_a_module_of_ones_own_is_recorded_with_what_it_imports(plugin, own):
    import of_mine  # noqa: F401

    found = imported_code(plugin)
    assert {"of_mine", "of_mine.helper"} <= set(found["files"]) and "rlbench_random" not in found["rlbench"]
    # of the two alone: a module that another test left may have lost its file
    assert [len(found["files"][name]) for name in ("of_mine", "of_mine.helper")] == [16, 16]
    assert not {"json", "numpy", "torch", "pytest", "rlbench"} & set(found["files"])


def test_a_change_is_named_with_the_module_and_when_it_was_edited(plugin, own):
    import of_mine  # noqa: F401

    before = imported_code(plugin)
    assert changed_modules(before) == []
    (own / "helper.py").write_text("GAIN = 10\n")
    (told,) = changed_modules(before)
    assert told.startswith("of_mine.helper has changed (edited ")


def test_what_was_imported_first_counts_though_the_file_is_edited_later(plugin, own):
    import of_mine  # noqa: F401

    before = imported_code(plugin)
    (own / "helper.py").write_text("GAIN = 10\n")
    later = imported_code(plugin, before)
    assert later["files"]["of_mine.helper"] == before["files"]["of_mine.helper"]
    assert len(changed_modules(later)) == 1


def test_a_module_that_is_gone_is_a_change(plugin, own):
    import of_mine  # noqa: F401

    before = imported_code(plugin)
    (own / "helper.py").unlink()
    code_dependencies._source.cache_clear()
    assert changed_modules(before) == ["of_mine.helper can no longer be found"]


def test_a_module_loaded_from_a_file_under_a_name_of_its_own_is_not_looked_for(plugin, tmp_path):
    (tmp_path / "level.py").write_text("x = 1\n")
    spec = importlib.util.spec_from_file_location("level_of_mine", tmp_path / "level.py")
    sys.modules["level_of_mine"] = importlib.util.module_from_spec(spec)
    try:
        found = imported_code(plugin)
    finally:
        del sys.modules["level_of_mine"]
    assert found["files"]["level_of_mine"].startswith("~") and changed_modules(found) == []


def test_a_module_that_is_edited_before_it_is_noted_is_told_of_for_ever(plugin, own):
    before = imported_code(plugin)
    import of_mine  # noqa: F401

    later = imported_code(plugin, before, since=(own / "helper.py").stat().st_mtime - 1)
    assert "of_mine.helper was edited while the run used it" in changed_modules(later)
    assert "of_mine.helper" not in " ".join(changed_modules(imported_code(plugin, before, since=time.time() + 9)))


def test_what_another_plugins_file_brought_along_is_no_part_of_a_run(plugin, tmp_path, monkeypatch):
    name = "".join(["zebra", "fish"])  # a word that no module here speaks of, this one included
    (tmp_path / f"{name}.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module(name)
    other = Plugin(name, f"{name}.py", "", name, file=tmp_path / f"{name}.py")
    try:
        assert name not in imported_code(plugin, foreign=[name])["files"]
        assert name in imported_code(other, foreign=[name])["files"] and name in imported_code(plugin)["files"]
        assert name in imported_code(plugin, foreign=[name], named=f'{{"env_id":"{name}:World-v0"}}')["files"]
    finally:
        del sys.modules[name]


def test_a_change_is_seen_without_importing(plugin, own):
    assert changed_modules({"files": {"of_mine.helper": "0" * 16}})[0].startswith("of_mine.helper has changed")
    assert "of_mine" not in sys.modules


def test_rlbenchs_own_part_is_the_numeric_modules_that_were_used(plugin):
    import rlbench.envs.meter
    import rlbench.seeding  # noqa: F401

    found = imported_code(plugin)["rlbench"]
    assert "rlbench.envs.meter" in found and not any(
        name.startswith(("rlbench.cli", "rlbench.results")) for name in found
    )
    told = changed_modules(
        {"rlbench": {"rlbench.kit.optimizers": "0" * 16, "rlbench.seeding": found["rlbench.seeding"]}}
    )
    assert [text.partition(" (")[0] for text in told] == ["rlbench.kit.optimizers has changed"]


def test_distributions_are_those_that_rlbench_does_not_need_itself_and_those_that_numbers_hang_on():
    tops = code_dependencies._distributions()
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


def test_a_plugin_file_of_any_name_has_not_changed_until_it_is_edited(tmp_path):
    path = tmp_path / "my plug+in é.py"
    path.write_text("x = 1")
    recorded, files = {"files": {path.stem: file_hash(str(path))}}, {path.stem: path}
    assert changed_modules(recorded, [tmp_path], files) == []
    path.write_text("x = 22")
    assert "has changed" in changed_modules(recorded, [tmp_path], files)[0]


def test_packages_may_be_installed_in_a_folder_whose_name_is_no_text(tmp_path, monkeypatch):
    place = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    try:
        os.mkdir(place)
    except OSError:
        pytest.skip("this file system stores names in UTF-8 only")
    monkeypatch.setenv("RLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(code_dependencies, "_places", lambda: ((place, "installed"),))
    assert isinstance(code_dependencies._distributions.__wrapped__(), dict)
