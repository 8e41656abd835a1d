import io
import math
import re
from dataclasses import replace

import pytest
from rich.console import Console

from qconv.reporting import report_tables, sentences
from qconv.reporting.contents import FloatOperator, FusionAudit
from qconv.reporting.markdown import escaped, to_markdown
from qconv.reporting.report_data import OutputMetrics, Report, Verdict
from qconv.reporting.terminal_view import print_report, print_verdicts, rich_tables

MISS = FloatOperator("add", "Add", "one input is float")
HOSTILE = "a|b`c`[bold]*x*<i>\x1b[31m\n@me#1.onnx"


def printed(report: Report, width: int = 200) -> str:
    stream = io.StringIO()
    print_report(report, Console(file=stream, width=width, force_terminal=False))
    return stream.getvalue()


def cells(line: str) -> list[str]:
    """Split a line of a Markdown table as GitHub does."""
    return [cell.strip() for cell in re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]]


def with_output(report: Report, output: OutputMetrics) -> Report:
    return replace(report, variants=(replace(report.variants[0], outputs=(output,)),))


def column(table: report_tables.Table, title: str) -> tuple[str, ...]:
    return next(column.cells for column in table.columns if column.title == title)


class TestTables:
    def test_the_headline_has_the_columns_of_the_readme(self, full_report: Report) -> None:
        table = report_tables.headline(full_report)
        assert table.names == ("model.onnx", "model.int8.onnx")
        assert [(column.title, column.cells) for column in table.columns] == [
            ("MB", ("18.61", "5.10")),
            ("size ratio", ("", "0.274")),
            ("top-1 %", ("87.75", "86.40")),
            ("drop", ("", "1.35")),
            ("top-5 %", ("97.25", "97.50")),
            ("drop", ("", "-0.25")),
            ("agree %", ("", "98.25")),
            ("SQNR dB", ("", "24.1")),
            ("confidence", ("0.7500", "0.5000")),
            ("drop", ("", "0.2500")),
            ("latency ms", ("14.54", "7.272")),
            ("p90", ("15.76", "8.000")),
            ("speed-up", ("", "2.00x")),
            ("integer ops", ("", "57/60")),
        ]

    def test_columns_with_nothing_to_show_are_left_out(self, bare_report: Report) -> None:
        titles = [column.title for column in report_tables.headline(bare_report).columns]
        assert titles == ["MB", "size ratio", "SQNR dB"]
        titles = [column.title for column in report_tables.outputs(bare_report).columns]
        assert titles == ["SQNR dB", "cosine"]

    @pytest.mark.parametrize(
        ("sqnr", "shown"), [(math.inf, "exact"), (-math.inf, "broken"), (math.nan, "broken")]
    )
    def test_an_sqnr_without_a_number_is_a_word(
        self, full_report: Report, sqnr: float, shown: str
    ) -> None:
        report = with_output(full_report, OutputMetrics("logits", sqnr, 1.0, 0.0, 100.0, 0))
        assert column(report_tables.headline(report), "SQNR dB") == ("", shown)

    def test_what_is_not_quite_perfect_is_not_shown_as_perfect(self, full_report: Report) -> None:
        near = OutputMetrics("logits", 60.0, 1 - 1e-9, 1e-9, 99.998, 0)
        table = report_tables.outputs(with_output(full_report, near))
        assert column(table, "agree %") == ("99.99",)
        assert column(table, "cosine") == ("0.999999",)
        perfect = OutputMetrics("logits", math.inf, 1.0, 0.0, 100.0, 0)
        table = report_tables.outputs(with_output(full_report, perfect))
        assert column(table, "agree %") == ("100.00",)
        assert column(table, "cosine") == ("1.000000",)

    def test_a_drop_of_almost_nothing_has_no_minus_sign(self, full_report: Report) -> None:
        accuracy = full_report.reference.accuracy
        assert accuracy is not None
        better = replace(accuracy, top1=accuracy.top1 + 1e-9)
        report = replace(full_report, variants=(replace(full_report.variants[0], accuracy=better),))
        assert column(report_tables.headline(report), "drop") == ("", "0.00")

    @pytest.mark.parametrize(
        ("size", "shown"), [(1_234_567_890, "1234.57"), (641_200, "0.641"), (318, "0.000318")]
    )
    def test_small_models_keep_their_digits(
        self, full_report: Report, size: int, shown: str
    ) -> None:
        report = replace(full_report, reference=replace(full_report.reference, size_bytes=size))
        assert column(report_tables.headline(report), "MB")[0] == shown

    def test_a_model_without_quantized_operators_says_so(self, full_report: Report) -> None:
        audit = FusionAudit(0, 0, {}, ())
        report = replace(full_report, variants=(replace(full_report.variants[0], fusion=audit),))
        assert column(report_tables.headline(report), "integer ops") == ("", "none")
        assert "model.int8.onnx: no quantized operators" in printed(report)


