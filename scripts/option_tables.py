"""Write the tables of options in docs/commands.md anew: ``python scripts/option_tables.py``."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from qconv.recipe.fields import Setting, arms, choices
from qconv.recipe.options import CALIBRATION, OF_REPORTS, OPTIONS, RUN
from qconv.recipe.walk import settings_by_option

PAGE = Path(__file__).parent.parent / "docs" / "commands.md"
_MARKED = re.compile(r"(<!-- options of (\w+) -->\n).*?(<!-- end of options -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """Return the page with a table of options between each pair of marks."""

    def table(found: re.Match[str]) -> str:
        names = _options(found[2])
        rows = [row(setting) for setting in settings_by_option().values()
                if setting.option.name in names]  # fmt: skip
        head = ["| option | default | meaning |", "| --- | --- | --- |"]
        return found[1] + "\n".join([*head, *rows]) + "\n" + found[3]

    return _MARKED.sub(table, page)


def _options(command: str) -> Collection[str]:
    if command == "convert":
        others = (CALIBRATION, RUN, *OF_REPORTS)
        return [n for n, option in OPTIONS.items() if option.group not in others]
    if command == "run":
        return [n for n, option in OPTIONS.items() if option.group in (RUN, *OF_REPORTS)]
    shared = {"Data", "Images", "Model", "Calibration"}
    return {name for name, option in OPTIONS.items() if option.group in shared} - {"calibration"}


def row(setting: Setting) -> str:
    """Return the row of one option."""
    option = setting.option
    flag = option.flag
    if bool in arms(setting.hint):
        flag = f"--{option.key}`, `--no-{option.key}" if setting.default is not False else flag
    else:
        words = "|".join(map(str, choices(setting.hint)))
        flag = f"{flag} {option.metavar or words}"
    initial = option.initial or ("" if setting.default in (None, (), False) else setting.default)
    if initial is True or initial == option.key:
        initial = option.flag
    cells = (f"`{flag}`", str(initial), option.help)
    escaped = (re.sub(r"(?=[|*])", r"\\", cell) for cell in cells)
    return "| " + " | ".join(escaped) + " |"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
