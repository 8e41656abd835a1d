"""Install a wheel into fresh environments and use it there, one for each Python.

``python scripts/try_wheel.py dist python3.11 python3.12`` takes the wheel in dist/, and says which
of the Pythons are not on this machine. The first environment is described beside the wheel, as a
list of components in CycloneDX (SBOM).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "sample_models" / "digits_cnn"
EXTRAS = "html,images,text"
ASKED = """import sys, venv
print(*sys.version_info[:3], sep=".")
sys.exit(sys.version_info < (3, 11))"""


def python_version(python: str) -> str:
    """Return the version of a Python; "" where it is missing, older than 3.11, or lacks venv."""
    try:
        done = subprocess.run([python, "-c", ASKED], capture_output=True, text=True)
    except OSError:
        return ""
    return "" if done.returncode else done.stdout.strip()


def version_of(wheel: Path) -> str:
    """Return the version in the name of a wheel."""
    return wheel.name.split("-")[1]


def install(python: str, wheel: Path, folder: Path) -> Path:
    """Make an environment with the wheel, all its extras and no pip; return its Python.

    The wheel comes first, from its folder and no index, so that no other qconv is taken for it.
    """
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    inner = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(inner), "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--no-compile"]
    only = ["--no-index", "--no-deps", "--find-links", str(wheel.parent)]
    subprocess.run([*pip, *only, f"qconv=={version_of(wheel)}"], check=True)
    subprocess.run([*pip, f"qconv[{EXTRAS}]=={version_of(wheel)}"], check=True)
    return inner


def use(inner: Path, folder: Path) -> None:
    """Run scripts/smoke.py in a folder that holds a sample model, and nothing of the sources."""
    shutil.copytree(SAMPLES, folder, ignore=shutil.ignore_patterns("*.py"))
    shutil.copy(ROOT / "scripts" / "smoke.py", folder)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([inner, "-I", "smoke.py"], cwd=folder, env=clean, check=True)


def describe(inner: Path, wheel: Path, folder: Path) -> None:
    """Write the list of components of an environment; cyclonedx-py checks it by its schema.

    What the list is about, cyclonedx-py reads in a pyproject.toml that must name the version.
    """
    version = version_of(wheel)
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = folder / "pyproject.toml"
    project.write_text(text.replace('dynamic = ["version"]', f'version = "{version}"'), "utf-8")
    file = wheel.with_name(f"qconv-{version}.cdx.json")
    command = [str(Path(sys.executable).with_name("cyclonedx-py")), "environment", str(inner)]
    options = ["--pyproject", str(project), "--output-reproducible", "--validate"]
    subprocess.run([*command, *options, "-o", str(file)], check=True)

    listed = json.loads(file.read_text(encoding="utf-8"))
    about = listed["metadata"]["component"]
    names = {_plain(component["name"]) for component in listed["components"]}
    needed = " ".join(tomllib.loads(text)["project"]["dependencies"])
    lacking = {_plain(name) for name in re.findall(r"([\w-]+)>=", needed)} - names
    if lacking or (about["name"], about["version"]) != ("qconv", version):
        sys.exit(f"{file.name} is about {about['name']}, and lacks {sorted(lacking)}")
    print(f"{file.name}: CycloneDX {listed['specVersion']}, {len(names)} components")


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def main(dist: Path, pythons: list[str]) -> None:
    """Try the wheel in a folder on each Python that works, once for each version."""
    (wheel,) = dist.glob("qconv-*.whl")
    tried: set[str] = set()
    for python in pythons:
        version = python_version(python)
        if not version or version in tried:
            why = f"is {version}, too" if version else "is not here, or does not work"
            print(f"{python} {why}: left out")
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            inner = install(python, wheel, folder / "environment")
            if not tried:
                describe(inner, wheel, folder)
            use(inner, folder / "samples")
        tried.add(version)
        print(f"{wheel.name} works on Python {version}", flush=True)
    if not tried:
        sys.exit("none of these Pythons is here and works")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), sys.argv[2:])
