"""Write a model with random weights by one of PyTorch's exporters, and samples for it.

python -m benchmarks.exporters.make_torch NAME dynamo|torchscript OUTPUT.onnx

It runs in an environment of its own, with torch, torchvision and onnxscript, and without qconv. The
samples lie beside the model, in OUTPUT.npz.
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.exporters.sizes import DECODERS, DecoderSize

SAMPLES = 4
TOKENS = 16
PIXELS = 224


class RMSNorm(nn.Module):  # type: ignore[misc]
    """The norm of decoders, for which the TorchScript exporter has no rule of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Scale each vector to a mean square of one."""
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.weight


class Block(nn.Module):  # type: ignore[misc]
    """Causal attention and a gated feed-forward net, each behind RMSNorm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // 64
        self.input_layernorm, self.post_layernorm = RMSNorm(width), RMSNorm(width)
        self.qkv, self.o = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)
        hidden = width * 11 // 4
        self.gate, self.up = (nn.Linear(width, hidden, bias=False) for _ in range(2))
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``[N, L, width]`` to the same shape."""
        batch, length, width = x.shape
        qkv = self.qkv(self.input_layernorm(x)).view(batch, length, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(attended.transpose(1, 2).reshape(batch, length, width))
        y = self.post_layernorm(x)
        return x + self.down(nn.functional.silu(self.gate(y)) * self.up(y))


class Decoder(nn.Module):  # type: ignore[misc]
    """Tokens to logits; the table of tokens is also the last product's weight."""

    def __init__(self, size: DecoderSize) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(size.vocabulary, size.width)
        self.layers = nn.ModuleList(Block(size.width) for _ in range(size.layers))
        self.norm = RMSNorm(size.width)
        self.lm_head = nn.Linear(size.width, size.vocabulary, bias=False)
        self.lm_head.weight = self.embed_tokens.weight
        nn.init.normal_(self.embed_tokens.weight, std=1 / math.sqrt(size.width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens ``[N, L]`` to logits ``[N, L, vocabulary]``."""
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x)
        logits: Tensor = self.lm_head(self.norm(x))
        return logits


class Detector(nn.Module):  # type: ignore[misc]
    """A detector of torchvision for one image ``[1, 3, H, W]``: boxes, scores and labels."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Find what is in an image."""
        found = self.detector(list(image))[0]
        return found["boxes"], found["scores"], found["labels"]


def _batched_nms(boxes: Tensor, scores: Tensor, labels: Tensor, overlap: float) -> Tensor:
    """Boxes of one label suppress each other; torchvision's own asks how many boxes there are."""
    apart = labels.to(boxes) * (boxes.max() + 1)
    return torchvision.ops.nms(boxes + apart[:, None], scores, overlap)


def _ssdlite() -> nn.Module:
    torchvision.ops.boxes.batched_nms = _batched_nms
    build = torchvision.models.detection.ssdlite320_mobilenet_v3_large
    return Detector(build(weights=None, weights_backbone=None))


def _shape(name: str) -> tuple[int, ...]:
    if name == "r3d_18":
        return (3, 8, 112, 112)
    side = 320 if name == "ssdlite" else PIXELS
    return (3, side, side)


def _settle(model: nn.Module, x: Tensor) -> None:
    """Give each normalization the statistics of the samples, and numbers to weights of zero."""
    for weight in model.parameters():
        if weight.ndim > 1 and not weight.any():
            nn.init.normal_(weight, std=0.02)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None
    model.train()
    with torch.no_grad():
        model.get_submodule("detector.backbone")(x) if hasattr(model, "detector") else model(x)
    model.eval()


def main(name: str, exporter: str, output: Path) -> None:
    torch.manual_seed(0)
    torch.backends.mha.set_fastpath_enabled(False)  # TorchScript has no rule for fused attention
    random = np.random.default_rng(0)
    model: nn.Module
    samples: NDArray[np.generic]
    if name in DECODERS:
        size = DECODERS[name]
        model = Decoder(size).eval()
        port, samples = "tokens", random.integers(0, size.vocabulary, (SAMPLES, TOKENS))
    else:
        model = _ssdlite() if name == "ssdlite" else torchvision.models.get_model(name)
        port, samples = "image", random.random((SAMPLES, *_shape(name)), np.float32)
        _settle(model, torch.from_numpy(samples))
    np.savez(output.with_suffix(".npz"), allow_pickle=False, **{port: samples})
    example = torch.from_numpy(samples[:1])
    with torch.no_grad():
        torch.onnx.export(
            model, (example,), str(output), dynamo=exporter == "dynamo", input_names=[port]
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
