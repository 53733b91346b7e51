"""Options are declared once: the command line, the keywords of `rlbench.run` and their checks come from the fields."""

from dataclasses import dataclass, fields

import click
import pytest
from click.testing import CliRunner

import rlbench
from rlbench.api import SuiteError
from rlbench.cli.commands.check import check
from rlbench.cli.commands.run import run
from rlbench.cli.declared_options import options_of
from rlbench.option_declarations import Kind, Use, declarations, names_used_for, option
from rlbench.run_options import RunOptions
from rlbench.stats import Design
from rlbench.suite_options import SuiteOptions
from rlbench.suites.plan import MAX_RUNS


def options(command):
    return [(o.name, o.help, tuple(o.opts)) for o in command.params if isinstance(o, click.Option)]


def declared(cls):
    return [(o.name, o.help, o.flags) for o in declarations(cls)]


def test_run_has_the_declared_options_in_their_order_and_no_others():
    assert options(run) == declared(RunOptions)


def test_check_has_those_it_shares_with_run_and_its_own_json():
    assert options(check)[:-1] == declared(SuiteOptions) and options(check)[-1][0] == "as_json"


@dataclass(frozen=True)
class Extended(RunOptions):
    """What a new option takes."""

    foo: int = option(3, "--foo", "Number of foos.", Use.TRAINING, at_least=2)


@click.command()
@options_of(Extended, Extended)
def command(options):
    click.echo(f"{options.foo} {options.jobs} {options.algorithms}")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 0, "3 None ()\n"),
        (["--foo", "5", "-j", "2", "-a", "x"], 0, "5 2 ('x',)\n"),
        (["--foo", "1"], 2, "Invalid value for '--foo': 1 is not in the range x>=2."),
        (["--help"], 0, "Number of foos.  [default: 3; x>=2]"),
    ],
)
def test_one_more_field_is_one_more_option_of_the_command(arguments, code, said):
    ran = CliRunner().invoke(command, arguments)
    assert ran.exit_code == code and said in ran.output


def test_one_more_field_is_one_more_keyword_with_its_range():
    assert names_used_for(Extended, Use.TRAINING)[-1] == "foo"
    with pytest.raises(SuiteError, match="^foo should be at least 2, got 1$"):
        Extended(foo=1)


def test_python_lists_the_keywords_that_it_has():
    known = [*names_used_for(RunOptions, Use.TRAINING), *names_used_for(RunOptions, Use.SUITE)]
    with pytest.raises(SuiteError, match=f"no option 'sedes'; it has {', '.join(known)}$"):
        rlbench.run("quickstart", sedes=1)


def test_each_duration_is_read_as_such_in_python():
    durations = [o.name for o in declarations(RunOptions) if o.kind is Kind.DURATION]
    assert durations == ["stop_after"]
    for name in durations:
        with pytest.raises(SuiteError, match=f"^{name}: should be a duration such as 90s, 30m or 1h30m, got 'soon'$"):
            rlbench.run("quickstart", **{name: "soon"})


def test_text_that_is_no_duration_is_refused_with_the_name_of_its_option():
    ran = CliRunner().invoke(run, ["quickstart", "--stop-after", "soon"])
    assert ran.exit_code == 2
    assert ran.output.endswith(
        "Error: Invalid value for --stop-after: should be a duration such as 90s, 30m or 1h30m, got 'soon'\n"
    )


@pytest.mark.parametrize(("text", "seeds"), [("3", 3), ("3,7,11", [3, 7, 11]), ("some", "some"), ("3,x", [3, "x"])])
def test_seeds_are_a_number_or_a_list(text, seeds):
    @click.command()
    @options_of(SuiteOptions)
    def command(options):
        click.echo(repr(options.suite_changes))

    assert CliRunner().invoke(command, ["-s", text]).output == f"{ {'seeds': seeds}!r}\n"


def test_what_is_not_given_overrides_nothing_in_the_suite():
    assert RunOptions().suite_changes == {}
    assert RunOptions(devices=("cpu",), timeout="2h").suite_changes == {"devices": ["cpu"], "timeout": "2h"}


def test_defaults_that_stand_elsewhere_too_are_the_same():
    assert RunOptions().max_runs == MAX_RUNS
    helps = {o.name: o.help for o in declarations(RunOptions) if o.use is Use.DESIGN}
    assert [*helps] == [f.name for f in fields(Design)]
    for field in fields(Design):
        assert f"default: {field.default}" in helps[field.name]
