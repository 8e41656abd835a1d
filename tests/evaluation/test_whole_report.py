import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import pytest

from qconv.data.source import Source, TensorSpec
from qconv.errors import DataError, UsageError
from qconv.evaluation.whole_report import report
from qconv.recipe.tasks import TaskSettings
from qconv.reporting.report_data import InputSummary
from qconv.reporting.report_json import to_json
from tests.evaluation.report_helpers import AUDIT, CLASSES, LABELS, ROWS, Samples, run, save

T = TypeVar("T")
NO_CLASSES = "no output is known to hold classes; if one does, set `output_kind=NAME=classes`"


def test_the_numbers_of_two_variants(model: Path, halved: Path, shifted: Path) -> None:
    found = run(model, halved, shifted)
    half, shift = found.variants
    assert found.reference.accuracy == half.accuracy
    assert half.accuracy is not None
    assert (half.accuracy.top1, half.accuracy.top5) == (100, 100)
    (out,) = half.outputs
    assert out.sqnr_db == pytest.approx(20 * math.log10(2))
    assert out.cosine == pytest.approx(1)
    assert out.agreement == 100
    p, q = (np.exp([s, 0, 0, 0, 0, 0]) / (np.exp(s) + 5) for s in (4, 2))
    assert out.kl == pytest.approx(float((p * np.log(p / q)).sum()), rel=1e-6)

    assert shift.accuracy is not None
    assert shift.accuracy.top1 == 25  # samples 0 and 6 of 8
    (out,) = shift.outputs
    assert out.agreement == 25
    assert out.sqnr_db == pytest.approx(10 * math.log10(16 / 25))
    assert [out.name, out.broken] == ["y", 0]


def test_the_report_says_on_what_it_was_measured(model: Path, halved: Path) -> None:
    found = run(model, halved)
    assert found.data.samples == 8
    assert found.data.labels
    assert found.data.batch == 1
    assert found.data.inputs == (InputSummary("x", "float32", ("N", CLASSES)),)
    assert found.class_output == "y"
    assert found.timing is None
    assert found.runtime.startswith("onnxruntime ")
    assert [found.reference.name, found.variants[0].name] == ["model.onnx", "half.onnx"]
    assert found.reference.size_bytes == model.stat().st_size
    assert found.variants[0].size_bytes == halved.stat().st_size
    assert found.variants[0].path == str(halved)
    assert found.variants[0].fusion == AUDIT
    assert found.reference.fusion is None


def test_the_same_input_gives_the_same_bytes(model: Path, halved: Path, shifted: Path) -> None:
    first, second = (to_json(run(model, halved, shifted)) for _ in range(2))
    assert first == second


def test_the_data_are_streamed_once_beside_the_first_samples(model: Path, halved: Path) -> None:
    source = Samples(ROWS, LABELS)
    seen: list[tuple[int, str]] = []

    def progress(items: Iterable[T], total: int, label: str, /) -> Iterable[T]:
        seen.append((total, label))
        return items

    report(
        model, [halved, model], data=source.open, runs=3, audit=lambda _: AUDIT, progress=progress
    )
    assert source.passes == 2
    assert seen == [(8, "evaluating"), (8, "timing"), (3, "profiling")]


def test_latency_is_measured_of_all_models_and_conditions_are_kept(
    model: Path, halved: Path
) -> None:
    found = run(model, halved, latency=True, runs=4, threads=2)
    assert found.timing is not None
    assert (found.timing.threads, found.timing.batch, found.timing.runs) == (2, 1, 4)
    for each in (found.reference, *found.variants):
        assert each.latency is not None
        assert 0 < each.latency.median_ms <= each.latency.p90_ms


def test_without_labels_everything_else_is_measured(model: Path, halved: Path) -> None:
    found = run(model, halved, labels=None)
    assert not found.data.labels
    assert found.variants[0].accuracy is None
    assert found.variants[0].outputs[0].agreement is None
    named = run(model, halved, labels=None, settings=TaskSettings(output_kind=("y=classes",)))
    assert named.variants[0].outputs == run(model, halved).variants[0].outputs


