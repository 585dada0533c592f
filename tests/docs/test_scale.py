"""docs/scale.md says what the code says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "scale.md").read_text()


def test_the_cost_table_is_what_the_command_prints() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "perf.cost"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert printed in TEXT and printed.count("\n") == 4


def test_files_and_options_exist() -> None:
    for name in re.findall(r"\]\(((?:\.\./)?[\w./]+)\)", TEXT):
        assert (ROOT / "docs" / name).exists(), name
    asking = (ROOT / "flows" / "asking_parameters.py").read_text()
    for option in ("execution", "num_shards", "max_cost", "store_path"):
        assert f"--{option}" in TEXT and f'"{option}"' in asking


def test_the_image_holds_the_pins_and_no_code() -> None:
    image = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (\S+)", image, re.MULTILINE)
    assert copied == ["requirements.txt"]
    assert "METAFLOW_SKIP_INSTALL_DEPENDENCIES=1" in image
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored == ["*", "!requirements.txt"]
