"""Click options, made from the declarations in `rlbench/suite_options.py` and `rlbench/run_options.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rlbench.cli.user_paths import UserPath
from rlbench.option_declarations import Declaration, Kind, declarations
from rlbench.run_options import RunOptions
from rlbench.suite_options import SuiteOptions

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # click 8.1 takes no type argument


class SeedsText(ParamType):
    """A number of seeds, or several seeds separated by commas. Other text is passed on for the suite to refuse."""

    name = "text"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        parts = [int(part) if part.strip().isdigit() else part for part in str(value).split(",")]
        return parts[0] if len(parts) == 1 else parts


class DurationText(ParamType):
    """A duration such as 90s or 8h, as seconds."""

    name = "duration"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> float | None:
        from pydantic_core import PydanticCustomError

        from rlbench.suites import seconds

        try:
            return seconds(value)
        except PydanticCustomError as error:
            hint = parameter.opts[0] if parameter is not None else None
            raise click.BadParameter(error.message(), param_hint=hint) from error


_TYPES: dict[Kind, Any] = {
    Kind.FILE: UserPath(),
    Kind.FOLDER: UserPath(file_okay=False, path_type=Path),
    Kind.SEEDS: SeedsText(),
    Kind.DURATION: DurationText(),
}


def click_option(declared: Declaration) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the decorator that adds a declared option to a command.

    The command gets the option's value as the keyword argument `declared.name`.
    """
    settings: dict[str, Any] = {"help": declared.help, "envvar": declared.variable, "metavar": declared.metavar}
    if declared.type is bool:
        return click.option(*declared.flags, declared.name, is_flag=True, **settings)
    if declared.repeatable:
        settings["multiple"] = True
    elif declared.default is not None:
        settings |= {"default": declared.default, "show_default": True}
    return click.option(*declared.flags, declared.name, type=_type(declared), **settings)


def _type(declared: Declaration) -> Any:
    if declared.kind is not Kind.PLAIN:
        return _TYPES[declared.kind]
    if declared.choices:
        return click.Choice(declared.choices)
    if declared.at_least is not None:
        return (click.FloatRange if declared.type is float else click.IntRange)(declared.at_least)
    return declared.type


def options_of(
    declaring: type[SuiteOptions], built: type[SuiteOptions] = RunOptions, only: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds the options declared by a class. The command gets their values as `options`.

    built: the class of `options`; options that only `built` declares have their defaults. only: the names of the
    options to add; default: all.
    """
    declared = [option for option in declarations(declaring) if not only or option.name in only]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_options(**values: Any) -> Any:
            own = {option.name: values.pop(option.name) for option in declared}
            return command(**values, options=built(**own))

        decorated: Callable[..., Any] = with_options
        for option in reversed(declared):
            decorated = click_option(option)(decorated)
        return decorated

    return decorate


plugin_option = click_option(next(option for option in declarations(SuiteOptions) if option.name == "plugin_files"))
