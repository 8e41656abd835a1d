"""A text file: each line a sample, or windows of so many tokens of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qconv.data.listing import is_pattern, matches
from qconv.data.source import Sample, TensorSpec
from qconv.data.text_inputs import TextInputs
from qconv.errors import DataError, UnsupportedError, UsageError, foreign
from qconv.files import require_regular
from qconv.memory import UNPACKED
from qconv.recipe.texts import TEXT, TextOptions

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

TEXT_SUFFIX = ".txt"


def is_text(spec: str) -> bool:
    """Whether a DATA argument is a text."""
    return spec.startswith(TEXT) or Path(spec).suffix.lower() == TEXT_SUFFIX


def text_files(spec: str) -> list[Path]:
    """Return the files of a DATA argument that is a text, or a pattern for some.

    Raises:
        DataError: nothing matches the pattern.
    """
    name = spec.removeprefix(TEXT)
    if Path(name).exists() or not is_pattern(name):
        return [Path(name)]
    _, found = matches(name)
    if not found:
        raise DataError(f"{name}: no file matches this pattern")
    return found


class Texts:
    """One feed for each line that is not empty, or for each window of the tokens of all lines.

    Lines are cut where the tokenizer's file says so, and not padded, unless the model's input has a
    fixed length. Windows have no tokens of the tokenizer's own at their ends; what is left behind
    the last one is dropped, unless it is all there is.
    """

    def __init__(
        self, path: Path, inputs: Sequence[TensorSpec], options: TextOptions | None
    ) -> None:
        """Read the text, and find out what each input gets.

        Raises:
            UsageError: there is no tokenizer, or the window is not the model's.
            DataError: the file is no text, is empty, or does not feed the model.
            UnsupportedError: tokenizers is not installed.
        """
        options = options or TextOptions()
        if options.tokenizer is None:
            raise UsageError(
                f"{path}: a text needs a tokenizer",
                hint="give `tokenizer`: the model's tokenizer.json",
            )
        self._path = path
        self._inputs = TextInputs.of(inputs, str(path))
        self._tokenizer = _load(options.tokenizer)
        self._pad = _pad(self._tokenizer)
        text = _read(path)
        self._window = options.window
        self._ids: list[int] = []
        lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
        if not lines:
            raise DataError(f"{path}: has only empty lines")
        self._lines = lines
        if self._window is not None:
            if self._inputs.length not in (None, self._window):
                raise UsageError(
                    f"`text_window` is {self._window}, and the model's input "
                    f"'{self._inputs.tokens.name}' takes {self._inputs.length} tokens"
                )
            self._tokenizer.no_truncation()
            self._ids = list(self._encoded(text, special=False).ids)
            if not self._ids:
                raise DataError(f"{path}: the tokenizer finds no tokens in it")

    def __len__(self) -> int:
        if self._window is None:
            return len(self._lines)
        return max(1, len(self._ids) // self._window)

    def check(self, indices: Iterable[int]) -> None:
        """Read nothing: a text has no header."""

    def read(self, indices: Iterable[int]) -> Iterator[Sample]:
        """Yield the chosen lines or windows.

        Raises:
            DataError: one does not fit the model.
        """
        for index in indices:
            if self._window is None:
                number, line = self._lines[index]
                found = self._encoded(line, special=True)
                ids, types = list(found.ids), list(found.type_ids)
                where = f"{self._path}, line {number}"
            else:
                ids = self._ids[index * self._window : (index + 1) * self._window]
                types = [0] * len(ids)
                where = f"{self._path}[{index}]"
            if not ids:
                raise DataError(f"{where}: the tokenizer finds no tokens in it")
            yield Sample(self._inputs.feeds(ids, types, self._pad, where), None, where)

    def _encoded(self, text: str, *, special: bool) -> Encoding:
        def told(error: Exception) -> DataError:
            return DataError(f"{self._path}: the tokenizer fails: {error}")

        with foreign(told):
            return self._tokenizer.encode(text, add_special_tokens=special)


def _load(path: Path) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise UnsupportedError(
            f"{path}: reading texts needs tokenizers, which is not installed",
            hint="pip install 'qconv[text]'",
        ) from error
    require_regular(path, "a tokenizer.json", DataError)

    def told(error: Exception) -> DataError:
        return DataError(f"{path}: is not a tokenizer.json: {error}")

    with foreign(told):
        made = Tokenizer.from_file(str(path))
        made.no_padding()
    return made


def _pad(tokenizer: Tokenizer) -> int:
    """Return the number of the token that fills up: the tokenizer's own, by its usual names."""
    found = (tokenizer.token_to_id(name) for name in ("[PAD]", "<pad>", "<|endoftext|>", "</s>"))
    return next((number for number in found if number is not None), 0)


def _read(path: Path) -> str:
    size = require_regular(path, "a text", DataError)
    if size > UNPACKED:
        raise DataError(f"{path}: is larger than 256 MB", hint="give a part of it")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
