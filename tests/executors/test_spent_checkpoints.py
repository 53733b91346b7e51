"""The checkpoints that led to published runs are deleted, and no others, whatever a group.json names."""

from support.report_pages import group, play, suite_of

from rlbench.executors.spent_checkpoints import delete_spent
from rlbench.runtime import checkpoint


def saved(store, one, restore=""):
    """Make an attempt at a group that has saved a checkpoint. Returns: its folder."""
    attempt = store.new_attempt(one, dict.fromkeys(map(str, one.seeds), restore) if restore else {}, "rlbench")
    checkpoint.save(attempt / "checkpoints", [checkpoint.SeedState(0, 40, {}, {})])
    return attempt


def path(attempt):
    return f"attempts/{attempt.name}/checkpoints/000000000040"


def left(store):
    return {each.parent.name for each in store.root.glob("attempts/*/checkpoints")}


def test_checkpoints_go_with_the_attempt_that_publishes_and_those_that_it_continues(tmp_path):
    one, other = group("a", 1, config={"n": 1}), group("b", 1, config={"n": 2})
    store = suite_of(tmp_path, [one, other])
    first = saved(store, one)
    second = saved(store, one, path(first))
    last, elsewhere = saved(store, one, path(second)), saved(store, other)
    play(store, one, [90.0])
    delete_spent(store, last)
    assert left(store) == {elsewhere.name}


def test_an_attempt_keeps_its_checkpoints_for_a_run_of_its_group_that_is_not_published(tmp_path):
    both, one = group("a", 2), group("a", 1)
    store = suite_of(tmp_path, [both])
    first = saved(store, both)
    play(store, both, [90.0, None])
    delete_spent(store, saved(store, one, path(first)))
    assert left(store) == {first.name}
    play(store, both, [None, 80.0])
    delete_spent(store, saved(store, one, path(first)))
    assert left(store) == set()


def test_nothing_is_deleted_elsewhere(tmp_path):
    one = group("a", 1)
    store = suite_of(tmp_path / "out", [one])
    outside = suite_of(tmp_path / "outside", [one])
    theirs = saved(outside, one)
    play(store, one, [90.0])
    (store.root / "attempts/link").symlink_to(theirs)
    for place in (f"../outside/{path(theirs)}", str(theirs / "checkpoints/000000000040"), "attempts/../../outside/x",
                  "attempts/link/checkpoints/000000000040", "attempts/../checkpoints/1"):  # fmt: skip
        delete_spent(store, saved(store, one, place))
    assert left(outside) == {theirs.name}
    (saved(store, one) / "group.json").write_text("{")
    delete_spent(store, saved(store, one))
