"""The sentence task of the benchmarks: similarity of pairs, by a model of sentence embeddings.

Rows of ``sts-train.csv`` and ``sts-dev.csv`` hold a score from 0 to 5 in column 5 and two
sentences in columns 6 and 7.

python -m benchmarks.sentences FOLDER OUT

writes the calibration data for ``--data``; FOLDER holds the rows and the model's tokenizer.json.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

Batch = dict[str, NDArray[np.int64]]
Vectors = NDArray[np.float64]

_BATCH = 16
_CALIBRATION_STEP, _CALIBRATION_COUNT = 15, 128


def write_calibration(folder: Path, out: Path) -> None:
    """Write the first sentences of every 15th training pair, 128 of them, as a folder of npz.

    They keep their lengths, though the tokenizer's file asks for padding.
    """
    rows = _rows(folder / "sts-train.csv")[::_CALIBRATION_STEP][:_CALIBRATION_COUNT]
    tool = _tokenizer(folder / "tokenizer.json")
    tool.enable_truncation(128)
    tool.no_padding()
    out.mkdir(parents=True, exist_ok=True)
    for index, row in enumerate(rows):
        np.savez(out / f"{index:03}.npz", allow_pickle=False, **_feeds([tool.encode(row[5])]))


def dev_pairs(folder: Path, step: int = 1) -> tuple[list[Batch], NDArray[np.float64]]:
    """Return batches of first and second sentences by turns, and the scores of the pairs."""
    rows = _rows(folder / "sts-dev.csv")[::step]
    scores = np.array([float(row[4]) for row in rows])
    pairs = [(row[5], row[6]) for row in rows]
    return list(_tokenized(folder / "tokenizer.json", pairs)), scores


def _rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text().splitlines()]


def _tokenized(tokenizer: Path, pairs: Sequence[tuple[str, str]]) -> Iterator[Batch]:
    """Yield batches of first sentences, each followed by one of the second sentences."""
    tool = _tokenizer(tokenizer)
    tool.enable_truncation(128)
    tool.enable_padding()
    for start in range(0, len(pairs), _BATCH):
        for sentences in zip(*pairs[start : start + _BATCH], strict=True):
            encoded = tool.encode_batch(list(sentences))
            yield _feeds(encoded)


def _tokenizer(path: Path) -> Tokenizer:
    """Open a tokenizer; its package is needed only here, and not by the tests."""
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(path))


def _feeds(encoded: Sequence[Encoding]) -> Batch:
    return {
        "input_ids": np.array([e.ids for e in encoded]),
        "attention_mask": np.array([e.attention_mask for e in encoded]),
        "token_type_ids": np.array([e.type_ids for e in encoded]),
    }


def embeddings(session: ort.InferenceSession, batches: Sequence[Batch]) -> list[Vectors]:
    """Return the sentence vectors of each batch, ``[batch, D]`` of length 1.

    They are averaged over tokens if need be.
    """
    names = [port.name for port in session.get_inputs()]
    vectors = []
    for batch in batches:
        output = session.run(None, {name: batch[name] for name in names})[0].astype(np.float64)
        if output.ndim == 3:
            mask = batch["attention_mask"][..., np.newaxis]
            output = (output * mask).sum(1) / mask.sum(1)
        vectors.append(output / np.linalg.norm(output, axis=1, keepdims=True))
    return vectors


def pair_cosines(vectors: Sequence[Vectors]) -> NDArray[np.float64]:
    """Return the cosine of each pair, from batches of first and second sentences by turns."""
    pairs = zip(vectors[::2], vectors[1::2], strict=True)
    return np.concatenate([(first * second).sum(1) for first, second in pairs])


def cosines(session: ort.InferenceSession, batches: Sequence[Batch]) -> NDArray[np.float64]:
    """Return the cosine of each pair of sentence vectors."""
    return pair_cosines(embeddings(session, batches))


def spearman(left: NDArray[np.floating], right: NDArray[np.floating]) -> float:
    """Return the rank correlation."""
    return float(np.corrcoef(_ranks(left), _ranks(right))[0, 1])


def _ranks(numbers: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rank of each number; equal numbers share the mean of theirs."""
    _, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse], np.float64)


if __name__ == "__main__":
    write_calibration(Path(sys.argv[1]), Path(sys.argv[2]))
