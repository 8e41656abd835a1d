"""Tasks that are done once, and again where what they depend on has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qconv.codec import decode, encode
from qconv.errors import OutputError
from qconv.outputs import check_text_output, staged
from qconv.pipeline.depends import DIGEST
from qconv.pipeline.digests import Digest, Digests
from qconv.strict_json import parse

STATE = "qconv-run.json"
_SCHEMA = 1


@dataclass(frozen=True)
class Task:
    """Something that is made.

    Attributes:
        output: the file that it writes, in the folder of the run.
        parts: what it depends on, by name, in words; digests begin with ``sha256:``.
        make: makes it, and returns the files that were written.
    """

    output: Path
    parts: Mapping[str, str]
    make: Callable[[], Sequence[Path]]


@dataclass(frozen=True)
class _State:
    """What was made in a folder: the parts of each output, and what files held."""

    schema: int = _SCHEMA
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    digests: Mapping[str, Digest] = field(default_factory=dict)


class Repeated:
    """The tasks of a folder, and what is known of them from earlier runs.

    A file of the state that cannot be read counts as none: then everything is made again.

    Args:
        folder: where the tasks write.
        force: replace files that are there and were not made by a task.
    """

    def __init__(self, folder: Path, *, force: bool) -> None:
        self._file = folder / STATE
        self._force = force
        state = _read(self._file)
        self._parts = dict(state.parts)
        self.digests = Digests(dict(state.digests))

    def reasons(self, task: Task) -> list[str]:
        """Return why a task has to be done; nothing where it has not."""
        name = task.output.name
        if name not in self._parts or not task.output.exists():
            return ["it does not exist"]
        if not self.digests.same(_own(name)):
            return ["it was changed"]
        old = self._parts[name]
        return list(_differences(old, task.parts)) or ["other files are read"] * (old != task.parts)

    def require_free(self, output: Path, *beside: Path) -> None:
        """Refuse to replace a file that no task has made, or that was changed since.

        Args:
            output: the file of a task.
            beside: other files that it would write.

        Raises:
            OutputError: it names the file.
        """
        known = self.digests.known.get(_own(output.name))
        made = known.files if known is not None and output.name in self._parts else ()
        for path in () if self._force else (output, *beside):
            same = str(path.absolute()) in made and self.digests.same(_own(output.name))
            if path.exists() and not same:
                raise OutputError(
                    f"{path}: exists, but is not the file that qconv run made",
                    hint="pass --force to replace it",
                )

    def do(self, task: Task) -> None:
        """Do a task, and keep what it was made of."""
        self._parts.pop(task.output.name, None)
        files = task.make()
        self.digests.of(_own(task.output.name), lambda: files)
        self._parts[task.output.name] = dict(task.parts)
        self.save()

    def content(self, task: Task) -> str:
        """Return the digest of what a task has made."""
        return self.digests.known[_own(task.output.name)].content

    def save(self) -> None:
        """Write down what is known."""
        state = _State(parts=self._parts, digests=self.digests.known)
        check_text_output(self._file)
        with staged(self._file, force=True) as temporary:
            temporary.write_text(json.dumps(encode(state), indent=1) + "\n", encoding="utf-8")


def _own(name: str) -> str:
    return f"made: {name}"


def _read(file: Path) -> _State:
    try:
        state = decode(_State, parse(file.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return _State()
    return state if state.schema == _SCHEMA else _State()


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in [*new, *(name for name in old if name not in new)]:
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if before is not None and after is not None and after.startswith(DIGEST):
            yield f"{name} changed"
        elif not (after or before or "").startswith(DIGEST):
            yield f"{name} is now {after or 'not set'}, was {before or 'not set'}"
