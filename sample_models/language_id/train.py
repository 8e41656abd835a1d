"""Train the sample language identifier and write ``model.onnx`` and its data beside this file.

A character-level transformer encoder reads one name (a country, a language, a currency, a unit,
a month) and says in which of eight languages it is written.

Data: the Unicode Common Locale Data Repository (CLDR), under the Unicode License v3 (a copy is
in ``LICENSE.unicode``), as the package Babel carries it. Nothing is downloaded.

    pip install torch==2.13.0 onnx==1.23.2 onnxruntime==1.31.1 babel==2.18.0
    python train.py

Takes some five minutes on one CPU core.
"""

# mypy: allow-subclassing-any, allow-untyped-calls

from __future__ import annotations

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime as ort
import torch
from babel import Locale
from babel.numbers import get_currency_name
from numpy.typing import NDArray
from torch import Tensor, nn

HERE = Path(__file__).parent
LANGUAGES = ("de", "en", "es", "fi", "fr", "it", "pl", "tr")
SECTIONS = (
    "currencies",
    "days",
    "languages",
    "meta_zones",
    "months",
    "scripts",
    "territories",
    "time_zones",
    "unit_display_names",
    "variants",
)
WIDTH, HEADS, LAYERS, DROPOUT = 96, 4, 2, 0.1
SEED = 0
EPOCHS = 25
BATCH = 64
LEARNING_RATE = 2e-3
MIN_LETTERS = 4
MAX_LENGTH = 40
MAX_DISTANCE = 8  # characters farther apart than this all count as this far
HELD_OUT = 0.1  # share of the CLDR keys kept away from training
TEST_PER_LANGUAGE = 64
CALIBRATION_PER_LANGUAGE = 8
HIDDEN = 0.05  # share of characters turned into <unk> while training
PAD, UNKNOWN = 0, 1

Ids = NDArray[np.int64]


class Name(NamedTuple):
    """One labelled string, and the CLDR key (say ``currencies/EUR``) that it names."""

    text: str
    language: int
    key: str


