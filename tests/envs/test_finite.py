"""`all_finite` against numpy's own test, wherever the number that is not finite stands."""

import numpy as np
import pytest

from rlbench.envs.finite_check import all_finite


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_number_that_is_not_finite_is_found_wherever_it_stands(dtype, bad):
    for shape in [(1,), (5,), (33,), (3, 17), (2, 3, 4)]:
        for index in np.ndindex(shape):
            array = np.full(shape, 7, dtype)
            assert all_finite(array)
            array[index] = bad
            assert not all_finite(array)


def test_the_largest_numbers_are_finite_and_whole_numbers_always_are():
    assert all_finite(np.full(1000, np.finfo(np.float32).max, np.float32))
    assert all_finite(np.full((2, 3), np.finfo(np.float64).min)) and all_finite(np.zeros(0))
    assert all_finite(np.full(9, 255, np.uint8)) and all_finite(np.arange(9))


def test_a_part_of_an_array_is_asked_for_itself():
    array = np.arange(20, dtype=np.float32).reshape(4, 5)
    array[0, 0] = np.nan
    assert all_finite(array[1:, ::2]) and not all_finite(array[:, ::2])
