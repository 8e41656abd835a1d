"""How good a quantized file is, for each kind of task, and on which feeds it is timed.

SQNR is measured as the runtime computes by default and ``plain``: without its optimizations, where
Q/DQ files are computed in float and nothing saturates, VNNI or not. Of ``data`` both are those of
the worst output.

``data``: TEST is what ``--data`` takes; top-1 if it has labels, agreement, SQNR and KL of outputs.
``sentences``: TEST is a folder with sts-dev.csv and tokenizer.json; Spearman's rank correlation of
the cosines with the scores, and the SQNR of the sentence vectors.
``speech``: TEST is a folder with speech.wav; windows on the same side of 0.5, and the mean
difference of the probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

import qconv
from benchmarks.sentences import Vectors, dev_pairs, embeddings, pair_cosines, spearman
from benchmarks.speech import probabilities, read_speech
from qconv.data import open_data
from qconv.data.source import Feeds
from qconv.numerics.metrics import Sqnr
from qconv.reporting.catalog import metric_values, worst
from qconv.runtime.runner import Runner

KINDS = ("data", "sentences", "speech")
_FEEDS = 8

Numbers = Mapping[str, float]


@dataclass(frozen=True)
class Timed:
    """Feeds to time inferences with, and the number of threads."""

    name: str
    feeds: tuple[Feeds, ...]
    threads: int


class Judge(Protocol):
    """Measures files beside the float model; numbers that do not exist are left out."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of the numbers, in order."""

    def __call__(self, files: Sequence[Path]) -> list[Numbers]:
        """Return the numbers of each file; the float model may be one of them."""

    def timed(self) -> list[Timed]:
        """Return what to time."""


def judge_of(kind: str, model: Path, test: str, samples: int | None) -> Judge:
    """Return the judge of a kind; ``samples`` limits the samples, or pairs of sentences."""
    if kind == "sentences":
        return _Sentences(model, Path(test), samples)
    return _Speech(model, Path(test)) if kind == "speech" else _Data(model, test, samples)


class _Data:
    columns = ("top1", "agreement", "sqnr_db", "plain_sqnr_db", "kl")

    def __init__(self, model: Path, test: str, samples: int | None) -> None:
        self._model, self._test, self._samples = model, test, samples

    def __call__(self, files: Sequence[Path]) -> list[Numbers]:
        report = qconv.report(
            self._model,
            files,
            data=lambda inputs: open_data([self._test], inputs, samples=self._samples),
            latency=False,
        )
        found = [metric_values(report, variant) for variant in report.variants]
        for numbers, path in zip(found, files, strict=True):
            numbers["plain_sqnr_db"] = self._plain_sqnr(path)
        return list(found)

    def _plain_sqnr(self, path: Path) -> float:
        model = Runner.open(self._model, threads=1)
        variant = Runner.open(path, threads=2, optimization="none")
        outputs: dict[str, Sqnr] = {}
        for sample in open_data([self._test], model.specs, samples=self._samples):
            exact, found = model.run(sample), variant.run(sample)
            for name, array in exact.items():
                outputs.setdefault(name, Sqnr()).update(array, found[name])
        return worst(min, (sqnr.result for sqnr in outputs.values()))

    def timed(self) -> list[Timed]:
        inputs = Runner.open(self._model, threads=1).specs
        samples = open_data([self._test], inputs, samples=_FEEDS)
        return [Timed("1 sample, 1 thread", tuple(s.feeds for s in islice(samples, _FEEDS)), 1)]


class _Sentences:
    columns = ("spearman", "sqnr_db", "plain_sqnr_db")

    def __init__(self, model: Path, folder: Path, pairs: int | None) -> None:
        self._names = [port.name for port in Runner.open(model, threads=1).inputs]
        self._batches, self._scores = dev_pairs(folder)
        if pairs is not None and pairs < len(self._scores):
            step = -(-len(self._scores) // pairs)
            self._batches, self._scores = dev_pairs(folder, step)
        self._exact = embeddings(Runner.open(model, threads=2).session, self._batches)

    def __call__(self, files: Sequence[Path]) -> list[Numbers]:
        return [self._numbers(path) for path in files]

    def _numbers(self, path: Path) -> Numbers:
        found = embeddings(Runner.open(path, threads=2).session, self._batches)
        plain = Runner.open(path, threads=2, optimization="none").session
        return {
            "spearman": spearman(pair_cosines(found), self._scores),
            "sqnr_db": self._sqnr(found),
            "plain_sqnr_db": self._sqnr(embeddings(plain, self._batches)),
        }

    def _sqnr(self, found: Sequence[Vectors]) -> float:
        sqnr = Sqnr()
        for exact, vectors in zip(self._exact, found, strict=True):
            sqnr.update(exact, vectors)
        return sqnr.result

    def timed(self) -> list[Timed]:
        random = np.random.default_rng(0)
        shapes = ((1, 32, 1), (8, 128, 2))
        return [self._timed(random, *shape) for shape in shapes]

    def _timed(self, random: np.random.Generator, batch: int, tokens: int, threads: int) -> Timed:
        feeds = {
            "input_ids": random.integers(1000, 20000, (batch, tokens)),
            "attention_mask": np.ones((batch, tokens), np.int64),
            "token_type_ids": np.zeros((batch, tokens), np.int64),
        }
        name = f"{batch} x {tokens} tokens, {threads} thread" + "s" * (threads > 1)
        return Timed(name, ({key: feeds[key] for key in self._names},), threads)


class _Speech:
    columns = ("same_decision", "difference")

    def __init__(self, model: Path, folder: Path) -> None:
        self._speech = read_speech(folder / "speech.wav")
        self._exact = probabilities(Runner.open(model, threads=1).session, self._speech)

    def __call__(self, files: Sequence[Path]) -> list[Numbers]:
        return [self._numbers(path) for path in files]

    def _numbers(self, path: Path) -> Numbers:
        found = probabilities(Runner.open(path, threads=1).session, self._speech)
        same = np.mean((self._exact > 0.5) == (found > 0.5))
        difference = np.abs(self._exact - found).mean()
        return {"same_decision": 100 * float(same), "difference": float(difference)}

    def timed(self) -> list[Timed]:
        window = np.zeros((1, 576), np.float32)
        feeds = {"input": window, "state": np.zeros((2, 1, 128), np.float32), "sr": np.array(16000)}
        return [Timed("1 window, 1 thread", (feeds,), 1)]
