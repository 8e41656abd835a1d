"""Verdicts as JUnit XML, which CI systems show: one test case for each gate and variant."""

from __future__ import annotations

from xml.etree import ElementTree as Xml

from qconv.printable import printable
from qconv.reporting.report_data import Report
from qconv.reporting.verdicts import verdict_told


def to_junit(report: Report) -> str:
    """Return the verdicts as JUnit XML, ending in a newline; a report without gates has no case."""
    failures = sum(verdict.failed for verdict in report.verdicts)
    counts = {"tests": str(len(report.verdicts)), "failures": str(failures), "errors": "0"}
    suites = Xml.Element("testsuites", counts)
    suite = Xml.SubElement(suites, "testsuite", {"name": "qconv gates", **counts})
    for verdict in report.verdicts:
        names = {
            "classname": printable(verdict.variant),
            "name": f"not ({printable(verdict.expression)})",
        }
        case = Xml.SubElement(suite, "testcase", names)
        shown = printable(verdict_told(verdict))
        if verdict.failed:
            Xml.SubElement(case, "failure", {"message": shown, "type": "gate"}).text = shown
        else:
            Xml.SubElement(case, "system-out").text = shown
    Xml.indent(suites)
    return Xml.tostring(suites, encoding="unicode", xml_declaration=False) + "\n"
