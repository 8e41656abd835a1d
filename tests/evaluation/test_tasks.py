"""What models are for: each task beside a known library, or by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein
from scipy.stats import spearmanr
from sklearn.metrics import accuracy_score, jaccard_score, log_loss
from sklearn.metrics.pairwise import cosine_similarity

from qconv.data.source import Sample
from qconv.errors import DataError
from qconv.evaluation.tasks.choose import task_score
from qconv.evaluation.tasks.score import Answers
from qconv.recipe.tasks import TaskSettings

Array = NDArray[Any]
Outputs = Mapping[str, Array]


def sample(**feeds: Array) -> Sample:
    return Sample(feeds, None, "data[0]")


def scored(
    settings: TaskSettings, samples: Sequence[tuple[Sample, Outputs, Outputs]]
) -> tuple[Mapping[str, float], list[Answers | None]]:
    new = task_score(settings, samples[0][0], samples[0][1])
    assert new is not None
    score = new()
    answers = [score.update(*each) for each in samples]
    return score.result, answers


def noisy(array: Array, size: float, seed: int = 0) -> Array:
    r = np.random.default_rng(seed)
    return (array + r.normal(0, size, array.shape)).astype(np.float32)


class TestTexts:
    def test_letters_that_differ(self) -> None:
        scores = noisy(np.zeros((4, 30, 6)), 1)
        other = noisy(scores, 0.4, 1)
        texts = [[read(rows) for rows in each] for each in (scores, other)]
        edits = [Levenshtein.distance(*pair) for pair in zip(*texts, strict=True)]
        found, answers = scored(
            TaskSettings(task="ctc"), [(sample(x=np.zeros((4, 1, 8))), {"y": scores}, {"y": other})]
        )
        assert 0 < sum(edits) < sum(map(len, texts[0]))
        assert found["ctc_cer"] == pytest.approx(100 * sum(edits) / sum(map(len, texts[0])))
        assert found["ctc_same"] == 100 * edits.count(0) / 4
        assert answers[0] is not None

    def test_steps_may_come_first(self) -> None:
        scores = noisy(np.zeros((30, 2, 6)), 1)
        for given in (scores, np.swapaxes(scores, 0, 1)):
            outputs = {"y": given}
            found, answers = scored(
                TaskSettings(task="ctc"), [(sample(x=np.zeros((2, 1, 8))), outputs, outputs)]
            )
            assert found == {"ctc_same": 100, "ctc_cer": 0}
            assert answers == [None]

    def test_the_blank_may_be_the_last_class(self) -> None:
        steps = np.eye(3, dtype=np.float32)[None, [0, 2, 2, 1]]
        other = np.eye(3, dtype=np.float32)[None, [0, 2, 2, 2]]
        one = [(sample(x=np.zeros((1, 8))), {"y": steps}, {"y": other})]
        assert scored(TaskSettings(task="ctc", ctc_blank=-1), one) == (
            {"ctc_same": 0, "ctc_cer": 50},
            [Answers("0 1", "0")],
        )

    def test_nothing_read(self) -> None:
        blank = np.eye(3, dtype=np.float32)[None, [0, 0]]
        with pytest.raises(DataError, match="the float model reads no letter in any sample"):
            scored(
                TaskSettings(task="ctc"), [(sample(x=np.zeros((1, 8))), {"y": blank}, {"y": blank})]
            )


def read(rows: Array) -> list[int]:
    best = [int(each) for each in rows.argmax(axis=-1)]
    return [b for index, b in enumerate(best) if b and (not index or b != best[index - 1])]


class TestSimilarity:
    def test_all_pairs(self) -> None:
        vectors = noisy(np.zeros((20, 8)), 1)
        other = noisy(vectors, 0.3, 1)
        rows = [
            (sample(x=np.zeros(1)), {"v": vectors[i : i + 1]}, {"v": other[i : i + 1]})
            for i in range(20)
        ]
        found, _ = scored(TaskSettings(task="similarity"), rows)
        upper = np.triu_indices(20, 1)
        expected = spearmanr(*(cosine_similarity(each)[upper] for each in (vectors, other)))[0]
        assert found["similarity"] == pytest.approx(expected, abs=1e-6)
        assert found["similarity"] < 0.999

    def test_tokens_are_averaged_where_the_mask_has_them(self) -> None:
        mask = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 0, 1]])
        tokens = noisy(np.zeros((4, 3, 5)), 1)
        changed = tokens.copy()
        changed[mask == 0] = 9
        one = (sample(attention_mask=mask), {"v": tokens}, {"v": changed})
        found, _ = scored(TaskSettings(task="similarity"), [one])
        assert found["similarity"] == pytest.approx(1)
        found, _ = scored(TaskSettings(task="similarity"), [(sample(x=mask), *one[1:])])
        assert found["similarity"] < 0.99

    def test_two_samples_have_one_pair(self) -> None:
        one = {"v": np.ones((2, 4), np.float32)}
        with pytest.raises(DataError, match="needs 3 samples at least"):
            scored(TaskSettings(task="similarity"), [(sample(), one, one)])


class TestMaps:
    @pytest.mark.parametrize("axis", [1, -1])
    def test_scores_of_classes(self, axis: int) -> None:
        scores = noisy(np.zeros((2, 4, 16, 12)), 1)
        other = noisy(scores, 0.5, 1)
        classes = [each.argmax(axis=1).reshape(-1) for each in (scores, other)]
        given = [{"m": np.moveaxis(each, 1, axis)} for each in (scores, other)]
        found, _ = scored(TaskSettings(task="map"), [(sample(), given[0], given[1])])
        agreement, overlap = accuracy_score(*classes), jaccard_score(*classes, average="macro")
        assert found["map_agreement"] == pytest.approx(100 * agreement, abs=1e-6)
        assert found["map_iou"] == pytest.approx(100 * overlap, abs=1e-6)
        assert 50 < found["map_agreement"] < 95

    def test_sums_run_over_all_samples(self) -> None:
        maps = np.random.default_rng(0).integers(0, 9, (2, 5, 1, 4, 5))
        rows = [(sample(), {"m": maps[0, i]}, {"m": maps[1, i]}) for i in range(5)]
        found, _ = scored(TaskSettings(task="map"), rows)
        flat = [each.reshape(-1) for each in maps]
        expected = jaccard_score(*flat, average="macro")
        assert found["map_iou"] == pytest.approx(100 * expected, abs=1e-6)

    @pytest.mark.parametrize(("scale", "threshold"), [(1, 0.5), (10, 0)])
    def test_one_score_of_each_point(self, scale: float, threshold: float) -> None:
        scores = noisy(np.full((1, 1, 16, 12), 0.5), 0.1).clip(0, 1)
        scores = (scores - 0.5) * scale + threshold
        other = noisy(scores, 0.05 * scale, 1).clip(scores.min(), scores.max())
        found, _ = scored(TaskSettings(task="map"), [(sample(), {"m": scores}, {"m": other})])
        flat = [(each >= threshold).reshape(-1) for each in (scores, other)]
        assert found["map_agreement"] == pytest.approx(100 * accuracy_score(*flat), abs=1e-6)


class TestNextToken:
    def test_cross_entropy(self) -> None:
        ids = np.random.default_rng(0).integers(0, 7, (3, 9))
        logits = noisy(np.zeros((3, 9, 7)), 2)
        other = noisy(logits, 0.5, 1)
        found, _ = scored(
            TaskSettings(task="perplexity"), [(sample(input_ids=ids), {"l": logits}, {"l": other})]
        )
        losses = [
            log_loss(ids[:, 1:].reshape(-1), shares(each[:, :-1]), labels=range(7))
            for each in (logits, other)
        ]
        assert found["perplexity"] == pytest.approx(math.exp(losses[1]), rel=1e-6)
        assert found["perplexity_ratio"] == pytest.approx(math.exp(losses[1] - losses[0]), rel=1e-6)

    def test_places_that_the_mask_leaves_out(self) -> None:
        ids, mask = np.array([[5, 2, 3, 0]]), np.array([[1, 1, 1, 0]])
        logits = noisy(np.zeros((1, 4, 7)), 2)
        row = {"l": logits}
        masked, _ = scored(
            TaskSettings(task="perplexity"),
            [(sample(input_ids=ids, attention_mask=mask), row, row)],
        )
        short = {"l": logits[:, :3]}
        cut, _ = scored(
            TaskSettings(task="perplexity"), [(sample(input_ids=ids[:, :3]), short, short)]
        )
        assert masked == cut
        assert masked["perplexity_ratio"] == 1

    @pytest.mark.parametrize(
        ("feeds", "told"),
        [
            (
                {"x": np.zeros((1, 4), np.float32)},
                "data[0]: has no inputs that could be the tokens",
            ),
            (
                {"a": np.zeros((1, 4), np.int64), "b": np.zeros((1, 4), np.int64)},
                "data[0]: has 2 inputs that could be the tokens",
            ),
            ({"a": np.full((1, 4), 7)}, "data[0]: has tokens beyond the 7 of the output 'l'"),
        ],
    )
    def test_tokens_that_are_none(self, feeds: Outputs, told: str) -> None:
        row = {"l": np.zeros((1, 4, 7), np.float32)}
        with pytest.raises(DataError) as caught:
            scored(TaskSettings(task="perplexity"), [(sample(**feeds), row, row)])
        assert str(caught.value).startswith(told)


def shares(logits: Array) -> Array:
    powers = np.exp(logits.reshape(-1, logits.shape[-1]).astype(np.float64))
    divided: Array = powers / powers.sum(axis=1, keepdims=True)
    return divided


@pytest.mark.parametrize("task", ["ctc", "similarity", "map", "perplexity"])
def test_an_output_that_no_task_reads(task: Any) -> None:
    row = {"y": np.zeros(4, np.float32)}
    with pytest.raises(DataError, match=f"the task {task} needs an output of rank") as caught:
        scored(TaskSettings(task=task), [(sample(), row, row)])
    assert caught.value.hint == "name it as `task_output`"
    assert "the model gives 'y' [4]" in str(caught.value)
