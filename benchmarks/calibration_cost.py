"""What calibrate costs beside plain inference over the same file, as whole processes.

python -m benchmarks.calibration_cost MODEL DATA.npz [--rounds 5]

Prints the median of the ratios of each round, in which all commands run one after the other so
that the machine's drift hits them alike; and calibrate's peak memory for all samples and for a
fifth of them.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.processes import Cost, measure

_PLAIN = str(Path(__file__).with_name("plain_inference.py"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    model, data = arguments.model, arguments.data
    with tempfile.TemporaryDirectory() as folder:
        calibrate = ["-m", "qconv", "calibrate", model, "--data", data, "-q", "--force"]
        calibrate += ["-o", str(Path(folder) / "model.qcal")]
        commands = {
            "plain inference": [_PLAIN, model, data],
            "calibrate --statistics ranges": [*calibrate, "--statistics", "ranges"],
            "calibrate --statistics histogram": [*calibrate, "--statistics", "histogram"],
            "calibrate": calibrate,
            "calibrate --samples 100": [*calibrate, "--samples", "100"],
        }
        rounds: dict[str, list[Cost]] = {name: [] for name in commands}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                rounds[name].append(measure(command))
    plain = rounds["plain inference"]
    print(f"{'command':34} {'wall s':>8} {'x plain':>8} {'cpu s':>8} {'x plain':>8} {'peak MB':>8}")
    for name, costs in rounds.items():
        wall = median(a.wall / b.wall for a, b in zip(costs, plain, strict=True))
        cpu = median(a.cpu / b.cpu for a, b in zip(costs, plain, strict=True))
        print(
            f"{name:34} {median(c.wall for c in costs):8.2f} {wall:8.2f} "
            f"{median(c.cpu for c in costs):8.2f} {cpu:8.2f} "
            f"{median(c.memory for c in costs):8.0f}"
        )


if __name__ == "__main__":
    main()
