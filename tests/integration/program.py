# SPDX-License-Identifier: MIT
"""Where the program under test is, and the applications that it serves."""

import atexit
import os
import pathlib
import shutil
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def is_open_to_all(folder):
    return all(each.stat().st_mode & 0o005 == 0o005 for each in [folder, *folder.parents])


def copy_for_all(binary, examples):
    """Some tests run it as other users, who cannot come into a clone below /root."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="uringcorn-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    for file in [binary, *binary.parent.glob("liburingcorn.so.[0-9]")]:
        shutil.copy(file, folder)
    shutil.copytree(examples, folder / "examples", ignore=shutil.ignore_patterns("*.p"))
    return folder / binary.name, folder / "examples"


def find():
    binary = pathlib.Path(os.environ.get("URINGCORN_BINARY", ROOT / "build/uringcorn")).resolve()
    examples = pathlib.Path(os.environ.get("URINGCORN_EXAMPLES_DIR", ROOT / "build/examples"))
    if os.geteuid() == 0 and not is_open_to_all(binary.parent):
        binary, examples = copy_for_all(binary, examples)
    return str(binary), str(examples)


BINARY, EXAMPLES = find()


def replace(path, source):
    """As a deployment does it: the new file is there whole, or not at all."""
    fresh = pathlib.Path(f"{path}.new")
    shutil.copy(source, fresh)
    os.replace(fresh, path)
