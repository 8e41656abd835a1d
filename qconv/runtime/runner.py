"""A model that is open in the runtime: what goes in, what comes out, and running it by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnxruntime import RunOptions

from qconv.data.source import Array, Feeds, Sample, TensorSpec
from qconv.errors import ModelError, UnsupportedError
from qconv.graph.assume import ASSUMED, shown
from qconv.graph.model_io import ModelBytes, model_to_bytes, read_model
from qconv.graph.sound import require_sound
from qconv.runtime.session import CPU, InferenceSession, Optimization, input_specs, open_session
from qconv.strict_json import parse

Axis = int | str | None
_LARGEST_CONSTANT = "optimization.constant_folding_max_output_size_in_bytes"


@dataclass(frozen=True)
class Port:
    """An input or output as the runtime tells it: ``type`` is, for example, ``tensor(float)``.

    The runtime does not tell an unknown shape from that of a scalar: both are empty.
    """

    name: str
    type: str
    shape: tuple[Axis, ...]

    @property
    def is_float(self) -> bool:
        """Whether it is a tensor of a floating-point type that NumPy has."""
        return self.type in ("tensor(float)", "tensor(double)", "tensor(float16)")


class Runner:
    """A model file, open in the runtime.

    Inputs that are ``assumed`` are fed by the runner itself, where the model has them, and do not
    count among its ``inputs``.
    """

    def __init__(self, path: Path, session: InferenceSession, assumed: Feeds | None = None) -> None:
        self.path = path
        self.session = session
        ports = tuple(_port(arg) for arg in session.get_inputs())
        names = {port.name for port in ports}
        self._assumed = {name: a for name, a in (assumed or {}).items() if name in names}
        self.inputs = tuple(port for port in ports if port.name not in self._assumed)
        self.outputs = tuple(_port(arg) for arg in session.get_outputs())

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        threads: int | None,
        optimization: Optimization = "all",
        assumed: Feeds | None = None,
        provider: str = CPU,
        frugal: bool = False,
        largest_constant: int | None = None,
        profile: Path | None = None,
    ) -> Runner:
        """Open a model file; threads that wait are put to sleep once an inference ends.

        ``frugal`` saves memory at the cost of speed, and ``profile`` times each operator, see
        :func:`open_session`. What the runtime computes from constants alone, it computes once, when
        it loads the model, unless the result takes more than ``largest_constant`` bytes. Axes of
        inputs that the file declares to have the length 0, which the runtime takes at its word, are
        free: see :func:`qconv.graph.axes.free_axes`.

        Raises:
            ModelError: the file is missing or not sound, or the runtime rejects it.
            UnsupportedError: the runtime has no kernel for it.
        """
        require_sound(path)
        settings = {"session.force_spinning_stop": "1"}
        if largest_constant is not None:
            settings[_LARGEST_CONSTANT] = str(largest_constant)

        def opened(model: Path | ModelBytes) -> InferenceSession:
            return open_session(
                model,
                threads=threads,
                optimization=optimization,
                settings=settings,
                provider=provider,
                memory="frugal" if frugal else "planned",
                profile=profile,
                label=str(path),
            )

        session = opened(path)
        if any(0 in arg.shape for arg in session.get_inputs()):
            session = opened(model_to_bytes(read_model(path)))
        return cls(path, session, assumed)

    @property
    def specs(self) -> tuple[TensorSpec, ...]:
        """The inputs that samples must hold, in order."""
        return tuple(s for s in input_specs(self.session) if s.name not in self._assumed)

    def complete(self, feeds: Feeds) -> Feeds:
        """Return the feeds of a sample with the assumed inputs added."""
        return {**feeds, **self._assumed}

    def run(self, sample: Sample, options: RunOptions | None = None) -> Mapping[str, Array]:
        """Run one sample and return the outputs by name; the options can end the run.

        Raises:
            ModelError: the runtime fails on the sample.
            OutOfMemoryError: the memory does not suffice.
        """
        try:
            values = self.session.run(None, dict(self.complete(sample.feeds)), options)
        except ModelError as error:
            where = f"{self.path}: fails on {sample.origin}"
            raise ModelError(f"{where}: {error}") from error
        ports = zip(self.outputs, values, strict=True)
        return {port.name: np.asarray(value) for port, value in ports}

    def answer(self, feeds: Feeds) -> Mapping[str, Array]:
        """Run feeds that a loop of the user's made, and return the outputs by name.

        Raises:
            ModelError: the runtime fails on them.
        """
        return self.run(Sample(feeds, None, "a feed of the loop"))


@dataclass(frozen=True)
class Place:
    """Where models run: on which execution provider, with which inputs fixed to constants."""

    provider: str
    assumed: Feeds

    @property
    def is_cpu(self) -> bool:
        """Whether it is the runtime's own provider, whose kernels are known."""
        return self.provider == CPU

    def open(
        self, path: Path, threads: int | None = None, *, profile: Path | None = None
    ) -> Runner:
        """Open a model file; see :meth:`Runner.open`."""
        return Runner.open(
            path, threads=threads, assumed=self.assumed, provider=self.provider, profile=profile
        )


