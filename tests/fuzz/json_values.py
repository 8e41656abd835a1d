"""JSON that is changed in its structure, or in its text."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from tests.fuzz import hostile

_NUMBERS = ("inf", "-inf", "nan", 0.5, 1e308, -1e-300)
_MARK = "__literal__"
_LITERALS = (
    *("1" + "0" * 400, "-" + "9" * 5000, "1e400", "NaN", "Infinity", "-Infinity", "1e-400"),
    *("[" * 2000 + "]" * 2000, "[" * 200_000, '{"a":' * 3000 + "1" + "}" * 3000, "01", "'x'", ""),
    *('"\\ud800"', '"\\u0000"', '{"a": 1, "a": 2}', "true", "null", "undefined"),
)


def changed(random: Random, value: Any) -> bytes:
    """Return the text of a JSON value after some changes."""
    value = json.loads(json.dumps(value))
    literal = None
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        holder = {"": value}
        literal = _change(random, holder) or literal
        value = holder[""]
    text = json.dumps(value, ensure_ascii=random.random() < 0.5)
    if literal is not None:
        text = text.replace(f'"{_MARK}"', literal)
    return _encoded(random, text)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every container below a value with every key or index of it."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        keys = holder.keys() if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return found


def _change(random: Random, root: dict[str, Any]) -> str | None:
    places = _places(root)
    holder, key = random.choice(places[1:] or places)
    match random.randrange(8):
        case 0 if holder is not root:
            del holder[key]
        case 1:
            other, place = random.choice(places[1:] or places)
            holder[key] = json.loads(json.dumps(other[place]))
        case 2 if isinstance(holder, dict):
            holder[hostile.name(random)] = holder[key]
        case 3 if isinstance(holder, list):
            holder.extend(json.loads(json.dumps(holder)) * random.choice((1, 1, 40)))
        case 4:
            holder[key] = _MARK
            return random.choice(_LITERALS)
        case _:
            holder[key] = _scalar(random, holder[key])
    return None


def _scalar(random: Random, old: Any) -> Any:
    if isinstance(old, int | float) and random.random() < 0.5:
        return random.choice((-old, old * 1000, old + 0.5, 2**63, 2**64, 10**30))
    text, number = hostile.name(random), random.choice(hostile.INTEGERS)
    return random.choice((None, True, False, [], {}, [[]], {"a": []}, text, number, *_NUMBERS))


def _encoded(random: Random, text: str) -> bytes:
    content = text.encode(errors="surrogatepass")
    match random.randrange(20):
        case 0:
            return b"\xef\xbb\xbf" + content
        case 1:
            return text.encode("utf-16", errors="surrogatepass")
        case 2 | 3:
            return hostile.changed_bytes(random, content)
        case _:
            return content
