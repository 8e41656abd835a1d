from dataclasses import replace
from xml.etree import ElementTree as Xml

from qconv.reporting.github import error_commands
from qconv.reporting.junit import to_junit
from qconv.reporting.report_data import Report, Verdict

HOSTILE = "a]]>&<b>\x1b\n::error::x%,.onnx"
FAILED = Verdict("v.onnx", "top1_drop > 1.0", True, {"top1_drop": 1.35})
HELD = Verdict("v.onnx", "kl > 1", False, {"kl": 0.5})


def test_junit_has_one_case_for_each_gate_and_variant(full_report: Report) -> None:
    root = Xml.fromstring(to_junit(replace(full_report, verdicts=(FAILED, HELD))))
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failed, held = suite
    assert (failed.get("classname"), failed.get("name")) == ("v.onnx", "not (top1_drop > 1.0)")
    (failure,) = failed
    assert failure.get("message") == "top1_drop = 1.35, limit 1"
    assert [child.tag for child in held] == ["system-out"]


def test_junit_stays_xml_with_any_name(full_report: Report) -> None:
    report = replace(full_report, verdicts=(replace(FAILED, variant=HOSTILE),))
    (case,) = Xml.fromstring(to_junit(report)).iter("testcase")
    assert case.get("classname") == r"a]]>&<b>\x1b\n::error::x%,.onnx"


def test_github_gets_one_error_for_each_gate_that_failed(full_report: Report) -> None:
    report = replace(full_report, verdicts=(FAILED, HELD))
    assert list(error_commands(report)) == [
        "::error title=v.onnx%3A a gate failed::v.onnx FAILS: top1_drop = 1.35, limit 1 "
        "(fails if top1_drop > 1.0)"
    ]


def test_a_name_cannot_begin_another_github_command(full_report: Report) -> None:
    report = replace(full_report, verdicts=(replace(FAILED, variant=HOSTILE),))
    (line,) = error_commands(report)
    assert "\n" not in line
    assert "x%25%2C.onnx" in line.split("::")[1]
