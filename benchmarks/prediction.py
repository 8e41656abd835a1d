"""Whether what layers lose alone tells what plans lose: rank correlation over random plans.

python -m benchmarks.prediction MODEL DATA... [--plans 50] [--form float|int4]

Each layer alone is measured in another form than INT8; beside float also in INT8 with all others in
float. The errors of plans in which many layers have that form are predicted by adding these up in
power, as ``qconv tune`` does, and measured. Prints Spearman's rank correlation, over plans of all
sizes and over plans of half of the layers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from qconv.conversions.kinds import kind_of
from qconv.conversions.static import StaticInt8
from qconv.conversions.workbench import Form, Workbench
from qconv.pipeline.starting import start
from qconv.placement.targets.ort_cpu import ORT_CPU
from qconv.progress import no_progress
from qconv.recipe.settings import Int8Settings
from qconv.search.loss import power


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--plans", type=int, default=50)
    parser.add_argument("--form", choices=[form.value for form in Form], default="float")
    given = parser.parse_args()
    kind = kind_of(Int8Settings(), ORT_CPU)
    assert isinstance(kind, StaticInt8)
    started = start(
        *(given.model, kind, None),
        data=given.data,
        plan=None,
        assume=None,
        batch_size=1,
        progress=no_progress,
    )
    bench, form = Workbench(started.work, kind), Form(given.form)
    layers = np.array(bench.layers)
    usual = _loss(bench, [], form)
    alone = np.array([_loss(bench, [str(name)], form) - usual for name in layers])
    if form is Form.FLOAT:  # what a layer loses in 8 bits among others in float
        others = ([str(each) for each in layers if each != name] for name in layers)
        alone -= np.array([_loss(bench, names, form) for names in others])
    random = np.random.default_rng(0)
    for label, halves in (("of all sizes", False), ("of half of the layers", True)):
        predicted, measured = [], []
        for _ in range(given.plans):
            share = 0.5 if halves else random.uniform(0.02, 0.98)
            chosen = np.zeros(len(layers), np.bool_)
            chosen[random.permutation(len(layers))[: max(1, round(share * len(layers)))]] = True
            predicted.append(usual + alone[chosen].sum())
            measured.append(_loss(bench, [str(name) for name in layers[chosen]], form))
        first, second = (np.argsort(np.argsort(each)) for each in (predicted, measured))
        print(f"{given.plans} plans {label}: {np.corrcoef(first, second)[0, 1]:.2f}", flush=True)


def _loss(bench: Workbench, names: list[str], form: Form) -> float:
    judged = bench.judge(dict.fromkeys(names, form))
    return float("inf") if judged is None else power(judged.typical)


if __name__ == "__main__":
    main()
