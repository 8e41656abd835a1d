"""Write the model as the Plan says: Q/DQ, and what the target's runtime reads besides."""

from __future__ import annotations

from qconv.conversions.work import Knowing, Work
from qconv.graph.edit import rename_values
from qconv.graph.view import EQUALIZED
from qconv.placement.plan import Plan
from qconv.rewrite.ort.float_products import part_sums_from_norms, use_float_products
from qconv.rewrite.qdq import rewrite_qdq


class WriteQdq(Knowing):
    """Insert QuantizeLinear and DequantizeLinear, integer weights and biases."""

    def apply(self, work: Work[Plan]) -> None:
        """Change the model."""
        rewrite_qdq(work.model, work.plan, work.params, work.layers)


class UseOrtOperators(Knowing):
    """Write products that give floats as the operator that ONNX Runtime has for them."""

    def apply(self, work: Work[Plan]) -> None:
        """Change the model."""
        use_float_products(work.model, work.plan)
        part_sums_from_norms(work.model)


class NameScaled(Knowing):
    """Give values that were scaled a name of their own, which no float model's value has."""

    def apply(self, work: Work[Plan]) -> None:
        """Change the model."""
        rename_values(work.model, work.scaled, EQUALIZED)
