"""Write a Llama with random weights by onnxruntime-genai's model builder, and samples for it.

python -m benchmarks.exporters.make_builder NAME builder OUTPUT.onnx

It runs in an environment of its own, with torch, transformers and onnxruntime-genai, and without
qconv. The samples, in OUTPUT.npz, read 16 tokens behind a cache of 4.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from benchmarks.exporters.sizes import DECODERS, DecoderSize

SAMPLES, TOKENS, CACHED, HEAD = 4, 16, 4, 64


def _save_llama(size: DecoderSize, folder: Path) -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=size.vocabulary,
        hidden_size=size.width,
        intermediate_size=size.width * 11 // 4,
        num_hidden_layers=size.layers,
        num_attention_heads=size.width // HEAD,
        max_position_embeddings=512,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    words = Tokenizer(WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>"))
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(folder)


def _samples(model: onnx.ModelProto, size: DecoderSize) -> dict[str, NDArray[np.generic]]:
    random = np.random.default_rng(0)
    shape = (SAMPLES, size.width // HEAD, CACHED, HEAD)
    samples: dict[str, NDArray[np.generic]] = {}
    for port in model.graph.input:
        if port.name == "input_ids":
            samples[port.name] = random.integers(0, size.vocabulary, (SAMPLES, TOKENS))
        elif port.name == "attention_mask":
            samples[port.name] = np.ones((SAMPLES, CACHED + TOKENS), np.int64)
        elif port.name == "position_ids":
            positions = np.arange(CACHED, CACHED + TOKENS)
            samples[port.name] = np.broadcast_to(positions, (SAMPLES, TOKENS))
        else:
            samples[port.name] = random.standard_normal(shape).astype(np.float32)
    return samples


def main(name: str, output: Path) -> None:
    size = DECODERS[name]
    with tempfile.TemporaryDirectory(dir=output.parent) as temporary:
        llama, built = Path(temporary) / "llama", Path(temporary) / "built"
        _save_llama(size, llama)
        command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-m", str(llama),
                   "-i", str(llama), "-o", str(built), "-p", "fp32", "-e", "cpu",
                   "-c", str(built / "cache")]  # fmt: skip
        subprocess.run(command, check=True)
        model = onnx.load(built / "model.onnx", load_external_data=False)
        np.savez(output.with_suffix(".npz"), allow_pickle=False, **_samples(model, size))
        data = f"{output.name}.data"
        (built / "model.onnx.data").rename(output.with_name(data))
        for tensor in model.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = data
        onnx.save(model, output)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[3]))
