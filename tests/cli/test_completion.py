"""The shell completes commands, options and words."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.cli.cli_helpers import command


def asked(folder: Path, instruction: str, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "_QCONV_COMPLETE": instruction}
    environment |= {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    return subprocess.run(
        command([]), env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(folder: Path, shell: str) -> None:
    if shell == "bash" and not Path("/bin/bash").exists():
        pytest.fail("bash is needed: click asks it for its version")
    done = asked(folder, f"{shell}_source")
    assert done.returncode == 0, done.stderr
    assert f"_QCONV_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("qconv", "ca"), ["plain,calibrate"]),
        (("qconv", "convert", "--eff"), ["plain,--effort"]),
        (("qconv", "convert", "--effort", "b"), ["plain,balanced", "plain,best"]),
        (("qconv", "convert", "--dtype", "floa"), ["plain,float16", "plain,float32", "plain,float",
                                                  "plain,float8", "plain,float8e4m3fn",
                                                  "plain,float8e5m2"]),
        (("qconv", "convert", "--data", "da"), ["file,da"]),
        (("qconv", "convert", "--image-preset", "imagenet-tf"), ["plain,imagenet-tf",
                                                                "file,imagenet-tf"]),
    ],
)  # fmt: skip
def test_words_are_completed(folder: Path, words: tuple[str, ...], found: list[str]) -> None:
    done = asked(folder, "bash_complete", *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == found
