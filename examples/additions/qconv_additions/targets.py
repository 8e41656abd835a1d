"""A target: ``--target ort-cpu-signed``."""

from __future__ import annotations

from dataclasses import replace

from qconv.placement.targets.ort_cpu import ORT_CPU

ORT_CPU_SIGNED = replace(
    ORT_CPU,
    name="ort-cpu-signed",
    activations={"int8": ORT_CPU.activations["int8"], **ORT_CPU.activations},
)
"""ONNX Runtime's CPU provider with signed activations, where nothing else is asked for."""
