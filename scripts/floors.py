"""Print the lowest version of each dependency in pyproject.toml, as constraints for pip."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def floors() -> Iterator[tuple[str, str]]:
    """Yield name and lowest version of what the project and its tests depend on."""
    content = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    project = content["project"]
    extras = project["optional-dependencies"].values()
    for group in (project["dependencies"], *extras, content["dependency-groups"]["test"]):
        for requirement in group:
            found = re.fullmatch(r"([\w-]+)>=([\w.]+)(,<\d+)?(;.*)?", requirement)
            if found is None:
                sys.exit(f"{PROJECT.name}: '{requirement}' does not begin with a lowest version")
            yield found[1], found[2]


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}=={version}\n" for name, version in sorted({*floors()}))
