"""Finding a function that the user wrote: ``script.py:function``."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

from qconv.data.input_checks import nearest
from qconv.data.user_code import forget, user_code
from qconv.errors import DataError, UnsupportedError
from qconv.files import require_regular
from qconv.plugins import added, added_names

Function = Callable[[], object]
_RUN = "run"

_SPEC = re.compile(r"(?P<place>.+\.py|[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<function>[^\W\d]\w*)")


def names_function(spec: str) -> bool:
    """Tell whether ``spec`` reads ``script.py:function`` or ``package.module:function``."""
    return _SPEC.fullmatch(spec) is not None


def added_source(spec: str) -> Function | None:
    """Return the function of ``NAME:ARGUMENT``, a data source that an installed package adds.

    Raises:
        UnsupportedError: it cannot be used.
    """
    name, colon, argument = spec.partition(":")
    if not colon or not name.isidentifier() or name not in added_names("data source"):
        return None
    source = added("data source", name)
    if not callable(source):
        raise UnsupportedError(
            f"the data source '{name}' of an installed package is not a function"
        )
    return partial(source, argument)


def script_of(spec: str) -> Path:
    """Return the file of ``script.py:function``, or of ``package.module:function`` here.

    Of a data source that an installed package adds it is the argument, which may be a file.
    """
    name, _, argument = spec.partition(":")
    if name in added_names("data source"):
        return Path(argument)
    place = spec.rpartition(":")[0]
    return Path(place) if place.endswith(".py") else Path(f"{place.replace('.', '/')}.py")


def takes_run(function: Callable[..., object]) -> bool:
    """Whether the function wants to run the model itself: it has a parameter ``run``."""
    return takes(function, _RUN)


def takes(function: Callable[..., object], name: str) -> bool:
    """Whether the function has a parameter of that name."""
    signature = _signature(function)
    return signature is not None and name in signature.parameters


def load_function(spec: str) -> Callable[..., object]:
    """Import a function that gives data.

    Raises:
        DataError: see :func:`load_callable`; it must take no arguments but ``run``.
    """
    function = _find(spec)
    _check_call(
        function,
        spec,
        {_RUN: None} if takes_run(function) else {},
        f"'{spec.rpartition(':')[2]}' cannot be called without arguments",
        "give the arguments default values; only 'run', which runs the model, is given",
    )
    return function


def load_callable(spec: str, *arguments: str, optional: str | None = None) -> Callable[..., object]:
    """Import the script or module, and return the function.

    The script's folder, or the working directory for a module, is added at the end of the
    import path, so that the user's own modules are found.

    Args:
        spec: ``script.py:function`` or ``package.module:function``.
        arguments: names of the positional arguments that the function is to be called with.
        optional: one more, for a function that has a parameter of that name.

    Raises:
        DataError: there is no such script, module or function, the import fails, or the function
            does not take the arguments.
    """
    function = _find(spec)
    if optional is not None and takes(function, optional):
        arguments = (*arguments, optional)
    wanted = ", ".join(arguments)
    hint = f"write it as: def {spec.rpartition(':')[2]}({wanted}): ..."
    _check_call(function, spec, arguments, f"cannot be called with ({wanted})", hint)
    return function


def _find(spec: str) -> Callable[..., object]:
    place, _, name = spec.rpartition(":")
    forget(spec)
    module = _load_script(Path(place), spec) if place.endswith(".py") else _load_module(place, spec)
    with user_code(spec):
        function: object = getattr(module, name, None)
    if function is None:
        content = getattr(module, "__dict__", {})
        near = nearest(name, [key for key, value in content.items() if inspect.isfunction(value)])
        raise DataError(
            f"{spec}: {place} has no function '{name}'",
            hint=f"did you mean '{near}'?" if near else None,
        )
    if not callable(function):
        raise DataError(f"{spec}: '{name}' is not a function but {type(function).__name__}")
    return function


def _signature(function: Callable[..., object]) -> inspect.Signature | None:
    """Return None for a callable without a signature: calling it will tell."""
    try:
        return inspect.signature(function)
    except Exception:  # what a callable says of itself is the user's code
        return None


def _check_call(
    function: Callable[..., object],
    spec: str,
    given: tuple[str, ...] | dict[str, None],
    otherwise: str,
    hint: str,
) -> None:
    signature = _signature(function)
    if signature is None:
        return
    try:
        signature.bind(**given) if isinstance(given, dict) else signature.bind(*given)
    except TypeError as error:
        raise DataError(f"{spec}: {otherwise}: {error}", hint=hint) from error


def _load_script(path: Path, spec: str) -> ModuleType:
    if not path.exists():
        raise DataError(f"{spec}: there is no file {path}")
    require_regular(path, "a script", DataError)
    name = f"qconv_user_{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise DataError(f"{spec}: {path} cannot be imported")
    _add_to_path(path.absolute().parent)
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    with user_code(spec):
        found.loader.exec_module(module)
    return module


def _load_module(name: str, spec: str) -> ModuleType:
    _add_to_path(Path.cwd())
    try:
        with user_code(spec):
            return importlib.import_module(name)
    except DataError as error:
        cause = error.__cause__
        if (
            isinstance(cause, ModuleNotFoundError)
            and cause.name
            and f"{name}.".startswith(f"{cause.name}.")
        ):
            raise DataError(
                f"{spec}: there is no module '{cause.name}'",
                hint="run in the folder that holds it, or name the file: script.py:function",
            ) from cause
        raise


def _add_to_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
