"""What torchvision and transformers feed a model with: run by ``benchmarks.image_feeds``.

PYTHON benchmarks/image_references.py FOLDER

FOLDER holds ``images/CLASS/*``. Writes for each way ``NAME/feeds.npz`` with an array for each
image, and for each processor the ``preprocessor_config.json`` that it saves. Imports nothing of
qconv: PYTHON is one that has torch.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PROCESSORS: dict[str, dict[str, Any]] = {
    "ViT": {},
    "DeiT": {},
    "Beit": {},
    "Bit": {},
    "CLIP": {},
    "Siglip": {},
    "ConvNext": {"size": {"shortest_edge": 224}},
    "ConvNext large": {},
    "MobileNetV2": {},
    "MobileViT": {"size": {"shortest_edge": 288}},
    "Segformer": {},
    "Pvt": {},
}
"""Processors by their kind, with the settings that are not their defaults."""


def main() -> None:
    """Write what both libraries make of the images."""
    folder = Path(sys.argv[1])
    import transformers
    from torchvision import datasets, transforms

    found = datasets.ImageFolder(str(folder / "images"))
    labels = {str(Path(path).relative_to(folder)): label for path, label in found.samples}
    arrays: dict[str, Any] = {name: np.array(label) for name, label in labels.items()}
    np.savez(folder / "labels.npz", **arrays)
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    ways = {
        "torchvision": [transforms.Resize(256), transforms.CenterCrop(224)],
        "torchvision stretch": [transforms.Resize((224, 192))],
    }
    for name, steps in ways.items():
        whole = transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(mean, std)])
        _write(folder, name, {path: whole(_opened(folder, path)).numpy() for path in labels})
    for name, settings in PROCESSORS.items():
        kind = f"{name.split(' ')[0]}ImageProcessor"
        made = getattr(transformers, kind)(**settings)
        feeds = {}
        for path in labels:
            pixels = made(_opened(folder, path), return_tensors="np")["pixel_values"]
            feeds[path] = np.asarray(pixels[0])
        _write(folder, name, feeds)
        made.save_pretrained(str(folder / name))


def _opened(folder: Path, path: str) -> Image.Image:
    return Image.open(folder / path).convert("RGB")


def _write(folder: Path, name: str, feeds: dict[str, Any]) -> None:
    (folder / name).mkdir(exist_ok=True)
    np.savez(folder / name / "feeds.npz", **feeds)


if __name__ == "__main__":
    main()
