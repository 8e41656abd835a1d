"""Finding and running a function that the user wrote: ``script.py:function``."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from qconv.data.fit import nearest
from qconv.errors import DataError, QconvError

Function = Callable[[], object]
_RUN = "run"

_SPEC = re.compile(r"(?P<place>.+\.py|[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<function>[^\W\d]\w*)")


def names_function(spec: str) -> bool:
    """Tell whether ``spec`` reads ``script.py:function`` or ``package.module:function``."""
    return _SPEC.fullmatch(spec) is not None


def script_of(spec: str) -> Path:
    """Return the file of ``script.py:function``, or of ``package.module:function`` here."""
    place = spec.rpartition(":")[0]
    return Path(place) if place.endswith(".py") else Path(f"{place.replace('.', '/')}.py")


def takes_run(function: Callable[..., object]) -> bool:
    """Whether the function wants to run the model itself: it has a parameter ``run``."""
    try:
        return _RUN in inspect.signature(function).parameters
    except ValueError:
        return False


def load_function(spec: str) -> Callable[..., object]:
    """Import the script or module and return the function.

    The script's folder, or the working directory for a module, is added at the end of the
    import path, so that the user's own modules are found.

    Raises:
        DataError: there is no such script, module or function, the import fails, or the function
            cannot be called without arguments.
    """
    place, _, name = spec.rpartition(":")
    module = _load_script(Path(place), spec) if place.endswith(".py") else _load_module(place, spec)
    function: object = getattr(module, name, None)
    if function is None:
        own = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        near = nearest(name, own)
        raise DataError(
            f"{spec}: {place} has no function '{name}'",
            hint=f"did you mean '{near}'?" if near else None,
        )
    if not callable(function):
        raise DataError(f"{spec}: '{name}' is not a function but {type(function).__name__}")
    try:
        given = {_RUN: None} if takes_run(function) else {}
        inspect.signature(function).bind(**given)
    except TypeError as error:
        raise DataError(
            f"{spec}: '{name}' cannot be called without arguments: {error}",
            hint="give the arguments default values; only 'run', which runs the model, is given",
        ) from error
    except ValueError:
        pass  # a callable without a signature: calling it will tell
    return function


@contextmanager
def user_code(spec: str) -> Iterator[None]:
    """Turn an error of the user's code into a DataError that carries its message and line.

    What qconv itself raises inside of it, when it runs the model, passes as it is.
    """
    try:
        yield
    except QconvError:
        raise
    except (Exception, SystemExit) as error:
        name = type(error).__name__
        text = f"{name}: {error}" if str(error) else name
        raise DataError(f"{spec}: {text}{_place(error, spec)}") from error


def _place(error: BaseException, spec: str) -> str:
    """Return `` (script.py, line 12)``: the last line reached in the script, or else at all."""
    if isinstance(error, SyntaxError):
        return ""
    own = Path(spec.rpartition(":")[0]).name
    frames = [
        (Path(frame.filename).name, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).parent != Path(__file__).parent
        and "importlib" not in frame.filename
    ]
    frames = [frame for frame in frames if frame[0] == own] or frames
    return f" ({frames[-1][0]}, line {frames[-1][1]})" if frames else ""


def _load_script(path: Path, spec: str) -> ModuleType:
    if not path.is_file():
        raise DataError(f"{spec}: there is no file {path}")
    name = f"qconv_data_{path.stem}"
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
