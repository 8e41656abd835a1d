"""The table at the end: exit codes of each target, and the faults."""

from __future__ import annotations

from tests.fuzz.campaign import Tally, command_line


def table(tally: Tally, seed: int) -> str:
    """Return counts and faults as text."""
    codes = sorted({code for _, code in tally.codes})
    kinds = sorted({kind for kind, _ in tally.codes})
    lines = ["exit code " + "".join(f"{code:>8}" for code in codes) + "     all"]
    for kind in (*kinds, "all"):
        counts = [
            sum(tally.codes[of, code] for of in kinds if kind in (of, "all")) for code in codes
        ]
        numbers = "".join(f"{count:>8}" for count in (*counts, sum(counts)))
        lines.append(f"{kind:<10}{numbers}")
    lines.append(f"slowest {tally.slowest:.1f} s, largest {tally.largest:.0f} MB above the imports")
    for name, count in sorted(tally.crashes.items()):
        lines.append(f"{count} ended by {name} in a forked child")
    lines.append(f"seed {seed}: {len(tally.faults)} kinds of fault")
    for shape, cases in sorted(tally.faults.items(), key=lambda item: -len(item[1])):
        done, fault = cases[0]
        lines += [f"{len(cases):>5} x {shape}", f"        {command_line(done)[:400]}"]
        lines.append(f"        {fault.told}")
    return "\n".join(lines)
