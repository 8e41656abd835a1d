"""Write the EfficientNet-Lite0 protocol's data: calibration.npz, test.npz, all.npz and others.

python -m benchmarks.efficientnet_data FOLDER OUT

FOLDER holds images/ and labels.csv (file, label). Each image is cut to its centre 224 x 224 and
becomes (pixel - 127) / 128, RGB, [3, 224, 224]. Every fifth image calibrates, the others test. Of
these, every fourth is also in alternative.npz, another set to calibrate on, and the rest in
remaining.npz.
"""

import sys
from pathlib import Path

import numpy as np

from qconv.data import ImageOptions, TensorSpec, open_data

_INPUT = TensorSpec("images", np.dtype(np.float32), ("batch", 3, 224, 224))


def write(folder: Path, out: Path) -> None:
    options = ImageOptions(crop=224, mean=127.0, std=128.0, labels=folder / "labels.csv")
    samples = list(open_data([str(folder / "images")], [_INPUT], images=options))
    images = np.concatenate([np.asarray(sample.feeds["images"]) for sample in samples])
    labels = np.array([sample.label for sample in samples])
    calibrates = np.arange(len(samples)) % 5 == 0
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / "calibration.npz", images=images[calibrates], labels=labels[calibrates])
    np.savez(out / "test.npz", images=images[~calibrates], labels=labels[~calibrates])
    np.savez(out / "all.npz", images=images, labels=labels)
    tested = np.flatnonzero(~calibrates)
    for name, chosen in (
        ("alternative", tested[::4]),
        ("remaining", np.delete(tested, np.s_[::4])),
    ):
        np.savez(out / f"{name}.npz", images=images[chosen], labels=labels[chosen])


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
