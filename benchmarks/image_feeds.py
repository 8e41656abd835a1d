"""How far images are from what torchvision and transformers feed.

python -m benchmarks.image_feeds --torch PYTHON [--images FOLDER]

PYTHON has torch, torchvision and transformers. FOLDER is one of folders of images by class;
without it some are drawn. Pixels are compared in steps of 1 / 255, after mean and std are undone:
0.00 is equal but for the order of float operations. transformers resizes tensors, which rounds some
pixels another way, and puts an odd centre half a pixel further up and left than torchvision.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.image_references import PROCESSORS
from qconv.data import IMAGE_PRESETS, ImageOptions, Source, TensorSpec, open_data
from qconv.recipe.preprocessor import NAME, read_preprocessor

_TORCH = IMAGE_PRESETS["imagenet-torch"]
_WAYS = {
    "torchvision": _TORCH,
    "torchvision stretch": ImageOptions(
        fit="stretch", size=(224, 192), mean=_TORCH.mean, std=_TORCH.std
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--torch", required=True, metavar="PYTHON")
    parser.add_argument("--images", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.images is None:
            _draw(folder / "images")
        else:
            (folder / "images").symlink_to(arguments.images.absolute())
        script = Path(__file__).with_name("image_references.py")
        subprocess.run([arguments.torch, "-P", str(script), str(folder)], check=True)
        labels = np.load(folder / "labels.npz")
        samples = list(_source(folder, ImageOptions(std=1, fit="stretch", size=8), (8, 8)))
        ours = {str(Path(each.origin).relative_to(folder)): each.label for each in samples}
        same = {path: int(labels[path]) for path in labels.files} == ours
        print(f"labels of {len(ours)} images by folder: {'equal' if same else 'NOT equal'}")
        print(f"{'way':22} {'height x width':>14} {'largest difference':>19} {'mean':>7}")
        for way in (*_WAYS, *PROCESSORS):
            _compare(folder, way)


def _compare(folder: Path, way: str) -> None:
    feeds = np.load(folder / way / "feeds.npz")
    options = _WAYS[way] if way in _WAYS else read_preprocessor(folder / way / NAME)
    height, width = feeds[feeds.files[0]].shape[1:]
    std = np.reshape(options.std if options.std is not None else 1.0, (-1, 1, 1))
    differences: list[np.ndarray] = []
    for sample in _source(folder, options, (height, width)):
        theirs = feeds[str(Path(sample.origin).relative_to(folder))]
        ours = np.asarray(sample.feeds["x"][0], np.float64)
        differences.append(np.abs(ours - theirs) * std)
    whole = np.concatenate([each.reshape(-1) for each in differences])
    print(f"{way:22} {height:>8} x {width:<5} {whole.max():15.2f} {whole.mean():11.3f}")


def _source(folder: Path, options: ImageOptions, size: tuple[int, int]) -> Source:
    spec = TensorSpec("x", np.dtype(np.float32), (1, 3, *size))
    return open_data([str(folder / "images")], [spec], images=options)


def _draw(folder: Path) -> None:
    random = np.random.default_rng(0)
    for number, (height, width) in enumerate(
        [(300, 400), (640, 480), (256, 256), (256, 500), (301, 400)]
    ):
        small = random.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
        home = folder / ("one" if number % 2 else "Two")
        home.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(home / f"{number}.png")


if __name__ == "__main__":
    main()
