from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from qconv.data import Source, open_data
from qconv.errors import DataError
from tests.data.data_helpers import drain, refusal, spec

INPUTS = [spec("x", ("n", 2))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def script(text: str, name: str = "calib.py") -> None:
    Path(name).write_text("import numpy as np\n" + dedent(text), encoding="utf-8")


def opened(spec_text: str = "calib.py:feeds", samples: int | None = None) -> Source:
    return open_data([spec_text], INPUTS, samples=samples)


def refused(spec_text: str = "calib.py:feeds") -> tuple[str, str | None]:
    return refusal(DataError, lambda: drain(opened(spec_text)))


@pytest.mark.usefixtures("folder")
class TestFeeds:
    def test_a_generator_is_run_anew_for_each_pass(self) -> None:
        script(
            """
            def feeds():
                for i in range(4):
                    yield {"x": np.full((1, 2), i, np.float32)}
            """
        )
        source = opened()
        assert len(source) == 4
        for _ in range(2):
            samples = drain(source)
            assert [sample.feeds["x"][0, 0] for sample in samples] == [0, 1, 2, 3]
            assert samples[3].origin == "calib.py:feeds[3]"
            assert samples[3].label is None

    def test_labels_come_in_pairs(self) -> None:
        script(
            """
            def feeds():
                yield {"x": [[0.5, 1]]}, 7
                yield {"x": [[0.5, 1]]}, np.array([8])
                yield {"x": [[0.5, 1]]}, None
            """
        )
        samples = drain(opened())
        assert [sample.label for sample in samples] == [7, 8, None]
        assert samples[0].feeds["x"].dtype == np.float32

    def test_buffers_may_be_reused(self) -> None:
        script(
            """
            def feeds():
                buffer = np.zeros((1, 2), np.float32)
                for i in range(3):
                    buffer[...] = i
                    yield {"x": buffer}
            """
        )
        assert [sample.feeds["x"][0, 0] for sample in drain(opened())] == [0, 1, 2]

    def test_what_has_an_index_is_asked_for_the_chosen_samples_only(self) -> None:
        script(
            """
            class Data:
                def __len__(self):
                    return 10
                def __getitem__(self, index):
                    assert index in (0, 5)
                    return {"x": np.full((1, 2), index, np.float32)}
            def feeds():
                return Data()
            """
        )
        samples = drain(opened(samples=2))
        assert [sample.origin for sample in samples] == ["calib.py:feeds[0]", "calib.py:feeds[5]"]

    def test_what_has_a_length_is_not_counted(self) -> None:
        script(
            """
            passes = []
            class Loader:
                def __len__(self):
                    return 3
                def __iter__(self):
                    for i in range(3):
                        passes.append(i)
                        yield {"x": np.zeros((1, 2), np.float32)}
            def feeds():
                return Loader()
            """
        )
        assert len(opened()) == 3
        assert sys.modules["qconv_user_calib"].passes == [0]

    def test_a_generator_is_thinned_out_evenly(self) -> None:
        script(
            """
            def feeds():
                for i in range(10):
                    yield {"x": np.full((1, 2), i, np.float32)}
            """
        )
        samples = drain(opened(samples=4))
        assert [sample.feeds["x"][0, 0] for sample in samples] == [0, 2, 5, 7]

    def test_modules_beside_the_script_are_found(self) -> None:
        script("SIZE = 2", "neighbour.py")
        script(
            """
            import neighbour
            def feeds():
                yield {"x": np.zeros((1, neighbour.SIZE), np.float32)}
            """
        )
        assert len(opened()) == 1

    def test_a_module_of_the_working_directory(self) -> None:
        Path("package").mkdir()
        script("def feeds():\n    return [{'x': np.zeros((1, 2))}]", "package/data.py")
        (sample,) = opened("package.data:feeds")
        assert sample.origin == "package.data:feeds[0]"


@pytest.mark.usefixtures("folder")
class TestRefusals:
    def test_missing_script(self) -> None:
        assert refused("nowhere.py:feeds")[0] == "nowhere.py:feeds: there is no file nowhere.py"

    def test_missing_module(self) -> None:
        assert refused("nowhere.data:feeds") == (
            "nowhere.data:feeds: there is no module 'nowhere'",
            "run in the folder that holds it, or name the file: script.py:function",
        )

    def test_missing_function_offers_the_nearest(self) -> None:
        script("def feeds(): pass")
        assert refused("calib.py:feed") == (
            "calib.py:feed: calib.py has no function 'feed'",
            "did you mean 'feeds'?",
        )

    def test_not_a_function(self) -> None:
        script("feeds = 3")
        assert refused()[0] == "calib.py:feeds: 'feeds' is not a function but int"

    def test_arguments_without_defaults(self) -> None:
        script("def feeds(path): pass")
        assert refused() == (
            "calib.py:feeds: 'feeds' cannot be called without arguments: "
            "missing a required argument: 'path'",
            "give the arguments default values; only 'run', which runs the model, is given",
        )

    def test_an_error_in_the_function_carries_its_line(self) -> None:
        script(
            """
            def feeds():
                yield {"x": np.zeros((1, 2), np.float32)}
                raise ValueError("no such column")
            """
        )
        assert refused()[0] == "calib.py:feeds: ValueError: no such column (calib.py, line 5)"

    def test_an_error_below_the_function_carries_the_scripts_line(self) -> None:
        script("def feeds():\n    return [{'x': np.zeros((1, 2)).reshape(5)}]")
        message, _ = refused()
        assert message.startswith("calib.py:feeds: ValueError: cannot reshape array")
        assert message.endswith(" (calib.py, line 3)")

    def test_an_error_on_import_carries_its_line(self) -> None:
        script("import nonsense_module")
        assert refused()[0] == (
            "calib.py:feeds: ModuleNotFoundError: No module named 'nonsense_module' "
            "(calib.py, line 2)"
        )

    def test_leaving_the_program_is_an_error(self) -> None:
        script("raise SystemExit(0)")
        assert refused()[0] == "calib.py:feeds: SystemExit: 0 (calib.py, line 2)"

    def test_a_syntax_error_says_where(self) -> None:
        script("def feeds(:")
        message, _ = refused()
        assert message.startswith("calib.py:feeds: SyntaxError: ")
        assert "line 2" in message

    @pytest.mark.parametrize(
        ("value", "kind"), [("{'x': 1}", "dict"), ("None", "NoneType"), ("'text'", "str")]
    )
    def test_a_result_that_is_no_sequence_of_feeds(self, value: str, kind: str) -> None:
        script(f"def feeds(): return {value}")
        assert refused() == (
            f"calib.py:feeds: returned {kind}; expected an iterable of dicts (name -> array), "
            "or of pairs (dict, label)",
            "yield each feed, or return them in a list",
        )

    def test_a_feed_that_is_no_dict(self) -> None:
        script("def feeds(): return [np.zeros((1, 2))]")
        assert refused()[0] == (
            "calib.py:feeds[0]: is ndarray; expected a dict (name -> array), "
            "or a pair (dict, label)"
        )

    def test_a_label_that_is_no_number(self) -> None:
        script("def feeds(): return [({'x': np.zeros((1, 2))}, 'cat')]")
        assert refused()[0] == "calib.py:feeds[0]: the label is str; expected a whole number"

    def test_nothing_at_all(self) -> None:
        script("def feeds(): return []")
        assert refused()[0] == "calib.py:feeds: yields no feeds"

    def test_feeds_that_do_not_fit(self) -> None:
        script("def feeds(): return [{'y': np.zeros((1, 2))}]")
        assert refused()[0] == (
            "calib.py:feeds[0]: no array for the model's input 'x'; found 'y'; expected 'x'"
        )

    def test_ragged_lists(self) -> None:
        script("def feeds(): return [{'x': [[1.0], [1.0, 2.0]]}]")
        message, _ = refused()
        assert message.startswith("calib.py:feeds[0]: 'x' is not an array: ")

    def test_a_generator_that_ends_early_on_the_second_pass(self) -> None:
        script(
            """
            passes = []
            def feeds():
                passes.append(1)
                for i in range(4 - len(passes)):
                    yield {"x": np.zeros((1, 2), np.float32)}
            """
        )
        assert refused() == (
            "calib.py:feeds: ended before feed 2, but gave 3 feeds when first called",
            "the function must give the same feeds each time it is called",
        )
