"""What a report refuses to measure."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qconv.data.source import Sample
from qconv.errors import DataError, ModelError, UsageError
from qconv.evaluation.whole_report import report
from tests.evaluation.report_helpers import AUDIT, LABELS, ROWS, Samples, run, save


class TestRefusals:
    def test_a_missing_model_and_a_missing_variant(self, tmp_path: Path, model: Path) -> None:
        missing = tmp_path / "no.onnx"
        for pair in ((missing, model), (model, missing)):
            with pytest.raises(ModelError) as caught:
                run(*pair)
            assert str(caught.value) == f"{missing}: no such file"

    def test_a_variant_with_other_outputs(self, tmp_path: Path, model: Path) -> None:
        other = save(tmp_path, "o.onnx", "z = Relu(x)", "(float[N, 6] x) => (float[N, 6] z)")
        with pytest.raises(ModelError, match=r"cannot be compared with .*: its output 'z' is not"):
            run(model, other)

    def test_a_variant_whose_output_changes_its_shape(self, tmp_path: Path) -> None:
        ports = "(float[N, 6] x) => (float[A, B] y)"
        whole = save(tmp_path, "m.onnx", "y = Relu(x)", ports)
        turned = save(tmp_path, "t.onnx", "y = Transpose(x)", ports)
        with pytest.raises(ModelError) as caught:
            run(whole, turned)
        assert str(caught.value) == (
            f"{turned}: the output 'y' has the shape [6, 1] for data[0]; "
            "the float model gives [1, 6]"
        )

    def test_a_label_that_is_no_class(self, model: Path, halved: Path) -> None:
        for label in (6, -1):
            with pytest.raises(DataError) as caught:
                run(model, halved, labels=[0, 1, label, 3, 4, 5, 0, 1])
            assert str(caught.value) == (
                f"data[2]: the label {label} is not a class of the model, which has 6 (0 to 5)"
            )

    def test_a_sample_without_the_label_that_others_have(self, model: Path, halved: Path) -> None:
        with pytest.raises(DataError, match=r"^data\[1\]: has no label, although other samples"):
            run(model, halved, labels=[0, None, 2, 3, 4, 5, 0, 1])
        with pytest.raises(DataError, match=r"^data\[1\]: has a label, although other samples"):
            run(model, halved, labels=[None, 1, 2, 3, 4, 5, 0, 1])

    def test_one_label_for_several_rows(self, model: Path, halved: Path) -> None:
        class Batches(Samples):
            def __iter__(self) -> Iterator[Sample]:
                for sample in super().__iter__():
                    rows = np.repeat(sample.feeds["x"], 3, axis=0)
                    yield replace(sample, feeds={"x": rows})

        source = Batches(ROWS, LABELS)
        with pytest.raises(
            DataError,
            match=r"^data\[0\]: there is one label for a batch of 3 "
            "rows",
        ):
            report(model, [halved], data=source.open, latency=False, audit=lambda _: AUDIT)
        source = Batches(ROWS, [None] * 8)
        found = report(model, [halved], data=source.open, latency=False, audit=lambda _: AUDIT)
        assert found.data.batch == 3

    def test_no_samples_no_runs_no_variants(self, model: Path, halved: Path) -> None:
        with pytest.raises(DataError, match=r"^the data has no samples$"):
            run(model, halved, rows=[], labels=[])
        with pytest.raises(UsageError, match=r"^the number of runs is 0; it must be 1 or more$"):
            run(model, halved, runs=0)
        with pytest.raises(UsageError, match=r"^no variant to compare the float model with$"):
            run(model)

    def test_a_variant_given_twice(self, model: Path, halved: Path) -> None:
        with pytest.raises(UsageError, match=r"half\.onnx: is given twice$"):
            run(model, halved, halved)