def test_nan_outputs_are_reported_and_fail_gates(tmp_path: Path, model: Path) -> None:
    nan = save(tmp_path, "nan.onnx", "z = Sub(x, x) q = Div(z, z) y = Add(x, q)")
    found = run(model, nan, fail_if=["sqnr_db < 10", "kl > 5", "agreement < 1", "size_mb > 9"])
    (out,) = found.variants[0].outputs
    assert out.sqnr_db == -math.inf
    assert out.broken == 8
    assert found.variants[0].accuracy is not None
    assert found.variants[0].accuracy.top1 == 0
    assert [verdict.failed for verdict in found.verdicts] == [True, True, True, False]


def test_outputs_that_hold_no_classes_are_compared_all_the_same(tmp_path: Path) -> None:
    ports = "(float[N, 6] x) => (int64[N] best, float[] total, float[N, 6] y)"
    body = "best = ArgMax<axis=1, keepdims=0>(x) total = ReduceSum<keepdims=0>(x) y = Relu(x)"
    both = [save(tmp_path, name, body, ports) for name in ("a.onnx", "b.onnx")]
    found = run(*both)
    assert found.class_output == "y"
    assert [(out.name, out.kl, out.agreement) for out in found.variants[0].outputs] == [
        ("best", None, None),
        ("total", None, None),
        ("y", 0.0, 100.0),
    ]
    assert {out.sqnr_db for out in found.variants[0].outputs} == {math.inf}


class TestGates:
    def test_all_gates_are_judged_for_all_variants(
        self, model: Path, halved: Path, shifted: Path
    ) -> None:
        found = run(model, halved, shifted, fail_if=["top1_drop > 1.0", "agreement < 20"])
        assert [(v.variant, v.expression, v.failed, v.values) for v in found.verdicts] == [
            ("half.onnx", "top1_drop > 1.0", False, {"top1_drop": 0}),
            ("half.onnx", "agreement < 20", False, {"agreement": 100}),
            ("shift.onnx", "top1_drop > 1.0", True, {"top1_drop": 75}),
            ("shift.onnx", "agreement < 20", False, {"agreement": 25}),
        ]
        assert found.exit_code == 1

    def test_without_gates_there_is_no_verdict(self, model: Path, halved: Path) -> None:
        found = run(model, halved)
        assert found.verdicts == ()
        assert found.exit_code == 0

    @pytest.mark.parametrize(
        ("gate", "message"),
        [
            ("top1_drip > 1", "the gate 'top1_drip > 1' names the unknown metric 'top1_drip'"),
            ("top1_drop >", "in the gate at column 12: expected a metric or a number"),
            (
                "latency_ms > 1",
                "the gate 'latency_ms > 1' needs latency_ms, which is not measured here: "
                "latency is switched off",
            ),
        ],
    )
    def test_a_wrong_gate_costs_no_work(self, gate: str, message: str) -> None:
        def never(_: Sequence[TensorSpec]) -> Source:
            raise AssertionError("the data were opened")

        missing = Path("missing.onnx")
        with pytest.raises(UsageError) as caught:
            report(missing, [missing], data=never, fail_if=["size_mb > 1", gate], latency=False)
        assert str(caught.value).startswith(message)

    def test_a_gate_that_needs_labels_is_refused_before_the_pass(
        self, model: Path, halved: Path
    ) -> None:
        source = Samples(ROWS, [None] * 8)
        with pytest.raises(UsageError) as caught:
            report(model, [halved], data=source.open, fail_if=["top1_drop > 1"], latency=False)
        assert str(caught.value) == (
            "the gate 'top1_drop > 1' needs top1_drop, "
            "which is not measured here: the data has no labels"
        )
        assert source.passes == 1

    @pytest.mark.parametrize(
        ("ports", "gate", "reason"),
        [
            ("[N, 2]", "top5 < 50", "the output 'y' has only 2 classes"),
            ("[N, 1]", "kl > 1", NO_CLASSES),
            ("[N, 1]", "agreement < 9", NO_CLASSES),
            ("[N, 1]", "top1 < 9", "no output holds classes in the shape [batch, classes]"),
        ],
    )
    def test_what_the_model_does_not_allow_is_named(
        self, tmp_path: Path, ports: str, gate: str, reason: str
    ) -> None:
        path = save(tmp_path, "m.onnx", "y = Relu(x)", f"(float{ports} x) => (float{ports} y)")
        rows = np.ones((2, int(ports[4])))
        with pytest.raises(UsageError) as caught:
            run(path, path, rows=rows, labels=[0, 0], fail_if=[gate])
        assert str(caught.value).endswith(f"which is not measured here: {reason}")


