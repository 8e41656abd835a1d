"""Install the wheel in dist/ into fresh environments and use it there, one for each Python.

``python scripts/try_wheel.py python3.11 python3.12`` leaves out, and says so, what is not on this
machine. The first environment is described in dist/ as a CycloneDX list of components (SBOM).
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
DIST = ROOT / "dist"
SAMPLES = ROOT / "sample_models" / "digits_cnn"
EXTRAS = "html,images,text"
ASKED = "import sys, venv; print(*sys.version_info[:3], sep='.') if sys.version_info >= (3, 11) else 0"


def version_of(python: str) -> str:
    """Return the version of a Python, "" where it is missing, older than 3.11, or lacks venv."""
    try:
        done = subprocess.run([python, "-c", ASKED], capture_output=True, text=True)
    except OSError:
        return ""
    return "" if done.returncode else done.stdout.strip()


def install(python: str, folder: Path, version: str) -> Path:
    """Make an environment with the wheel, all its extras and no pip; return its Python.

    The wheel alone comes first, from dist/ and no index, so that no other qconv can be taken for it.
    """
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    inner = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(inner), "install", "--quiet"]
    pip += ["--disable-pip-version-check", "--no-compile"]
    only = ["--no-index", "--no-deps", "--find-links", str(DIST)]
    subprocess.run([*pip, *only, f"qconv=={version}"], check=True)
    subprocess.run([*pip, f"qconv[{EXTRAS}]=={version}"], check=True)
    return inner


def use(inner: Path, folder: Path) -> None:
    """Run scripts/smoke.py in a folder that holds a sample model, and nothing of the sources."""
    shutil.copytree(SAMPLES, folder, ignore=shutil.ignore_patterns("*.py"))
    shutil.copy(ROOT / "scripts" / "smoke.py", folder)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([inner, "-I", "smoke.py"], cwd=folder, env=clean, check=True)


def describe(inner: Path, folder: Path, version: str) -> None:
    """Write the list of components of an environment; cyclonedx-py checks it by its schema.

    It reads a pyproject.toml for what the list is about, and wants the version to stand in it.
    """
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = folder / "pyproject.toml"
    project.write_text(text.replace('dynamic = ["version"]', f'version = "{version}"'), "utf-8")
    file = DIST / f"qconv-{version}.cdx.json"
    command = [str(Path(sys.executable).with_name("cyclonedx-py")), "environment", str(inner)]
    options = ["--pyproject", str(project), "--output-reproducible", "--validate"]
    subprocess.run([*command, *options, "-o", str(file)], check=True)

    listed = json.loads(file.read_text(encoding="utf-8"))
    about = listed["metadata"]["component"]
    names = {component["name"].lower().replace("_", "-") for component in listed["components"]}
    needed = " ".join(tomllib.loads(text)["project"]["dependencies"])
    lacking = {name.lower().replace("_", "-") for name in re.findall(r"([\w-]+)>=", needed)} - names
    if lacking or (about["name"], about["version"]) != ("qconv", version):
        sys.exit(f"{file.name} is about {about['name']}, and lacks {sorted(lacking)}")
    print(f"{file.name}: CycloneDX {listed['specVersion']}, {len(names)} components")


def main(pythons: list[str]) -> None:
    """Try the wheel on each Python that works, once for each version."""
    (wheel,) = DIST.glob("qconv-*.whl")
    version = wheel.name.split("-")[1]
    tried: set[str] = set()
    for python in pythons:
        found = version_of(python)
        if not found or found in tried:
            print(f"{python}: {f'is {found}, too' if found else 'none that works here'}, left out")
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            inner = install(python, folder / "environment", version)
            if not tried:
                describe(inner, folder, version)
            use(inner, folder / "samples")
        tried.add(found)
        print(f"{wheel.name} works on Python {found}")


if __name__ == "__main__":
    main(sys.argv[1:])
