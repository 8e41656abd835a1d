"""How large the models are that are made for their size."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class DecoderSize:
    """Tokens in the table, numbers of each token, and blocks of attention."""

    vocabulary: int
    width: int
    layers: int


DECODERS: Mapping[str, DecoderSize] = {
    "decoder-85MB": DecoderSize(16_000, 512, 4),
    "decoder-540MB": DecoderSize(32_000, 1024, 8),
    "decoder-2GB": DecoderSize(32_000, 2048, 9),
}
"""By a name that tells the size in float32."""

CHAINS: Mapping[str, tuple[float, int]] = {
    "chain-70MB": (70, 5),
    "chain-550MB": (550, 20),
    "chain-2GB": (2100, 30),
}
"""MB and products of :mod:`benchmarks.large_model`'s chains."""
