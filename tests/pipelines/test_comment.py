"""The comment on a pull request, by a ``gh`` that remembers what it was asked for."""

from __future__ import annotations

from pathlib import Path

from tests.pipelines.action_runner import Done
from tests.pipelines.conftest import Machine

POST = "repos/owner/repository/issues/5/comments"


def body_of(call: list[str]) -> str:
    """Return the text that a call sends."""
    (field,) = (each for each in call if each.startswith("body=@"))
    return Path(field.removeprefix("body=@")).read_text(encoding="utf-8")


def test_the_first_one_is_made(passed: tuple[Machine, Done]) -> None:
    find, post = passed[0].calls("gh")
    assert find[:3] == ["api", "graphql", "--paginate"]
    assert {"owner=owner", "name=repository", "number=5"} < set(find)
    assert post[:2] == ["api", "--silent"]
    assert post[-1] == POST
    marker, told, _, *report = body_of(post).splitlines()
    assert marker == "<!-- qconv: qconv -->"
    assert "https://github.com/owner/repository/actions/runs/7" in told
    assert report[0] == "### qconv report"
    assert "quadrantChart" in report


def test_the_next_ones_change_it(cached: Machine) -> None:
    cached.has("gh", said="IC_kwDO1\nIC_kwDO2\n")
    done = cached.action(pull_request="5", comment="true", artifact_name="a b-->$(x)")
    assert done.code == 0
    find, update = cached.calls("gh")
    assert "viewerDidAuthor" in find[-1]
    assert "env.QCONV_MARKER" in find[-1]
    assert update[:2] == ["api", "graphql"]
    assert "id=IC_kwDO1" in update
    assert any("updateIssueComment" in each for each in update)
    assert body_of(update).startswith("<!-- qconv: a_b_____x_ -->\n")


def test_none_without_a_pull_request_or_a_wish(machine: Machine) -> None:
    machine.has("qconv")
    machine.action(pull_request="5")
    machine.action(comment="true")
    assert machine.calls("gh") == []


def test_a_token_that_may_not_is_a_warning(machine: Machine) -> None:
    machine.has("qconv", code=1)
    machine.has("gh", code=1, said="HTTP 403: Resource not accessible by integration\n")
    done = machine.action(pull_request="5", comment="true")
    assert done.code == 1
    (warning,) = done.commands
    assert warning.startswith("::warning title=qconv made no comment::")
    assert len(machine.calls("gh")) == 1


def test_a_long_report_is_cut_between_lines(machine: Machine) -> None:
    machine.has("qconv")
    out = machine.checkout / "qconv-out"
    out.mkdir()
    for name in ("a b", "c"):
        text = f"### {name}\n" + "ü line of the report\n" * 1900
        (out / f"{name}.report.md").write_text(text, encoding="utf-8")
    machine.action(pull_request="5", comment="true")
    body = body_of(machine.calls("gh")[-1])
    assert len(body) < 65_536
    assert "This is the beginning of the summary." in body.splitlines()[1]
    assert "### a b" in body
    assert set(body.splitlines()[4:]) <= {"### a b", "### c", "ü line of the report", ""}