def texts_under(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield " ".join(node.split())
    elif isinstance(node, Mapping):
        for child in node.values():
            yield from texts_under(child)


def usable(text: str) -> bool:
    return sum(map(str.isalpha, text)) >= MIN_LETTERS and len(text) <= MAX_LENGTH


def cldr_texts(locale: Locale) -> Iterator[tuple[str, str]]:
    """Yield each CLDR key with every text that names it, currencies in the plural too."""
    for section in SECTIONS:
        for key, node in getattr(locale, section).items():
            for text in texts_under(node):
                yield f"{section}/{key}", text
    for code in map(str, locale.currencies):
        for count in (2, 5):
            yield f"currencies/{code}", get_currency_name(code, count, locale)


def load_names() -> list[Name]:
    """Read the names, without those that two languages share and without repetitions."""
    found: dict[str, Name] = {}
    spoken: defaultdict[str, set[int]] = defaultdict(set)
    for index, language in enumerate(LANGUAGES):
        for key, text in cldr_texts(Locale(language)):
            if usable(text):
                spoken[text.casefold()].add(index)
                found.setdefault(text.casefold(), Name(text, index, key))
    return [found[text] for text in sorted(found) if len(spoken[text]) == 1]


def split(names: Sequence[Name]) -> tuple[list[Name], list[Name]]:
    """Split by CLDR key, so that the forms and translations of one name stay together."""
    keys = sorted({name.key for name in names})
    held_out = set(random.Random(SEED).sample(keys, round(HELD_OUT * len(keys))))
    train = [name for name in names if name.key not in held_out]
    return train, [name for name in names if name.key in held_out]


def balanced(names: Sequence[Name], per_language: int) -> list[Name]:
    rng = random.Random(SEED)
    groups = ([n for n in names if n.language == index] for index in range(len(LANGUAGES)))
    return [name for group in groups for name in rng.sample(group, per_language)]


def build_vocabulary(names: Sequence[Name]) -> list[str]:
    counts = Counter(character for name in names for character in name.text)
    return ["<pad>", "<unk>", *sorted(c for c, count in counts.items() if count >= 5)]


def encode(names: Sequence[Name], vocabulary: Sequence[str], length: int) -> dict[str, Ids]:
    """Turn names into ``tokens`` and ``mask``, padded to ``length``, and ``labels``."""
    ids = {character: index for index, character in enumerate(vocabulary)}
    tokens = np.full((len(names), length), PAD, dtype=np.int64)
    for row, name in zip(tokens, names, strict=True):
        row[: len(name.text)] = [ids.get(character, UNKNOWN) for character in name.text]
    labels = np.array([name.language for name in names], dtype=np.int64)
    return {"tokens": tokens, "mask": (tokens != PAD).astype(np.int64), "labels": labels}


def save(path: Path, data: Mapping[str, Ids]) -> None:
    np.savez_compressed(path, tokens=data["tokens"], mask=data["mask"], labels=data["labels"])


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward network, each with a skip and a LayerNorm after it.

    Order comes from a learned score for each distance between two characters, per head. The
    scores start large: heads that look at one neighbour from the first step find letter groups
    much sooner.
    """

    def __init__(self) -> None:
        super().__init__()
        self.distance = nn.Embedding(2 * MAX_DISTANCE + 1, HEADS)
        nn.init.normal_(self.distance.weight, std=3.0)
        self.query, self.key, self.value, self.merge = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.expand = nn.Linear(WIDTH, 4 * WIDTH)
        self.contract = nn.Linear(4 * WIDTH, WIDTH)
        self.attention_norm = nn.LayerNorm(WIDTH)
        self.output_norm = nn.LayerNorm(WIDTH)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor, distances: Tensor, padding: Tensor) -> Tensor:
        """Map states [batch, length, width]; ``padding`` is very negative where none may look."""
        batch, length, _ = x.shape
        shape = (batch, length, HEADS, WIDTH // HEADS)
        query = self.query(x).view(shape).transpose(1, 2)
        key = self.key(x).view(shape).transpose(1, 2)
        value = self.value(x).view(shape).transpose(1, 2)
        scores = query @ key.transpose(2, 3) / math.sqrt(WIDTH // HEADS)
        scores = scores + self.distance(distances).permute(2, 0, 1) + padding
        context = (self.dropout(scores.softmax(dim=-1)) @ value).transpose(1, 2)
        attended = self.merge(context.reshape(batch, length, WIDTH))
        x = self.attention_norm(x + self.dropout(attended))
        fed = self.contract(nn.functional.gelu(self.expand(x)))
        normed: Tensor = self.output_norm(x + self.dropout(fed))
        return normed


class LanguageID(nn.Module):
    """An embedding, a stack of encoder layers, the mean over real characters, a linear layer."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.characters = nn.Embedding(characters, WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.dropout = nn.Dropout(DROPOUT)
        self.layers = nn.ModuleList(EncoderLayer() for _ in range(LAYERS))
        self.classifier = nn.Linear(WIDTH, len(LANGUAGES))
        places = torch.arange(MAX_LENGTH)
        distances = (places[None] - places[:, None]).clamp(-MAX_DISTANCE, MAX_DISTANCE)
        self.distances: Tensor
        self.register_buffer("distances", distances + MAX_DISTANCE, persistent=False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Map ``tokens`` and ``mask``, both [batch, length], to logits [batch, languages]."""
        real = mask.to(torch.float32)
        padding = (1.0 - real[:, None, None, :]) * torch.finfo(torch.float32).min
        length = tokens.shape[1]
        x = self.dropout(self.norm(self.characters(tokens)))
        for layer in self.layers:
            x = layer(x, self.distances[:length, :length], padding)
        weights = real[:, :, None]
        logits: Tensor = self.classifier((x * weights).sum(dim=1) / weights.sum(dim=1))
        return logits


def batches(lengths: Ids) -> list[Ids]:
    """Shuffle into batches of similar length, so that little is spent on padding."""
    pools = np.array_split(np.random.permutation(len(lengths)), 16)
    ordered = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    starts = np.random.permutation(np.arange(0, len(ordered), BATCH))
    return [ordered[start : start + BATCH] for start in starts]


def fit(model: nn.Module, data: Mapping[str, Ids]) -> None:
    lengths = data["mask"].sum(axis=1)
    tensors = {name: torch.from_numpy(array) for name, array in data.items()}
    steps = EPOCHS * math.ceil(len(lengths) / BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    model.train()
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in batches(lengths):
            longest = int(lengths[batch].max())
            tokens = tensors["tokens"][batch, :longest]
            hidden = (torch.rand(tokens.shape) < HIDDEN) & (tokens != PAD)
            tokens = tokens.masked_fill(hidden, UNKNOWN)  # so that <unk> is learned too
            optimizer.zero_grad()
            logits = model(tokens, tensors["mask"][batch, :longest])
            loss = nn.functional.cross_entropy(logits, tensors["labels"][batch])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        print(f"epoch {epoch + 1}/{EPOCHS}  loss {total / len(lengths):.4f}")
    model.eval()


def export(model: nn.Module, path: Path) -> None:
    example = torch.full((2, 12), UNKNOWN), torch.ones(2, 12, dtype=torch.int64)
    axes = {0: "batch", 1: "length"}
    torch.onnx.export(
        model,
        example,
        str(path),
        input_names=["tokens", "mask"],
        output_names=["logits"],
        dynamic_axes={"tokens": axes, "mask": axes, "logits": {0: "batch"}},
        opset_version=17,
        dynamo=False,
    )
    onnx.checker.check_model(str(path), full_check=True)


def write_calibration(names: Sequence[Name], vocabulary: Sequence[str], folder: Path) -> None:
    """Write one feed per file, padded as tokenizers often do, to a multiple of eight."""
    folder.mkdir(exist_ok=True)
    for index, name in enumerate(names):
        feed = encode([name], vocabulary, length=8 * math.ceil(len(name.text) / 8))
        save(folder / f"{index:03d}.npz", feed)


def main() -> None:
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)

    train, held_out = split(load_names())
    vocabulary = build_vocabulary(train)
    contents = {"languages": LANGUAGES, "characters": vocabulary}
    text = json.dumps(contents, ensure_ascii=False, indent=1)
    (HERE / "vocabulary.json").write_text(text + "\n", encoding="utf-8")
    write_calibration(balanced(train, CALIBRATION_PER_LANGUAGE), vocabulary, HERE / "calibration")
    test = encode(balanced(held_out, TEST_PER_LANGUAGE), vocabulary, MAX_LENGTH)
    save(HERE / "test.npz", test)
    print(f"{len(train)} names to train on, {len(held_out)} held out, {len(vocabulary)} characters")

    model = LanguageID(len(vocabulary))
    fit(model, encode(train, vocabulary, MAX_LENGTH))
    export(model, HERE / "model.onnx")

    session = ort.InferenceSession(HERE / "model.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {name: test[name] for name in ("tokens", "mask")})
    with torch.no_grad():
        expected = model(torch.from_numpy(test["tokens"]), torch.from_numpy(test["mask"]))
    correct = logits.argmax(axis=1) == test["labels"]
    print(f"largest difference from torch: {np.abs(expected.numpy() - logits).max():.2e}")
    for index, language in enumerate(LANGUAGES):
        print(f"{language}: {correct[test['labels'] == index].mean():.1%}")
    print(f"test accuracy: {correct.sum()}/{len(correct)} = {correct.mean():.2%}")


if __name__ == "__main__":
    main()