class TestTerminal:
    @pytest.mark.parametrize("width", [80, 100, 140])
    def test_no_number_or_word_is_cut_and_no_line_is_too_long(
        self, full_report: Report, width: int
    ) -> None:
        text = printed(full_report, width)
        assert "…" not in text
        words = text.split()
        for table in (report_tables.headline(full_report), report_tables.outputs(full_report)):
            for name in table.names:
                assert name in text
            for each in table.columns:
                assert set(each.title.split()) | {cell for cell in each.cells if cell} <= set(words)
        assert max(map(len, text.splitlines())) <= width

    def test_a_wide_terminal_shows_one_row_for_each_model(self, full_report: Report) -> None:
        (row,) = (line for line in printed(full_report).splitlines() if "57/60" in line)
        assert " ".join(row.split()) == (
            "model.int8.onnx 5.10 0.274 86.40 1.35 97.50 -0.25 98.25 24.1 0.5000 0.2500 "
            "7.272 8.000 2.00x 57/60"
        )

    def test_a_narrow_terminal_repeats_the_names_and_keeps_pairs_together(
        self, full_report: Report
    ) -> None:
        lines = printed(full_report, 80).splitlines()
        rows = [" ".join(line.split()) for line in lines if line.startswith("model.int8.onnx ")]
        assert rows == [
            "model.int8.onnx 5.10 0.274 86.40 1.35 97.50 -0.25 98.25 24.1",
            "model.int8.onnx 0.5000 0.2500",
            "model.int8.onnx 7.272 8.000 2.00x 57/60",
        ]

    @pytest.mark.parametrize("width", range(40, 130, 5))
    def test_a_drop_stays_beside_what_it_is_of(self, full_report: Report, width: int) -> None:
        for part in rich_tables(report_tables.headline(full_report), width):
            assert str(part.columns[1].header) not in ("drop", "p90")

    def test_a_long_name_is_folded_and_costs_no_number(self, full_report: Report) -> None:
        name = "very/long/" * 12 + "model.int8.onnx"
        report = replace(full_report, variants=(replace(full_report.variants[0], name=name),))
        text = printed(report, 80)
        assert "…" not in text
        for table in (report_tables.headline(report), report_tables.outputs(report)):
            assert {cell for each in table.columns for cell in each.cells if cell} <= set(
                text.split()
            )

    def test_conditions_and_audit_are_told_in_sentences(self, full_report: Report) -> None:
        text = printed(full_report)
        assert "Data: 400 samples with labels.\n" in text
        assert (
            "Latency: batch 1, 1 thread, 50 runs of each model in turns; "
            "onnxruntime 1.31.1, Some CPU.\n"
        ) in text
        assert (
            "model.int8.onnx: 57 of 60 quantized operators run in integers (Add 8/10, Conv 49/50)\n"
            "  2 Add ('add_1', 'add_2'): one input is float\n"
            "  1 Conv ('stem'): its output is also a graph output\n"
        ) in text

    def test_a_broken_output_is_a_sentence(self, full_report: Report) -> None:
        nan = OutputMetrics("logits", -math.inf, math.nan, math.nan, 12.5, 3)
        assert (
            "model.int8.onnx: the output 'logits' has NaN or Inf where the float model's does not "
            "(or vice versa) in 3 of 400 samples."
        ) in printed(with_output(full_report, nan))
        assert "NaN" not in printed(full_report)

    def test_verdicts_come_last_one_line_each_however_long(self, full_report: Report) -> None:
        limits = range(10, 30)
        long = " or ".join(f"size_ratio > {limit}" for limit in limits)
        held = "; and ".join(f"size_ratio = 0.274, limit {limit}" for limit in limits)
        verdicts = (
            Verdict("model.int8.onnx", "top1_drop > 1.0", True, {"top1_drop": 1.35}),
            Verdict("model.int8.onnx", long, False, {"size_ratio": 0.274}),
        )
        report = replace(full_report, verdicts=verdicts)
        lines = printed(report, 80).splitlines()
        assert lines[-3:] == [
            "",
            "model.int8.onnx FAILS: top1_drop = 1.35, limit 1",
            f"model.int8.onnx passes: {held}",
        ]

    def test_without_gates_no_verdict_is_printed(self, full_report: Report) -> None:
        stream = io.StringIO()
        print_verdicts(full_report, Console(file=stream))
        assert stream.getvalue() == ""

    def test_a_hostile_name_is_shown_and_does_nothing(self, full_report: Report) -> None:
        variant = replace(full_report.variants[0], name=HOSTILE)
        text = printed(replace(full_report, variants=(variant,)))
        assert "\x1b" not in text
        assert r"a|b`c`[bold]*x*<i>\x1b[31m\n@me#1.onnx" in text


