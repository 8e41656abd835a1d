"""Data for calibration and evaluation: what the user has, as feeds for a model."""

from qconv.data.batching import Batch, batches, check_batchable
from qconv.data.loops import LoopData, Run, bind
from qconv.data.named import NamedData
from qconv.data.open import open_any, open_data
from qconv.data.source import Feeds, Sample, Source, TensorSpec
from qconv.recipe.images import IMAGE_PRESETS, ImageOptions

__all__ = [
    "IMAGE_PRESETS",
    "Batch",
    "Feeds",
    "ImageOptions",
    "LoopData",
    "NamedData",
    "Run",
    "Sample",
    "Source",
    "TensorSpec",
    "batches",
    "bind",
    "check_batchable",
    "open_any",
    "open_data",
]
