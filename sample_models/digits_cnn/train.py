"""Train the sample digit classifier and write ``model.onnx`` and its data beside this file.

Data: "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (UCI Machine
Learning Repository, CC BY 4.0, https://doi.org/10.24432/C50P49), in the copy of 1,797 images
that scikit-learn carries. Nothing is downloaded.

    pip install torch==2.13.0 onnx==1.23.2 onnxruntime==1.31.1 scikit-learn==1.9.1
    python train.py

Takes about a minute on one CPU core.
"""

# mypy: allow-subclassing-any, allow-untyped-calls

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn

HERE = Path(__file__).parent
SEED = 0
EPOCHS = 40
BATCH = 64
LEARNING_RATE = 3e-3
TEST_SIZE = 450
CALIBRATION_SIZE = 128


def conv_bn(inputs: int, outputs: int, size: int, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """Two 3x3 convolutions with a skip connection around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_bn(channels, channels, 3)
        self.second = conv_bn(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``relu(x + f(x))``."""
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class DigitsCNN(nn.Module):
    """A small residual network with a depthwise-separable last stage."""

    def __init__(self, width: int = 96, features: int = 128) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(1, 32, 3),
            nn.ReLU(),
            conv_bn(32, width, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            Residual(width),
            conv_bn(width, width, 3, groups=width),  # depthwise
            nn.ReLU(),
            conv_bn(width, features, 1),  # pointwise
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(features, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Map images [batch, 1, 8, 8] to logits [batch, 10]."""
        logits: Tensor = self.head(self.body(image))
        return logits


def load_data() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    digits = load_digits()
    images = (digits.images / 16.0).astype(np.float32)[:, None]  # 0..16 to 0..1
    return images, digits.target.astype(np.int64)


def shifted(images: Tensor) -> Tensor:
    """Move the whole batch by at most one pixel each way: a little augmentation."""
    down, right = (int(step) for step in torch.randint(-1, 2, (2,)))
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    return padded[:, :, 1 - down : 9 - down, 1 - right : 9 - right]


def fit(model: nn.Module, images: Tensor, labels: Tensor) -> None:
    steps = EPOCHS * (len(images) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    model.train()
    for epoch in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(BATCH):
            if len(batch) < BATCH:
                continue
            optimizer.zero_grad()
            logits = model(shifted(images[batch]))
            loss = nn.functional.cross_entropy(logits, labels[batch], label_smoothing=0.05)
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}/{EPOCHS}  loss {loss.item():.4f}")
    model.eval()


def export(model: nn.Module, path: Path) -> None:
    """Write the ONNX file, with BatchNormalization kept apart from Conv.

    ``PRESERVE`` makes the exporter keep the model's eval mode but skip its own folding of
    BatchNormalization into Conv, so that the file shows what a converter meets in practice.
    """
    torch.onnx.export(
        model,
        (torch.zeros(1, 1, 8, 8),),
        str(path),
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        opset_version=17,
        training=torch.onnx.TrainingMode.PRESERVE,
        dynamo=False,
    )
    onnx.checker.check_model(str(path), full_check=True)


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    images, labels = load_data()
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=TEST_SIZE, stratify=labels, random_state=SEED
    )
    calib_x, _, calib_y, _ = train_test_split(
        train_x, train_y, train_size=CALIBRATION_SIZE, stratify=train_y, random_state=SEED
    )
    np.savez_compressed(HERE / "calibration.npz", image=calib_x, labels=calib_y)
    np.savez_compressed(HERE / "test.npz", image=test_x, labels=test_y)

    model = DigitsCNN()
    fit(model, torch.from_numpy(train_x), torch.from_numpy(train_y))
    export(model, HERE / "model.onnx")

    session = ort.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": test_x})
    with torch.no_grad():
        difference = np.abs(model(torch.from_numpy(test_x)).numpy() - logits).max()
    correct = int((logits.argmax(axis=1) == test_y).sum())
    print(f"largest difference between torch and onnxruntime: {difference:.2e}")
    print(f"test accuracy: {correct}/{len(test_y)} = {correct / len(test_y):.2%}")


if __name__ == "__main__":
    main()