class TestMarkdown:
    def test_tables_have_as_many_cells_in_each_line(self, full_report: Report) -> None:
        variant = replace(full_report.variants[0], name=HOSTILE)
        verdict = Verdict(HOSTILE, "top1_drop > 1.0 or kl > 1", True, {"top1_drop": 1.35, "kl": 0})
        report = replace(full_report, variants=(variant,), verdicts=(verdict,))
        blocks = [block for block in to_markdown(report).split("\n\n") if block.startswith("|")]
        assert len(blocks) == 3
        for block in blocks:
            title, rule, *rows = (cells(line) for line in block.splitlines())
            assert all(re.fullmatch(r"---:?", cell) for cell in rule)
            assert {len(title)} == {len(line) for line in (rule, *rows)}
        assert len(cells(blocks[1].splitlines()[0])) == 15

    def test_the_headline_reads_like_the_readme(self, full_report: Report) -> None:
        text = to_markdown(full_report)
        assert (
            "| model.int8.onnx | 5.10 | 0.274 | 86.40 | 1.35 | 97.50 | -0.25 | 98.25 | 24.1 "
            "| 0.5000 | 0.2500 | 7.272 | 8.000 | 2.00x | 57/60 |"
        ) in text
        assert "- 2 Add ('add\\_1', 'add\\_2'): one input is float\n" in text

    def test_verdicts_come_first_with_a_summary(self, full_report: Report) -> None:
        ok = Verdict("v", "kl > 1", False, {"kl": 0.5})
        bad = Verdict("v", "top1 < 90", True, {"top1": 86.4})
        text = to_markdown(replace(full_report, verdicts=(ok, bad)))
        held = "| passes | v | kl = 0.5, limit 1 | kl \\> 1 |"
        assert text.index("**1 of 2 gates failed.**") < text.index(held)
        assert "| **FAILS** | v | top1 = 86.4, must be at least 90 | top1 \\< 90 |" in text
        assert "**All 2 gates pass.**" in to_markdown(replace(full_report, verdicts=(ok, ok)))
        assert "gate" not in to_markdown(full_report)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a|b", r"a\|b"),
            ("a\\|b", r"a\\\|b"),
            ("`a`", r"\`a\`"),
            ("<script>", r"\<script\>"),
            ("@me", "@<!-- -->me"),
            ("#12", r"\#<!-- -->12"),
            ("- x", r"\- x"),
            ("1. x", r"1\. x"),
            ("-0.25", "-0.25"),
            ("model.onnx", "model.onnx"),
            ("a\nb", r"a\\nb"),
        ],
    )
    def test_text_is_shown_as_it_is(self, text: str, expected: str) -> None:
        assert escaped(text) == expected


class TestSentences:
    def test_of_several_outputs_it_is_said_which_counts(self, full_report: Report) -> None:
        variant = full_report.variants[0]
        second = replace(variant.outputs[0], name="features")
        variant = replace(variant, outputs=(*variant.outputs, second))
        report = replace(full_report, variants=(variant,))
        assert (
            "Accuracy and agreement are those of the output 'logits', SQNR is the worst."
        ) in sentences.conditions(report)
        report = replace(report, class_output=None)
        assert "With several outputs, the worst counts." in sentences.conditions(report)

    def test_many_nodes_are_counted_and_the_first_named(self) -> None:
        misses = tuple(replace(MISS, node=node) for node in ("a", "b", "c", "d", ""))
        audit = FusionAudit(5, 0, {"Add": (5, 0)}, misses)
        assert list(sentences.fusion_misses(audit)) == [
            "5 Add ('a', 'b', 'c', ...): one input is float"
        ]

    def test_nodes_without_names_are_only_counted(self) -> None:
        audit = FusionAudit(1, 0, {"Add": (1, 0)}, (replace(MISS, node=""),))
        assert list(sentences.fusion_misses(audit)) == ["1 Add: one input is float"]

    def test_threads_that_the_runtime_chose_are_all(self, full_report: Report) -> None:
        assert full_report.timing is not None
        report = replace(full_report, timing=replace(full_report.timing, threads=None, runs=1))
        (line,) = (line for line in sentences.conditions(report) if "Latency" in line)
        assert line.startswith("Latency: batch 1, all threads, 1 run of each model in turns; ")


def test_a_terminal_tells_what_the_words_in_the_tables_mean(full_report: Report) -> None:
    text = " ".join(printed(full_report).split())
    assert "SQNR: the signal over the error, in dB; at 20 dB the error is 10 % of the" in text
    assert "KL: how far probabilities are from the float model's, in nats" in text
    paired = any(variant.paired is not None for variant in full_report.variants)
    assert ("McNemar's p: the probability of such a drop" in text) == paired
    bare = replace(full_report.variants[0], outputs=(), paired=None)
    assert "SQNR: " not in printed(replace(full_report, variants=(bare,)))
