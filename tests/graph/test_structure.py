"""Nodes and functions that do not fit together are refused, however the model is opened."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.errors import ModelError
from qconv.evaluation.compare_models import compare
from qconv.graph.model_io import load_model, read_model
from qconv.graph.structure import fault, is_sorted
from qconv.pipeline import convert, inspect
from tests.graph.refusals import refusal, with_function
from tests.model_helpers import data, parse, run, save

TEXT = "(float[N, 4] x) => (float[N, 4] y) <float[4, 4] w> { h = MatMul(x, w) y = Relu(h) }"
FEED = {"x": np.ones((2, 4), np.float32)}

IF = (
    "(float[N] x, bool c) => (float[N] y) {{ {outputs} = If (c) <then_branch = t () => "
    "(float[N] a) {{ a = Relu(x) }}, "
    "else_branch = e () => ({gives}) {{ b = Neg(x) k = Abs(x) }}> }}"
)
LOOP = (
    "(float[N] x) => (float[N] y) <int64 m = {{2}}, bool c = {{1}}> {{ y = Loop (m, c, x) "
    "<body = t (int64 i, bool d, {takes}) => (bool e, {gives}) {{ e = Identity(d) b = Neg(a) }}> }}"
)

UNCOUNTED = LOOP.format(takes="float[N] a", gives="float[N] b").replace("(m,", '("",')
ENDLESS = [
    UNCOUNTED,
    UNCOUNTED.replace('("", c, x)', '("", "", x)'),
    UNCOUNTED.replace('"", c', "m, c").replace("{2}", "{9223372036854775807}"),
    UNCOUNTED.replace("Identity(d)", "Identity(c)"),
    UNCOUNTED.replace("Identity(d)", "Constant<value = bool {1}>()"),
    UNCOUNTED.replace("{ y", "{ q = Constant<value = bool {1}>() y").replace("(d)", "(q)"),
]
"""Nothing counts the turns, and the body hands its condition on, or gives what is true."""
ENDING = [
    UNCOUNTED.replace("c = {1}", "c = {0}"),
    UNCOUNTED.replace('"", c', "m, c").replace("{2}", "{99}"),
    UNCOUNTED.replace("Identity(d)", "Not(d)"),
    UNCOUNTED.replace("Identity(d)", "Constant<value = bool {0}>()"),
]


class TestNodes:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("(float[N] x) => (float[N] y) { y = Relu(x) y = Neg(x) }", "'y' is given twice"),
            ("(float[N] x, float[N] x) => (float[N] y) { y = Relu(x) }", "'x' is given twice"),
            ("(float[N] x) => (float[N] z) { y = Relu(x) }", "no node produces the output 'z'"),
            (
                "(float[N] x) => (float[N] y) { y = Add(x, u) }",
                "Add 'y' reads 'u', which no node produces",
            ),
            (
                IF.format(outputs="y, z", gives="float[N] b, float[N] k"),
                "the then_branch of If 'y, z' gives 1 values, not 2",
            ),
            (
                IF.format(outputs="y", gives="float[N] b, float[N] k"),
                "the else_branch of If 'y' gives 2 values, not 1",
            ),
            (
                IF.format(outputs="y", gives="float[N] b").replace("t ()", "t (float[N] q)"),
                "the then_branch of If 'y' takes 1 values, not 0",
            ),
            *(
                (
                    text,
                    "Loop 'y' never ends: it has no trip count, and nothing changes its condition",
                )
                for text in ENDLESS
            ),
            (
                LOOP.format(takes="float[N] a", gives="float[N] b, float[N] a"),
                "the body of Loop 'y' gives 3 values, not 2",
            ),
            (
                LOOP.format(takes="float[N] a, float[N] k", gives="float[N] b"),
                "the body of Loop 'y' takes 4 values, not 3",
            ),
            (
                "(float[N] x) => (float[N] y) { a = Add(x, b) b = Neg(a) y = Relu(b) }",
                "a node depends on its own output",
            ),
        ],
    )
    def test_those_that_do_not_fit_together(self, tmp_path: Path, text: str, told: str) -> None:
        path = save(parse(text), tmp_path)
        for opener in (load_model, read_model):
            with pytest.raises(ModelError) as caught:
                opener(path)
            assert str(caught.value) == f"{path}: not a valid ONNX model: {told}"

    def test_attributes_without_what_they_are_for(self, tmp_path: Path) -> None:
        model = parse(IF.format(outputs="y", gives="float[N] b"))
        branch = model.graph.node[0].attribute[1]
        before = "FILE: not a valid ONNX model: "
        branch.ClearField("g")
        message = refusal(model, tmp_path)
        assert message == f"{before}the attribute else_branch of If 'y' has no value"
        branch.type = onnx.AttributeProto.UNDEFINED
        message = refusal(model, tmp_path)
        assert message == f"{before}the attribute else_branch of If 'y' has no type"
        branch.name, branch.type = "then_branch", onnx.AttributeProto.GRAPH
        branch.g.CopyFrom(model.graph.node[0].attribute[0].g)
        assert refusal(model, tmp_path) == f"{before}If 'y' has two attributes of one name"
        del model.graph.node[0].attribute[1]
        assert refusal(model, tmp_path) == f"{before}If 'y' has no else_branch"

    def test_decisions_by_nothing(self, tmp_path: Path) -> None:
        model = parse(LOOP.format(takes="float[N] a", gives="float[N] b"))
        (count,) = [each for each in model.graph.initializer if each.name == "m"]
        count.CopyFrom(onnx.TensorProto(name="m", dims=[3, 0], data_type=7))
        before = "FILE: not a valid ONNX model: "
        message = refusal(model, tmp_path)
        assert message == f"{before}Loop 'y' decides by 'm', which holds nothing"

    def test_constants_of_another_type_than_their_attribute(self, tmp_path: Path) -> None:
        model = parse(TEXT)
        unread = model.graph.node.add(op_type="Constant", output=["c"])
        unread.attribute.add(name="value", type=onnx.AttributeProto.INT, i=3)
        before = "FILE: not a valid ONNX model: "
        message = refusal(model, tmp_path)
        assert message == f"{before}the attribute value of Constant 'c' cannot be INT"

    def test_inputs_without_a_name_and_names_that_are_no_text(self, tmp_path: Path) -> None:
        model = parse(TEXT)
        model.graph.input[0].name = ""
        before = "FILE: not a valid ONNX model: "
        assert refusal(model, tmp_path) == f"{before}an input has no name"
        path = tmp_path / "model.onnx"
        named = parse("(float[N] x) => (float[N] value) { value = Relu(x) }").SerializeToString()
        path.write_bytes(named.replace(b"value", b"\xff\xfelue"))
        with pytest.raises(ModelError, match="a name in it is not UTF-8: b'"):
            load_model(path)

    @pytest.mark.parametrize("text", ENDING)
    def test_loops_that_end_are_none_of_them(self, text: str) -> None:
        assert fault(parse(text)) is None

    @pytest.mark.parametrize(
        "text",
        [
            "(float[N, 4] x) => (float[N, 4] y) <float[4, 4] w> { y = Relu(h) h = MatMul(x, w) }",
            "(float[N, 4] x) => (float[N, 4] y) <float[4, 4] w, bool c> { y = If (c) <then_branch ="
            " t () => (float[N, 4] a) { a = Relu(h) }, else_branch = e () => (float[N, 4] b) "
            "{ b = Neg(h) }> h = MatMul(x, w) }",
        ],
        ids=["in a line", "read by a body"],
    )
    def test_they_may_stand_in_any_order(self, tmp_path: Path, text: str) -> None:
        """The runtime sorts them itself; the converted file is sorted."""
        path = save(parse(text), tmp_path)
        assert inspect(path).model.parameters >= 16
        convert(path, tmp_path / "int8.onnx", data=data([FEED]))
        onnx.checker.check_model(tmp_path / "int8.onnx")
        assert compare(path, tmp_path / "int8.onnx", data=data([FEED])).outputs[0].sqnr_db > 20
        np.testing.assert_allclose(
            run(tmp_path / "int8.onnx", FEED)["y"], run(path, FEED)["y"], atol=0.05
        )

    def test_a_body_may_give_a_name_that_comes_later_around_it(self) -> None:
        text = IF.format(outputs="z", gives="float[N] b")
        assert is_sorted(parse(text.replace("}> }", "}> a = Neg(z) y = Abs(a) }")))
        assert not is_sorted(
            parse(text.replace("Neg(x)", "Neg(y)").replace("}> }", "}> y = Abs(z) }"))
        )

    def test_bodies_among_many_names_take_no_longer(self) -> None:
        """The time grows with the bodies and with the names, not with one times the other."""

        def seconds(bodies: int, names: int) -> float:
            model = parse("(float[N] x, bool c) => (float[N] y) { y = Relu(x) }")
            branch = parse("() => (float[N] a) { a = Relu(x) }").graph
            for index in range(bodies):
                branches = {"then_branch": branch, "else_branch": branch}
                node = onnx.helper.make_node("If", ["c"], [f"i{index}"], **branches)
                model.graph.node.append(node)
            model.graph.node.extend(
                onnx.NodeProto(op_type="Relu", input=["x"], output=[f"n{index}"])
                for index in range(names)
            )
            start = time.process_time()
            assert fault(model) is None
            assert is_sorted(model)
            return time.process_time() - start

        assert seconds(2000, 20_000) < 6 * (seconds(2000, 0) + seconds(0, 20_000))


class TestFunctions:
    def test_without_a_domain(self, tmp_path: Path) -> None:
        model = with_function("b = Neg(a)")
        model.functions[0].domain = ""
        assert refusal(model, tmp_path) == (
            "FILE: not a valid ONNX model: its function 'F' has no domain, which is that of ONNX's "
            "own operators"
        )

    def test_that_call_each_other_in_a_circle(self, tmp_path: Path) -> None:
        assert refusal(with_function("b = f.F(a)"), tmp_path) == (
            "FILE: not a valid ONNX model: its functions call each other in a circle: F -> F"
        )

    def test_whose_bodies_are_given_by_the_caller(self, tmp_path: Path) -> None:
        model = with_function(
            "c = Constant <value = bool {1}> () b = If (c) <then_branch = t () =>"
            " (float[N] d) { d = Relu(a) }, else_branch = e () => (float[N] f) { f = Neg(a) }>"
        )
        branch = model.functions[0].node[1].attribute[0]
        branch.ClearField("g")
        branch.ref_attr_name = "body"
        assert refusal(model, tmp_path) == (
            "FILE: not a valid ONNX model: If 'b' takes its then_branch from its function's "
            "caller, which is not supported"
        )

    def test_that_stand_for_too_many_nodes(self, tmp_path: Path) -> None:
        model = with_function("b = Relu(a)", calls="y = f.F30(x)")
        for level in range(1, 31):
            twice = model.functions.add()
            twice.CopyFrom(model.functions[0])
            twice.name, inner = f"F{level}", f"F{level - 1}" if level > 1 else "F"
            del twice.node[:]
            twice.node.add(op_type=inner, domain="f", input=["a"], output=["m"])
            twice.node.add(op_type=inner, domain="f", input=["m"], output=["b"])
        message = refusal(model, tmp_path)
        assert message.startswith("FILE: not a valid ONNX model: its functions expand to ")
        assert message.endswith(" nodes, more than 1000000")

    def test_that_are_called_with_too_much(self, tmp_path: Path) -> None:
        assert refusal(with_function("b = Relu(a)", calls="y = f.F(x, x)"), tmp_path) == (
            "FILE: not a valid ONNX model: F 'y' has 2 inputs and 1 outputs, but its function "
            "takes 1 and gives 1"
        )

    def test_that_are_called_with_too_little(self, tmp_path: Path) -> None:
        path = save(with_function("b = Neg(a)", calls="z = Relu(x) y = f.F()"), tmp_path)
        with pytest.raises(ModelError) as caught:
            inspect(path)
        assert str(caught.value) == "a function is called without what its Neg needs as X"

    def test_of_a_domain_without_a_version(self, tmp_path: Path) -> None:
        model = parse(TEXT)
        model.opset_import.add(domain="test")
        assert refusal(model, tmp_path) == (
            "FILE: not a valid ONNX model: it has version 0 of the operators of 'test'"
        )

    def test_of_another_version_of_their_own_domain_are(self, tmp_path: Path) -> None:
        path = save(with_function("b = Relu(a)"), tmp_path)
        assert inspect(path).model.op_counts == {"F": 1, "Relu": 1}

    def test_in_a_long_chain(self, tmp_path: Path) -> None:
        model = with_function("b = Relu(a)", calls="y = f.F99(x)")
        for level in range(1, 100):
            caller = model.functions.add()
            caller.CopyFrom(model.functions[0])
            caller.name = f"F{level}"
            caller.node[0].op_type, caller.node[0].domain = f"F{level - 1}", "f"
        model.functions[0].name = "F0"
        (node,) = inspect(save(model, tmp_path)).plan.nodes.values()
        assert node.op_type == "Relu"
