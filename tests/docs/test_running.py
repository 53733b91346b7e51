"""Every code block of every document is run, in order, as by a reader. The README's are run by tests/test_readme.py."""

import pytest
from support.block_runs import run
from support.document_blocks import RUN, blocks

ELSEWHERE = ("README.md", "CONTRIBUTING.md")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("document", [name for name in RUN if name not in ELSEWHERE and blocks(name)])
def test_the_code_of_a_document_works_as_written(document, tmp_path):
    run(document, tmp_path)
