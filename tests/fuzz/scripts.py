"""Functions of users: data and metrics that fail, lie, or do what nobody expects."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np

from tests.fuzz import hostile
from tests.fuzz.seeds import Feeds

_HEAD = """import asyncio, os, sys
import numpy as np
FEEDS = list(np.load(__file__ + ".npy", allow_pickle=True))
"""

_RAISED = (
    *("ValueError('bad')", "ValueError()", "KeyError('a')", "SystemExit(0)", "SystemExit('text')"),
    *(
        "KeyboardInterrupt",
        "asyncio.CancelledError",
        "GeneratorExit",
        "StopIteration",
        "MemoryError",
    ),
    *("RecursionError('deep')", "UnicodeDecodeError('utf-8', b'', 0, 1, 'x')", "BrokenPipeError"),
    *(
        "BaseException('base')",
        "ExceptionGroup('many', [ValueError(1)])",
        "OSError(28, 'full', 'f')",
    ),
    *(r"ValueError('\x1b[31m\n::error::seen')", r"ValueError('\ud800')", "AssertionError"),
)
_YIELDED = (
    *(
        "FEEDS[0]",
        "(FEEDS[0], 1)",
        "(FEEDS[0], -1)",
        "(FEEDS[0], 10**30)",
        "(FEEDS[0], 'a')",
        "None",
    ),
    *(
        "{}",
        "[]",
        "5",
        "(FEEDS[0],)",
        "(FEEDS[0], 1, 2)",
        "(1, FEEDS[0])",
        "FEEDS",
        "b''",
        "object()",
    ),
    *("{k: v.tolist() for k, v in FEEDS[0].items()}", "{k: None for k in FEEDS[0]}", "{1: 2}"),
    *("{k: np.float64(1) for k in FEEDS[0]}", "{k: v.astype(object) for k, v in FEEDS[0].items()}"),
    *(
        "{k: v[..., :0] for k, v in FEEDS[0].items()}",
        "{k: v * np.nan for k, v in FEEDS[0].items()}",
    ),
    *(r"{'\x1b[31m\n::error::x': np.ones(3)}", "{**FEEDS[0], 'more': 1}", "(FEEDS[0], np.nan)"),
    *("{k: np.ma.masked_array(v) for k, v in FEEDS[0].items()}", "(FEEDS[0], np.ones(3))"),
)
_BODIES = (
    "def data():\n    yield {yielded}\n    yield {yielded2}\n",
    "def data():\n    yield FEEDS[0]\n    raise {raised}\n",
    "def data():\n    raise {raised}\n",
    "def data():\n    return [{yielded}, {yielded2}]\n",
    "def data():\n    return {yielded}\n",
    "raise {raised}\ndef data():\n    return FEEDS\n",
    "def data(a):\n    return FEEDS\n",
    "def data(a=1, *, b=2):\n    return FEEDS\n",
    "async def data():\n    yield FEEDS[0]\n",
    "async def data():\n    return FEEDS\n",
    "data = 5\n",
    "data = dict\n",
    "data = lambda: iter(FEEDS)\n",
    "class data:\n    def __len__(self):\n        return {length}\n    def __getitem__(self, i):\n"
    "        return {yielded} if i < 50 else FEEDS[i]\n",
    "class data:\n    def __len__(self):\n        raise {raised}\n    def __getitem__(self, i):\n"
    "        return FEEDS[0]\n",
    "class data:\n    def __len__(self):\n        return 2\n    def __getitem__(self, i):\n"
    "        raise {raised}\n",
    "class data:\n    def __iter__(self):\n        raise {raised}\n",
    "class data:\n    def __iter__(self):\n        return self\n    def __next__(self):\n"
    "        raise {raised}\n",
    "calls = 0\ndef data():\n    global calls\n    calls += 1\n    return FEEDS * calls\n",
    "calls = 3\ndef data():\n    global calls\n    calls -= 1\n    return FEEDS[:calls]\n",
    "def data():\n    sys.stdout.close()\n    return FEEDS\n",
    "def data():\n    os.close(1)\n    return FEEDS\n",
    "def data():\n    sys.stdout = sys.stderr = None\n    return FEEDS\n",
    "def data():\n    print('said')\n    return FEEDS\n",
    "def data():\n    os.chdir('/')\n    return FEEDS\n",
    "def data():\n    return data()\n",
    "def data(run):\n    run({yielded})\n    yield {yielded2}\n",
    "def data(run):\n    yield FEEDS[0]\n",
    "def data(run):\n    for feeds in FEEDS:\n        run(feeds)\n        yield feeds\n",
    "def data(run):\n    for feeds in FEEDS:\n        out = run(feeds)\n        yield out\n",
    "def data(run):\n    run(FEEDS[0])\n    raise {raised}\n    yield\n",
    "def data(run):\n    try:\n        run(None)\n    except BaseException:\n        pass\n"
    "    yield FEEDS[0]\n",
    "def data(run):\n    yield from [(feeds, 0) for feeds in FEEDS if run(feeds)]\n",
    "def data(\n",
    "\0",
    "# coding: nothing\ndef data():\n    return FEEDS\n",
    "import nothing_of_that_name\n",
    "from __future__ import nothing\n",
)
_LENGTHS = ("2", "0", "-1", "10**9", "10**30", "True", "'a'", "None", "1.5")
_NUMBERS = (
    *("1.0", "1", "True", "None", "'a'", "float('nan')", "float('inf')", "10**400", "1j", "[]"),
    *("np.float32(1)", "np.ones(1)", "np.ones(2)", "np.asarray(1)", "outputs", "sample.label"),
    *("float(next(iter(outputs.values())).mean())", "-1e308", "1e308", "np.float16(1)", "data"),
)
_METRICS = (
    "def metric(outputs, sample):\n    return {number}\n",
    "def metric(outputs, sample):\n    raise {raised}\n",
    "def metric(outputs):\n    return 1.0\n",
    "def metric(outputs, sample):\n    outputs.clear()\n    sample.feeds.clear()\n    return 1.0\n",
    "def metric(outputs, sample):\n    for array in outputs.values():\n        array[...] = 0\n"
    "    return 1\n",
    "def metric(outputs, sample):\n    os.close(1)\n    return {number}\n",
    "def top1(outputs, sample):\n    return 1.0\nmetric = top1\n",
    "class Metric:\n    def __call__(self, outputs, sample):\n        return {number}\n"
    "metric = Metric()\n",
    "class Number:\n    def __float__(self):\n        raise {raised}\n"
    "def metric(outputs, sample):\n    return Number()\n",
)


def write_data(random: Random, folder: Path, feeds: tuple[Feeds, ...]) -> str:
    """Write a script that gives data; return its file and function."""
    file = folder / "script.py"
    np.save(
        folder / "script.py.npy",
        np.asarray([dict(feed) for feed in feeds], dtype=object),
        allow_pickle=True,
    )
    _write(random, file, _HEAD, random.choice(_BODIES))
    return f"{file.name}:{random.choice(('data',) * 12 + ('nothing', '__name__', 'np', ''))}"


def write_metric(random: Random, folder: Path) -> str:
    """Write a script that judges outputs; return its file and function."""
    file = folder / "judge.py"
    _write(random, file, "import asyncio, os\nimport numpy as np\n", random.choice(_METRICS))
    return f"{file.name}:metric"


def _write(random: Random, file: Path, head: str, body: str) -> None:
    for mark, choices in (("yielded2", _YIELDED), ("yielded", _YIELDED), ("raised", _RAISED),
                          ("length", _LENGTHS), ("number", _NUMBERS)):  # fmt: skip
        body = body.replace(f"{{{mark}}}", random.choice(choices))
    if body.startswith(("from __future__", "# coding")):
        head, body = body, head
    content = (head + body).encode()
    file.write_bytes(hostile.changed_bytes(random, content) if random.random() < 0.03 else content)
