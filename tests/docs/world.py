"""The models and data that the pages of the documentation name, all tiny.

Images are four by four cells, each of one colour. A classifier tells the colour of most cells, a
detector finds the coloured ones, and a reader reads the first row. Sentences are words of one
small vocabulary, and sound is noise.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import wave
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from qconv.cli.main import run
from tests.docs.page_blocks import ROOT
from tests.model_helpers import parse, set_weight

Array = NDArray[Any]

CELLS, SIDE = 4, 8
COLOURS = np.array([[0, 0, 0], [0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9]], np.float32)
NAMES = ("black", "red", "green", "blue")
WORDS = ("a", "the", "red", "green", "blue", "cat", "dog", "house", "sees", "likes", "small")

STEM = """c = Conv<pads = [1, 1, 1, 1]>(image, w, b) r = Relu(c)
  p = AveragePool<kernel_shape = [8, 8], strides = [8, 8]>(r)"""
WEIGHTS = "float[16, 3, 3, 3] w, float[16] b"
FEATURES = f"(float[N, 3, 32, 32] image) => (float[N, 16, 4, 4] p) <{WEIGHTS}> {{ {STEM} }}"
CLASSIFIER = f"""(float[batch, 3, 32, 32] image) => (float[batch, 4] logits)
<{WEIGHTS}, float[128, 16, 1, 1] u, float[128, 128, 3, 3] t, float[128, 4] fw, float[4] fb>
{{ {STEM} v = Conv(p, u) s = Relu(v) x = Conv<pads = [1, 1, 1, 1]>(s, t) y = Relu(x)
  z = Add(y, s) g = GlobalAveragePool(z) f = Flatten(g) logits = Gemm(f, fw, fb) }}"""
NODES = {"v": "/body/Conv", "x": "/body/Conv_3", "logits": "/head/Gemm"}
"""Names of layers of the classifier, by their outputs."""
DETECTOR = f"""(float[batch, 3, 32, 32] image) => (float[batch, 7, 21] boxes)
<{WEIGHTS}, float[3, 16, 1, 1] h, float[3] hb, int64[3] shape = {{0, 3, 16}},
 int64[6] more = {{0, 0, 0, 0, 0, 5}}, float[1, 4, 21] places, float[1] zero = {{0}}>
{{ {STEM} l = Conv(p, h, hb) q = Reshape(l, shape) o = Sigmoid(q) scores = Pad(o, more)
  mean = ReduceMean<axes = [1], keepdims = 1>(scores) nothing = Mul(mean, zero)
  corners = Add(nothing, places) boxes = Concat<axis = 1>(corners, scores) }}"""
READER = f"""(float[batch, 3, 32, 32] image) => (float[batch, 4, 4] logits)
<{WEIGHTS}, float[4, 16, 1, 1] h, float[4] hb, int64[1] from = {{0}}, int64[1] to = {{1}},
 int64[1] axis = {{2}}, int64[3] shape = {{0, 4, 4}}>
{{ {STEM} t = Slice(p, from, to, axis) l = Conv(t, h, hb) q = Reshape(l, shape)
  logits = Transpose<perm = [0, 2, 1]>(q) }}"""
ENCODER = """(int64[batch, tokens] input_ids, int64[batch, tokens] attention_mask)
=> (float[batch, tokens, 32] last_hidden_state)
<float[20, 32] table, float[32, 128] a, float[128] ab, float[128, 32] c,
 int64[1] axis = {2}, float[32] one, float[32] none>
{ e = Gather(table, input_ids) m = Cast<to = 1>(attention_mask) u = Unsqueeze(m, axis)
  x = Mul(e, u) h = MatMul(x, a) i = Add(h, ab) r = Relu(i) o = MatMul(r, c) s = Add(o, x)
  last_hidden_state = LayerNormalization<axis = -1>(s, one, none) }"""
DECODER = """(int64[batch, tokens] input_ids, int64[batch, tokens] attention_mask)
=> (float[batch, tokens, 20] logits)
<float[20, 32] table, float[32, 128] a, float[128, 20] c, int64[1] axis = {2}>
{ e = Gather(table, input_ids) m = Cast<to = 1>(attention_mask) u = Unsqueeze(m, axis)
  x = Mul(e, u) h = MatMul(x, a) r = Relu(h) logits = MatMul(r, c) }"""
SPEECH = """(float[batch, 576] input, float[2, batch, 128] state, int64 sr)
=> (float[batch, 1] output, float[2, batch, 128] stateN)
<float[576, 128] a, float[1, 512, 128] w, float[1, 512, 128] r, float[128, 1] o,
 int64[2] halves = {1, 1}, int64[1] axis = {0}, float rate = {16000}>
{ f = Cast<to = 1>(sr) k = Div(f, rate) x = Mul(input, k) m = MatMul(x, a) n = Relu(m)
  s = Unsqueeze(n, axis) h, c = Split<axis = 0>(state, halves)
  all, hn, cn = LSTM<hidden_size = 128>(s, w, r, , , h, c)
  stateN = Concat<axis = 0>(hn, cn) d = Squeeze(hn, axis) e = MatMul(d, o) output = Sigmoid(e) }"""

DIGITS = "sample_models/digits_cnn"
VARIANTS = (
    "calibrate model.onnx --data cal/ -o model.qcal",
    "convert model.onnx --calibration model.qcal -o model.int8.onnx",
    "convert det.onnx --data cal/ -o det.int8.onnx",
    "convert ocr.onnx --data cal/ -o ocr.int8.onnx",
    "convert minilm.onnx --data sentences/ -o minilm.int8.onnx",
    "convert decoder.onnx --dtype int4 -o decoder.int4.onnx",
    "convert silero_vad.onnx --mode dynamic --assume sr=16000 -o vad.int8.onnx",
    f"calibrate {DIGITS}/model.onnx --data {DIGITS}/calibration.npz -o demo-out/digits.qcal",
    f"convert {DIGITS}/model.onnx --calibration demo-out/digits.qcal -o demo-out/digits.int8.onnx",
    "report model.onnx model.int8.onnx --data test.npz --json report.json",
)
"""Commands that make what pages begin with; ``demo-out/`` is as ``make demo`` leaves it."""


def make(folder: Path) -> None:
    """Write all models and data into a folder that exists."""
    random = np.random.default_rng(7)
    _save_readers_of_images(folder, random)
    _save_images(folder, random)
    _save_readers_of_texts(folder, random)
    _save_speech(folder, random)
    for name in ("sample_models", "examples"):
        shutil.copytree(ROOT / name, folder / name)
    for name, count in (("calibration", 64), ("test", 128)):
        path = folder / DIGITS / f"{name}.npz"
        with np.load(path) as arrays:
            fewer = {key: array[:count] for key, array in arrays.items()}
        np.savez(path, **fewer)
    shutil.copy(ROOT / "README.md", folder)
    _convert(folder)


def _convert(folder: Path) -> None:
    """Write the records, variants and reports that pages begin with."""
    with contextlib.chdir(folder):
        for path in ("demo-out", "main"):
            Path(path).mkdir()
        for line in VARIANTS:
            assert run([*line.split(), "-q"]) == 0, line
        shutil.copy("report.json", "main/report.json")


def _cells(random: np.random.Generator, count: int) -> Array:
    """Return the colours of the cells of images [count, 4, 4]; one colour is that of most."""
    cells = random.integers(0, 4, (count, CELLS, CELLS))
    main = np.arange(count)[:, None, None] % 4
    return np.where(random.random(cells.shape) < 0.6, main, cells)


def _pixels(random: np.random.Generator, cells: Array) -> Array:
    """Return images [N, 3, 32, 32], from -1 to 1."""
    wide = COLOURS[cells].repeat(SIDE, axis=1).repeat(SIDE, axis=2)
    noise = random.normal(0, 0.03, wide.shape)
    return (2 * np.clip(wide + noise, 0, 1) - 1).transpose(0, 3, 1, 2).astype(np.float32)


def _labels(cells: Array) -> Array:
    return np.array([np.bincount(each.ravel(), minlength=4).argmax() for each in cells])


def _save_readers_of_images(folder: Path, random: np.random.Generator) -> None:
    """Write models whose last layers are fitted to what the first ones give."""
    cells = _cells(random, 400)
    images = _pixels(random, cells)
    shared = parse(FEATURES)
    found = _run(shared, "p", image=images)
    rows = found.transpose(0, 2, 3, 1).reshape(-1, 16)
    scores = 8 * np.eye(4, dtype=np.float32)[cells.ravel()] - 4
    weight, bias = _fitted(rows, scores)
    detector, reader = parse(DETECTOR), parse(READER)
    set_weight(detector, "h", weight[1:, :, None, None])
    set_weight(detector, "hb", bias[1:])
    set_weight(detector, "places", _places())
    set_weight(reader, "h", weight[:, :, None, None])
    set_weight(reader, "hb", bias)
    for name, seed in (("model", 1), ("other", 2)):
        model = parse(CLASSIFIER, seed=seed)
        for stem in ("w", "b"):
            set_weight(model, stem, _array(shared, stem))
        before = onnx.ModelProto()
        before.CopyFrom(model)
        before.graph.output.append(onnx.helper.make_tensor_value_info("f", 1, None))
        fw, fb = _fitted(_run(before, "f", image=images), 20 * np.eye(4)[_labels(cells)] - 10)
        set_weight(model, "fw", fw.T)
        set_weight(model, "fb", fb)
        for node in model.graph.node:
            node.name = NODES.get(node.output[0], "")
        onnx.save(model, folder / f"{name}.onnx")
    for name, model in (("det", detector), ("ocr", reader)):
        for stem in ("w", "b"):
            set_weight(model, stem, _array(shared, stem))
        onnx.save(model, folder / f"{name}.onnx")


def _places() -> Array:
    """Return the boxes of the cells, as centre and size in pixels, and five of no size."""
    down, across = np.divmod(np.arange(CELLS * CELLS), CELLS)
    centres = np.stack([across, down]) * SIDE + SIDE / 2
    boxes = np.concatenate([centres, np.full((2, 16), SIDE)])
    return np.pad(boxes, ((0, 0), (0, 5)))[None].astype(np.float32)


def _fitted(rows: Array, wanted: Array) -> tuple[Array, Array]:
    """Return weight [outputs, inputs] and bias of the layer with the least squared error."""
    inputs = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
    solution = np.linalg.lstsq(inputs, wanted, rcond=1e-3)[0].astype(np.float32)
    return solution[:-1].T.copy(), solution[-1].copy()


def _run(model: onnx.ModelProto, output: str, **feeds: Array) -> Array:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run([output], feeds)[0])


def _array(model: onnx.ModelProto, name: str) -> Array:
    (tensor,) = [each for each in model.graph.initializer if each.name == name]
    return onnx.numpy_helper.to_array(tensor)


def _save_images(folder: Path, random: np.random.Generator) -> None:
    """Write the same kind of images as files, and as arrays."""
    config = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 32, "width": 32},
        "resample": 2,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    for name, count in (("images", 40), ("photos", 8), ("val", 40)):
        cells = _cells(random, count)
        for index, (image, label) in enumerate(
            zip(_pixels(random, cells), _labels(cells), strict=True)
        ):
            place = folder / name / (NAMES[label] if name == "val" else "")
            place.mkdir(parents=True, exist_ok=True)
            pixels = (127.5 * (image.transpose(1, 2, 0) + 1)).round().astype(np.uint8)
            Image.fromarray(pixels).save(place / f"{index:03}.png")
    for name in ("calibration", "test"):
        cells = _cells(random, 48)
        images, labels = _pixels(random, cells), _labels(cells)
        np.savez(folder / f"{name}.npz", image=images, labels=labels)
        (folder / name).mkdir()
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            np.savez(folder / name / f"{index}.npz", image=image[None], labels=label)
    (folder / "cal").symlink_to("calibration")
    for name in ("cal", "more"):
        shutil.copy(folder / "calibration.npz", folder / f"{name}.npz")


def _save_readers_of_texts(folder: Path, random: np.random.Generator) -> None:
    for name, text in (("minilm", ENCODER), ("decoder", DECODER)):
        model = parse(text)
        if name == "minilm":
            set_weight(model, "one", np.ones(32, np.float32))
            set_weight(model, "none", np.zeros(32, np.float32))
        onnx.save(model, folder / f"{name}.onnx")
    vocabulary = {word: index for index, word in enumerate(["[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, count in (("sentences", 48), ("texts", 48), ("test", 40), ("corpus", 240)):
        lines = [" ".join(random.choice(WORDS, random.integers(4, 12))) for _ in range(count)]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    (folder / "sentences").mkdir()
    for index, line in enumerate(lines[:32]):
        ids = np.array([tokenizer.encode(line).ids])
        np.savez(folder / f"sentences/{index}.npz", input_ids=ids, attention_mask=np.ones_like(ids))


def _save_speech(folder: Path, random: np.random.Generator) -> None:
    onnx.save(parse(SPEECH), folder / "silero_vad.onnx")
    with wave.open(str(folder / "speech.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        loud = np.repeat(random.random(40), 512)
        file.writeframes((8000 * loud * random.normal(size=len(loud))).astype(np.int16).tobytes())
    np.savez(
        folder / "windows.npz",
        input=random.normal(size=(40, 576)).astype(np.float32),
        state=np.zeros((40, 2, 1, 128), np.float32),
    )
