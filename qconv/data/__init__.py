"""Data for calibration and evaluation: what the user has, as feeds for a model."""

from qconv.data.batching import Batch, batches, check_batchable
from qconv.data.image_options import IMAGE_PRESETS, ImageOptions, image_preset
from qconv.data.loops import LoopData, Run, bind
from qconv.data.named import NamedData
from qconv.data.open import open_any, open_data
from qconv.data.source import Feeds, Sample, Source, TensorSpec

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
    "image_preset",
    "open_any",
    "open_data",
]