class TestCustomMetrics:
    @pytest.fixture
    def spec(self, tmp_path: Path) -> str:
        path = tmp_path / "own.py"
        path.write_text(
            "def peak(outputs, sample):\n"
            "    value = outputs['y'].max() + sample.label\n"
            "    outputs['y'][:] = 0\n"
            "    return value\n"
            "def boom(outputs, sample):\n"
            "    raise RuntimeError('no')\n"
        )
        return f"{path}:peak"

    def test_are_averaged_and_gated_and_may_spoil_their_arrays(
        self, model: Path, halved: Path, spec: str
    ) -> None:
        found = run(model, halved, metrics=[spec], fail_if=["peak_drop > 1.9", "peak < 2"])
        labels = sum(LABELS) / 8
        assert found.reference.custom == {"peak": 4 + labels}
        assert found.variants[0].custom == {"peak": 2 + labels}
        assert [verdict.failed for verdict in found.verdicts] == [True, False]
        assert found.variants[0].outputs == run(model, halved).variants[0].outputs

    def test_errors_name_function_and_sample(self, model: Path, halved: Path, spec: str) -> None:
        with pytest.raises(DataError, match=r"own\.py:boom: RuntimeError: no .*line 6.*data\[0\]$"):
            run(model, halved, metrics=[spec.replace(":peak", ":boom")])

    def test_a_name_that_is_taken_is_refused(self, model: Path, halved: Path) -> None:
        with pytest.raises(UsageError, match="'kl' cannot be used"):
            run(model, halved, metrics=["own.py:kl"])


def test_files_of_one_name_are_told_apart_by_their_paths(tmp_path: Path, model: Path) -> None:
    for folder in "ab":
        (tmp_path / folder).mkdir()
        save(tmp_path / folder, "model.onnx", "y = Identity(x)")
    first, second = (tmp_path / folder / "model.onnx" for folder in "ab")
    unique = save(tmp_path, "c.onnx", "y = Identity(x)")
    found = run(model, first, second, unique)
    assert found.reference.name == str(model)
    assert [variant.name for variant in found.variants] == [str(first), str(second), "c.onnx"]


def test_the_float_model_can_be_its_own_variant(model: Path) -> None:
    found = run(model, model, fail_if=["sqnr_db < 100", "agreement < 100", "size_ratio != 1"])
    assert found.exit_code == 0
    assert found.variants[0].name == "model.onnx"


def test_external_data_count_as_size(tmp_path: Path) -> None:
    weight = onnx.numpy_helper.from_array(np.ones((6, 6), np.float32), "w")
    proto = onnx.load(save(tmp_path, "m.onnx", "y = Relu(x)"))
    proto.graph.node[0].CopyFrom(onnx.helper.make_node("MatMul", ["x", "w"], ["y"]))
    proto.graph.initializer.append(weight)
    path = tmp_path / "external.onnx"
    onnx.save(proto, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    data = (tmp_path / "w.bin").stat().st_size
    assert data >= 6 * 6 * 4
    assert run(path, path).reference.size_bytes == path.stat().st_size + data