class FittedSession:
    """A session that takes float32 feeds whatever floating-point type its inputs have.

    Each feed is converted when it first comes, so that the conversion is not timed again.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._specs = input_specs(runner.session)
        self._fitted: dict[int, Feeds] = {}

    def run(self, output_names: None, input_feed: Feeds, /) -> object:
        """Run one inference and return all outputs."""
        fitted = self._fitted.get(id(input_feed))
        if fitted is None:
            whole = self._runner.complete(input_feed)
            fitted = {s.name: whole[s.name].astype(s.dtype) for s in self._specs}
            self._fitted[id(input_feed)] = fitted
        return self._runner.session.run(output_names, fitted)


def check_outputs(runner: Runner) -> None:
    """Refuse a model with an output that holds no numbers.

    Raises:
        UnsupportedError: an output is text, a sequence, a map or of a type that NumPy lacks.
    """
    for port in runner.outputs:
        if not re.fullmatch(r"tensor\((float|double|float16|bool|u?int\d+)\)", port.type):
            raise UnsupportedError(
                f"{runner.path}: the output '{port.name}' has the type {port.type}; "
                "only plain tensors of numbers can be compared"
            )


def check_same_ports(reference: Runner, variant: Runner) -> None:
    """Refuse a variant that is not fed, or does not answer, as the float model.

    Names, types, and what both know of the shapes have to agree; the order does not.

    Raises:
        ModelError: they differ; the message names the first difference.
    """
    pairs = (("input", reference.inputs, variant.inputs),
             ("output", reference.outputs, variant.outputs))  # fmt: skip
    for kind, expected, found in pairs:
        if difference := _difference(kind, expected, found):
            raise ModelError(
                f"{variant.path}: cannot be compared with {reference.path}: {difference}",
                hint=_assumption_hint(variant) or "compare a model with variants of itself",
            )


def _assumption_hint(variant: Runner) -> str | None:
    """Say which inputs a variant was made without, where it knows."""
    text = variant.session.get_modelmeta().custom_metadata_map.get(ASSUMED)
    try:
        fixed = parse(text or "")
    except ValueError:
        return None
    if not isinstance(fixed, dict):
        return None
    options = " ".join(f"`assume={shown({name: value})}`" for name, value in fixed.items())
    return f"{variant.path} was made with {shown(fixed)} assumed: give report {options}"


def _difference(kind: str, expected: tuple[Port, ...], found: tuple[Port, ...]) -> str | None:
    mine = {port.name: port for port in found}
    for name in (port.name for port in found):
        if name not in {port.name for port in expected}:
            return f"its {kind} '{name}' is not one of the float model's ({_listed(expected)})"
    for port in expected:
        if port.name not in mine:
            return f"it has no {kind} '{port.name}' (it has {_listed(found)})"
        other = mine[port.name]
        if other.type != port.type:
            return f"its {kind} '{port.name}' is {other.type}, not {port.type}"
        if _shapes_differ(port.shape, other.shape):
            shapes = f"{_shown(other.shape)}, not {_shown(port.shape)}"
            return f"its {kind} '{port.name}' has the shape {shapes}"
    return None


def _shapes_differ(left: tuple[Axis, ...], right: tuple[Axis, ...]) -> bool:
    if not left or not right:
        return False
    if len(left) != len(right):
        return True
    axes = zip(left, right, strict=True)
    return any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in axes)


def _shown(shape: tuple[Axis, ...]) -> str:
    return f"[{', '.join('?' if axis is None else str(axis) for axis in shape)}]"


def _listed(ports: tuple[Port, ...]) -> str:
    return ", ".join(f"'{port.name}'" for port in ports) or "none"


def _port(arg: ort.NodeArg) -> Port:
    return Port(arg.name, arg.type, tuple(arg.shape or ()))
