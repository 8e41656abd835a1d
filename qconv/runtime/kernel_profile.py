"""ONNX Runtime's own profile: how long each kernel of an inference took."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_KERNEL = "_kernel_time"
_ADDED = re.compile(r"(_nchwc|_token_\d+)?_kernel_time$")
"""What the runtime writes behind a name: of a layout, of operators that it has merged."""
_EXECUTOR = "SequentialExecutor::Execute"
_INFERENCE = "model_run"


@dataclass(frozen=True)
class Kernel:
    """An operator that the runtime runs; ``index`` tells those without a name apart."""

    op: str
    name: str
    index: str


@dataclass(frozen=True)
class Spent:
    """Microseconds of one kernel in an inference, and how often it ran."""

    us: float = 0.0
    count: float = 0.0

    def plus(self, us: float, count: float = 1) -> Spent:
        """Return both together."""
        return Spent(self.us + us, self.count + count)


@dataclass
class ProfiledRun:
    """One inference: the microseconds of its executor, and of each kernel.

    What the kernels of a body took is theirs, and not that of the If, Loop or Scan around them, nor
    is what the executor of the body took between them.
    """

    executor_us: int = 0
    kernels: dict[Kernel, Spent] = field(default_factory=dict)


def read_runs(path: Path) -> Iterator[ProfiledRun]:
    """Yield the inferences of a profile, in order, as far as the runtime has written them whole.

    The runtime writes an event when it ends, one a line: the kernels of a body before the operator
    that they belong to, and all kernels before the inference.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no events as they are known.
    """
    run = ProfiledRun()
    inner: list[tuple[int, int]] = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            text = line.strip().rstrip(",")
            if text in ("", "[", "]"):
                continue
            event = json.loads(text)
            start, took, name = event["ts"], event["dur"], event["name"]
            is_kernel = event["cat"] == "Node" and name.endswith(_KERNEL)
            if is_kernel or name == _EXECUTOR:
                own = took
                while inner and inner[-1][0] >= start:
                    own -= inner.pop()[1]
                inner.append((start, took))
            if is_kernel:
                args = event["args"]
                kernel = Kernel(args["op_name"], _ADDED.sub("", name), args.get("node_index", ""))
                run.kernels[kernel] = run.kernels.get(kernel, Spent()).plus(own)
            elif name == _EXECUTOR:
                run.executor_us = took
            elif name == _INFERENCE:
                yield run
                run, inner = ProfiledRun(), []
