"""Click options made of the settings: every one is declared in :mod:`qconv.recipe` alone."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from qconv.cli.paths import FilePath
from qconv.cli.terminal import say
from qconv.errors import InputError
from qconv.recipe.fields import Checked, Setting, arms, choices, is_list, settings_of
from qconv.recipe.file import PLACES, read_recipe
from qconv.recipe.preprocessor import NAME
from qconv.recipe.resolve import Chosen
from qconv.recipe.walk import settings_by_option

if TYPE_CHECKING:
    from qconv.data import NamedData

    _ParamType = click.ParamType[Any]
else:
    _ParamType = click.ParamType  # no generic before click 8.5


class GroupedCommand(click.Command):
    """A command whose help shows options under the headings of their groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and not isinstance(param, click.Argument):
                groups.setdefault(getattr(param, "group", "Other"), []).append(record)
        groups["Other"] = groups.pop("Other", [])
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records)


class GroupedOption(click.Option):
    """An option under a heading."""

    def __init__(self, *args: Any, group: str, old: Collection[str] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self.group = group
        self._old = old

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return its line of the help, without its older names."""
        names = self.opts
        self.opts = [name for name in names if name not in self._old]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = names


class _Text(_ParamType):
    """What was typed for a setting, as the setting has it."""

    name = "text"

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.hint = get_args(setting.hint)[0] if is_list(setting.hint) else setting.hint

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read one value; whether it is one that the setting may have is checked with the rest."""
        if not isinstance(value, str):
            return value
        kinds = arms(self.hint)
        named = choices(self.hint)
        word = self.setting.word(value)
        if word in named:
            return word
        if Path in kinds:
            return FilePath().convert(value, param, ctx)
        number = _number(value, whole=float not in kinds)
        if number is not None and {int, float}.intersection(kinds):
            return number
        for kind in kinds if not named else ():
            if get_origin(kind) is tuple:
                whole = not is_list(kind)  # HEIGHTxWIDTH, or numbers with commas between
                parts = [_number(p, whole=whole) for p in value.split("x" if whole else ",")]
                if len(parts) > 1 and None not in parts:
                    return tuple(parts)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the words that begin so; files where the value is one."""
        words = [str(word) for word in (*choices(self.hint), *self.setting.option.known_as)]
        found = [CompletionItem(word) for word in words if word.startswith(incomplete.lower())]
        is_file = Path in arms(self.hint) or self.setting.option.name in PLACES
        return [*found, *FilePath().shell_complete(ctx, param, incomplete)] if is_file else found

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:  # noqa: ARG002
        """Return the words to choose from, where there are some."""
        words = [str(word) for word in choices(self.hint)]
        return f"[{'|'.join(words)}]" if words else None


def _number(text: str, *, whole: bool) -> float | int | None:
    try:
        return int(text) if whole else float(text)
    except ValueError:
        return None


def recipe_options(
    names: Collection[str],
    *,
    recipe: bool = False,
    default: str | None = None,
    told: Mapping[str, str] | None = None,
    also: Collection[str] = (),
    tests: bool = False,
) -> Callable[[Callable[..., Any]], Any]:
    """Give a command these options, by name; it receives what was chosen as ``chosen``.

    With ``recipe`` it also has ``--recipe``, and what a recipe file says is among what was chosen;
    ``default`` is the file that is read where none is named, and no model either.
    ``told`` is the help of options that do something of their own in this command, ``also`` names
    what it reads of a recipe beside these options; with ``tests`` its data are the test data there.
    """
    wanted = [setting for name, setting in settings_by_option().items() if name in names]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_chosen(**arguments: Any) -> Any:
            context = click.get_current_context()
            typed = {setting.option.name: arguments.pop(setting.option.name) for setting in wanted}
            given = {
                name: value
                for name, value in typed.items()
                if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
            }
            for setting in wanted:
                if setting.option.name in given:
                    setting.check(given[setting.option.name])
            chosen = Chosen.of(given)
            path = arguments.pop("recipe") if recipe else None
            if path is None and default is not None and "model" not in chosen:
                path = Path(default)
                if not path.exists():
                    raise InputError(f"{path}: no such file", hint="qconv init MODEL writes one")
            if path is not None:
                file = read_recipe(path)
                chosen = chosen.over((file.for_tests() if tests else file).only({*names, *also}))
            return command(chosen=chosen, **arguments)

        decorated: Callable[..., Any] = with_chosen
        for setting in reversed(wanted):
            text = (told or {}).get(setting.option.name, setting.option.help)
            decorated = _option(setting, text)(decorated)
        return _recipe(default)(decorated) if recipe else decorated

    return decorate


def _recipe(default: str | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    unnamed = "No file is read unless you name it." if default is None else f"[default: {default}]"
    return click.option(
        "--recipe",
        cls=GroupedOption,
        group="Recipe",
        metavar="FILE",
        type=FilePath(),
        help='A TOML file of options, such as effort = "best". The command line overrides it. '
        "" + unnamed,
    )


def typed(settings: Checked) -> str:
    """Return settings as they are typed, those left out that have their default."""
    parts = []
    for each in settings_of(type(settings)):
        value = getattr(settings, each.name)
        if isinstance(value, bool) and value != each.default:
            parts.append(each.option.flag if value else f"--no-{each.option.key}")
        elif value != each.default:
            joint = "," if any(is_list(arm) for arm in arms(each.hint)) else "x"
            numbers = value if isinstance(value, tuple) else (value,)
            parts.append(f"{each.option.flag} {joint.join(map(_short, numbers))}")
    return " ".join(parts)


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _option(setting: Setting, text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    option, flag = setting.option, setting.option.flag
    initial = option.initial
    if initial is None and setting.default not in (None, (), False):
        initial = str(setting.default)
    if bool in arms(setting.hint):
        both = setting.default is not False
        names = [f"{flag}/--no-{option.key}" if both else flag, option.name]
        initial = option.key if setting.default else option.initial
        kind: dict[str, Any] = {"is_flag": True, "default": setting.default}
    else:
        short = [f"-{option.letter}"] * bool(option.letter)
        names = [flag, option.name, *short]
        repeated = is_list(setting.hint)
        kind = {"type": _Text(setting), "multiple": repeated, "metavar": option.metavar}
    text = text if initial is None else f"{text}  [default: {initial}]"
    old = [f"--{key}" for key in option.old_keys]
    names[1:1] = old
    return click.option(*names, cls=GroupedOption, group=option.group, old=old, help=text, **kind)


def named_data(chosen: Chosen, model: Path, *, quiet: bool) -> NamedData:
    """Return the data that were chosen, to be opened for a model.

    A preprocessor_config.json that was found beside the model is told, unless ``quiet``.

    Raises:
        UsageError, InputError, UnsupportedError: see :func:`qconv.pipeline.chosen_data`.
    """
    from qconv.pipeline.chosen_data import chosen_data

    named = chosen_data(chosen, model)
    if not quiet:
        tell_config(chosen, named)
    return named


def tell_config(chosen: Chosen, named: NamedData) -> None:
    """Tell how images are fed where a preprocessor_config.json was found that nobody named."""
    beside = next((path for path in named.beside if path.name == NAME), None)
    if "image_preset" not in chosen and beside is not None and named.images is not None:
        say(f"images as {beside} and the options say: {typed(named.images)}", err=True)
