"""A small net to search, with its data and a metric."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from qconv.conversions.workbench import Form, Forms, Workbench
from tests.cli.cli_helpers import save_text
from tests.model_helpers import set_weight

NET = """(float[N, 3, 8, 8] x) => (float[N, 6, 4, 4] y)
<float[64, 3, 3, 3] w, float[64, 64, 1, 1] u, float[6, 64, 3, 3] v>
{ a = Conv<pads = [1, 1, 1, 1]>(x, w) r = Relu(a) b = Conv(r, u) s = Relu(b)
  y = Conv<strides = [2, 2], pads = [1, 1, 1, 1]>(s, v) }"""
DEEP = """(float[N, 3, 12, 12] x) => (float[N, 5] y)
<float[16, 3, 3, 3] a, float[16] b, float[16, 1, 3, 3] c, float[16] d, float[8, 16, 1, 1] e,
 float[8, 8, 3, 3] f, float[8, 5] m, float[5] n>
{ k = Conv<pads = [1, 1, 1, 1]>(x, a, b) r = Relu(k)
  l = Conv<pads = [1, 1, 1, 1], group = 16>(r, c, d) o = Relu(l) p = Conv(o, e)
  q = Conv<pads = [1, 1, 1, 1]>(p, f) s = Add(p, q) g = GlobalAveragePool(s) h = Flatten(g)
  y = Gemm(h, m, n) }"""
METRIC = """
def close(outputs, sample, reference):
    wanted, found = reference["y"], outputs["y"]
    return 100.0 if abs(wanted - found).max() < 0.05 * abs(wanted).max() else 0.0
"""


def save_net(folder: Path) -> Path:
    """A net whose first layer loses most in 8 bits: rare large inputs take up its levels."""
    save_text(NET, folder / "net.onnx")
    model = onnx.load(folder / "net.onnx")
    random = np.random.default_rng(0)
    set_weight(model, "w", random.normal(size=(64, 3, 3, 3)).astype(np.float32))
    onnx.save(model, folder / "net.onnx")
    images = random.standard_normal((24, 3, 8, 8)).astype(np.float32)
    images[:, 0, 0, 0] = 100
    np.savez(folder / "cal.npz", x=images)
    np.savez(folder / "test.npz", x=images[:4])
    (folder / "metrics.py").write_text(METRIC)
    return folder


def save_deep_net(folder: Path) -> None:
    """A net in which rounding in sequence loses less, and its data."""
    save_text(DEEP, folder / "net.onnx")
    images = np.random.default_rng(1).standard_normal((48, 3, 12, 12)).astype(np.float32)
    np.savez(folder / "cal.npz", x=images)


def fix_times(monkeypatch: pytest.MonkeyPatch, others: float = 9) -> None:
    """Let no test depend on how fast the machine is: of plans the layers in float decide.

    ``others`` is the time of files of other kinds, over that of the float model.
    """

    def slowness(_: Workbench, forms: Forms) -> float:
        return (1 + list(forms.values()).count(Form.FLOAT)) / 4

    monkeypatch.setattr(Workbench, "slowness", slowness)
    monkeypatch.setattr(Workbench, "slowness_of", lambda *_: others)
