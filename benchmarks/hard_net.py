"""What equalization gives back of a net whose channels were scaled apart on purpose.

python -m benchmarks.hard_net MODEL CALIBRATION TEST [--decades 3] [--equalize off auto]

CALIBRATION and TEST are what ``--data`` takes, see docs/data.md. Each channel of each group of
values that may be scaled gets a factor drawn from that many decades, evenly on a logarithmic scale.
The float model computes the same; the table compares conversions of both.
"""

import argparse
import tempfile
from itertools import product
from pathlib import Path
from typing import Literal, get_args

import numpy as np

import qconv
from qconv import Int8Settings
from qconv.graph.model_io import load_model
from qconv.graph.prepare import prepare
from qconv.graph.saving import save_model
from qconv.pipeline.arguments import Data
from qconv.placement.groups import find_groups
from qconv.recipe.settings import Equalize
from qconv.recipe.sources import Storage
from qconv.reporting.catalog import metric_values
from qconv.rewrite.channels import divide_group
from qconv.runtime.unchanged import compute_the_same

_GRANULARITIES: tuple[Literal["channel", "tensor"], ...] = ("channel", "tensor")
_METRICS = ("sqnr_db", "agreement", "top1_drop")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("calibration")
    parser.add_argument("test")
    parser.add_argument("--decades", type=float, default=3)
    parser.add_argument(
        "--equalize", nargs="+", choices=get_args(Equalize), default=["off", "auto"]
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        hard = Path(folder) / "hard.onnx"
        groups = make_hard(arguments.model, hard, arguments.decades)
        print(f"{groups} groups of values scaled over {arguments.decades:g} decades", flush=True)
        print("| net | weights per | equalize | SQNR dB | agreement % | top-1 drop |")
        print("| --- | --- | --- | ---: | ---: | ---: |")
        for model, granularity in product((arguments.model, hard), _GRANULARITIES):
            settings = {
                choice: Int8Settings(granularity=granularity, equalize=choice)
                for choice in arguments.equalize
            }
            found = convert_and_measure(
                model, arguments.model, [arguments.calibration], [arguments.test], settings
            )
            for choice, values in found.items():
                shown = " | ".join(f"{values[name]:.2f}" for name in _METRICS if name in values)
                name = "hard" if model is hard else "original"
                print(f"| {name} | {granularity} | {choice} | {shown} |", flush=True)


def make_hard(model: Path, output: Path, decades: float, seed: int = 0) -> int:
    """Write a model that computes the same with its channels scaled apart; return how many groups.

    Raises:
        ValueError: its outputs did not stay the same.
    """
    loaded = load_model(model)
    prepared = prepare(loaded.ir)
    groups = find_groups(prepared)
    nodes = {str(node.name): node for node in prepared.graph}
    random = np.random.default_rng(seed)

    def scale() -> None:
        for group in groups:
            exponents = random.uniform(-decades / 2, decades / 2, group.channels)
            divide_group(group, nodes, 10**exponents)

    if not compute_the_same(prepared, scale, {}):
        raise ValueError(f"{model}: scaling its channels changed its outputs")
    save_model(prepared, output, Storage("never"))
    return len(groups)


def convert_and_measure(
    model: Path,
    reference: Path,
    calibration: Data,
    test: Data,
    settings: dict[str, Int8Settings],
) -> dict[str, dict[str, float]]:
    """Convert a model, and compare each file with the float model on the test data."""
    record = qconv.calibrate(model, data=calibration, statistics="full")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{name}.onnx" for name in settings]
        for path, chosen in zip(files, settings.values(), strict=True):
            qconv.convert(model, path, calibration=record, settings=chosen)
        report = qconv.report(reference, files, data=test, latency=False)
        return {
            name: metric_values(report, variant)
            for name, variant in zip(settings, report.variants, strict=True)
        }


if __name__ == "__main__":
    main()
