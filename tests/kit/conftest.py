"""A test's numbers do not depend on the tests that ran before it in the same process."""

import pytest


@pytest.fixture(autouse=True)
def _drawn_anew(request):
    generator = getattr(request.module, "GENERATOR", None)
    if generator is not None:
        generator.manual_seed(0)
