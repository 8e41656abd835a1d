"""Importing a function of the user's that takes arguments: ``script.py:function``."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from qconv.data.fit import nearest
from qconv.data.user_function import user_code
from qconv.errors import DataError


def load_callable(spec: str, *arguments: str) -> Callable[..., object]:
    """Import the script or module, and return the function.

    The script's folder, or the working directory for a module, is added at the end of the import
    path, so that the user's own modules are found.

    Args:
        spec: ``script.py:function`` or ``package.module:function``.
        arguments: names of the positional arguments that the function is to be called with.

    Raises:
        DataError: there is no such script or function, the import fails, or the function does
            not take the arguments.
    """
    place, _, name = spec.rpartition(":")
    if place.endswith(".py"):
        module = _import_script(Path(place), spec)
    else:
        _add_to_path(Path.cwd())
        with user_code(spec):
            module = importlib.import_module(place)
    function: object = getattr(module, name, None)
    if function is None:
        near = nearest(name, [key for key, value in vars(module).items() if callable(value)])
        raise DataError(
            f"{spec}: {place} has no function '{name}'",
            hint=f"did you mean '{near}'?" if near else None,
        )
    if not callable(function):
        raise DataError(f"{spec}: '{name}' is not a function but {type(function).__name__}")
    _check_arguments(function, spec, arguments)
    return function


def _check_arguments(
    function: Callable[..., object], spec: str, arguments: tuple[str, ...]
) -> None:
    try:
        signature = inspect.signature(function)
    except ValueError:
        return  # a callable without a signature: calling it will tell
    try:
        signature.bind(*arguments)
    except TypeError as error:
        wanted = ", ".join(arguments)
        raise DataError(
            f"{spec}: cannot be called with ({wanted}): {error}",
            hint=f"write it as: def {spec.rpartition(':')[2]}({wanted}): ...",
        ) from error


def _import_script(path: Path, spec: str) -> ModuleType:
    if not path.is_file():
        raise DataError(f"{spec}: there is no file {path}")
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


def _add_to_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
