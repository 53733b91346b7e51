"""What is looked at in every document without running it: a block has a runner, an exception has a block, a command exists."""

import re
from pathlib import Path

import pytest
from support.block_allowances import ALLOWANCES
from support.block_runs import RUNNERS, allowance, completed, name_of, text
from support.document_blocks import OTHERS, ROOT, RUN, Block, blocks, fences
from support.typed_blocks import typed, unknown

from rlbench.suites import read_suite


@pytest.mark.parametrize("document", [*RUN, *OTHERS])
def test_every_block_of_a_document_is_closed_and_of_a_kind_that_is_run_or_checked(document):
    found = blocks(document)
    assert fences(document) == 2 * len(found), "a fence is left open, or a block stands in a block"
    assert [str(block) for block in found if block.language not in RUNNERS] == []


@pytest.mark.parametrize("allowed", ALLOWANCES, ids=str)
def test_an_exception_names_one_block_says_why_and_replaces_what_is_there(allowed):
    (block,) = [b for b in blocks(allowed.document) if b.body.startswith(allowed.begins)]
    assert allowed.why and allowance(block) is allowed
    assert [old for old in allowed.replace if old not in block.body] == []


@pytest.mark.parametrize("allowed", [one for one in ALLOWANCES if one.skip], ids=str)
def test_what_is_not_run_names_files_that_are_there(allowed):
    (block,) = [b for b in blocks(allowed.document) if b.body.startswith(allowed.begins)]
    for path in re.findall(r"(?:suites|benchmarks|docs)/\S+", block.body):
        assert (ROOT / path).is_file(), path


@pytest.mark.parametrize("document", [*RUN, *OTHERS])
def test_every_suite_in_a_document_can_be_read(document, tmp_path):
    for block in blocks(document):
        if block.language == "yaml":
            path = tmp_path / "suite.yaml"
            path.write_text(block.body if name_of(block.body) else completed(block.body))
            read_suite(path).valid_suite()


@pytest.mark.parametrize("document", [*RUN, *OTHERS])
def test_every_command_line_in_a_document_has_a_command_and_options_that_exist(document):
    assert [(line, word) for line in typed(document) if (word := unknown(line))] == []


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("rlbench run x.yaml --until-decide", "--until-decide"),
        ("rlbench compared a b", "compared"),
        ("rlbench new algorithms x", "algorithms"),
        ("rlbench run x.yaml -o out | head -3", ""),
    ],
)
def test_a_command_line_that_rlbench_would_refuse_is_told(line, word):
    assert unknown(line) == word


def test_a_sample_is_what_was_printed_but_for_its_numbers():
    block = Block("page.md", 1, "text", "")
    nothing = allowance(block)
    text("dqn   500.0   [1.0, 2.0]   5/5\n", Path(), block, nothing, "dqn  9.5  –  1/1\n")
    with pytest.raises(AssertionError, match="page.md:1: not printed"):
        text("dqn   500.0   done\n", Path(), block, nothing, "dqn   9.5\n")
