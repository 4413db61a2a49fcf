# SPDX-License-Identifier: MIT
"""Keeps the tree tidy: sizes, licence lines, and which floor may include which."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINE_COLUMNS_MAX = 100
HEADER_LINES_MAX = 300
SOURCE_LINES_MAX = 600
TEST_LINES_MAX = 900
FUNCTION_LINES_MAX = 70
NOT_A_FUNCTION = re.compile(r"(inline )?(namespace|class|struct|union|enum|extern)\b|.*= *\{$")
SPDX = "SPDX-License-Identifier: MIT"

# What each room of src/ may include besides itself. The floors, bottom to top; `settings` and
# `observe` stand beside the stairs: they use only base, and are used from net upwards.
FLOORS = ["base", "coro", "reactor", "net", "http", "app", "worker", "arbiter", "cli"]
BESIDE = {"settings", "observe"}
ALLOWED = {room: set(FLOORS[: index + 1]) for index, room in enumerate(FLOORS)}
for upper in FLOORS[FLOORS.index("net"):]:
    ALLOWED[upper] |= BESIDE
for room in BESIDE:
    ALLOWED[room] = {"base", room}

# A library is included in one place only, so that it can be replaced.
LIBRARY_HOMES = {
    r"liburing(\.h|/)": r"src/reactor/",
    r"nghttp2/": r"src/http/h2/",
    r"wolfssl/": r"src/net/tls",
}


def files_below(folders, suffixes):
    paths = []
    for folder in folders:
        paths += [path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    return sorted(path for path in paths if "__pycache__" not in path.parts)


CPP_FILES = files_below(["src", "include", "tests", "examples", "bench"], {".cpp", ".hpp"})
PYTHON_FILES = files_below(["tests", "bench", "examples"], {".py"})
MESON_FILES = [ROOT / "meson.build", ROOT / "meson_options.txt"] + [
    path for folder in ("src", "tests", "examples", "bench", "subprojects/packagefiles")
    for path in sorted((ROOT / folder).rglob("meson.build"))]
SCRIPTS = [
    ROOT / "dev", ROOT / "subprojects/get-wolfssl", ROOT / ".ci/run", ROOT / "tests/install/run"]


def name_of(path):
    return str(path.relative_to(ROOT))


def is_test(path):
    return path.is_relative_to(ROOT / "tests")


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def includes_of(path):
    """The (line number, included name) pairs of a file."""
    for number, line in enumerate(lines_of(path), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match[1]


def complain(problems):
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)


def test_every_source_names_its_licence_at_the_top():
    complain([
        f"{name_of(path)}: the line `{SPDX}` is missing from the top"
        for path in CPP_FILES + PYTHON_FILES + SCRIPTS
        if not any(SPDX in line for line in lines_of(path)[:2])])


def test_lines_fit_in_100_columns():
    complain([
        f"{name_of(path)}:{number}: {len(line)} columns"
        for path in CPP_FILES + PYTHON_FILES + MESON_FILES + SCRIPTS
        for number, line in enumerate(lines_of(path), 1) if len(line) > LINE_COLUMNS_MAX])


def test_files_have_one_subject():
    problems = []
    for path in CPP_FILES + PYTHON_FILES:
        limit = (TEST_LINES_MAX if is_test(path) else
                 HEADER_LINES_MAX if path.suffix == ".hpp" else SOURCE_LINES_MAX)
        if len(lines_of(path)) > limit:
            problems.append(f"{name_of(path)}: {len(lines_of(path))} lines, the limit is {limit}")
    complain(problems)


def test_functions_fit_on_a_screen():
    # clang-format puts the first and the last line of a function at namespace scope at column 0.
    # A test may tell a long story.
    problems = []
    for path in CPP_FILES:
        if is_test(path):
            continue
        start = None
        for number, line in enumerate(lines_of(path), 1):
            if line.endswith("{") and re.match(r"[A-Za-z_\[)]", line):
                start = None if NOT_A_FUNCTION.match(line) else number
            elif line.startswith("}") and start is not None:
                if number - start > FUNCTION_LINES_MAX:
                    problems.append(f"{name_of(path)}:{start}: {number - start} lines, too many")
                start = None
    complain(problems)


def test_nobody_includes_upwards():
    problems = []
    for path in files_below(["src"], {".cpp", ".hpp"}):
        room = path.relative_to(ROOT / "src").parts[0]
        for number, included in includes_of(path):
            target = included.split("/")[0]
            if target in ALLOWED and target not in ALLOWED[room]:
                problems.append(f"{name_of(path)}:{number}: {room} may not include {included}")
    complain(problems)


def test_public_headers_and_examples_need_only_public_headers():
    complain([
        f"{name_of(path)}:{number}: {included} is not installed"
        for path in files_below(["include", "examples"], {".cpp", ".hpp"})
        for number, included in includes_of(path)
        if included.split("/")[0] in ALLOWED and "/" in included])


def test_each_library_is_included_in_its_own_room():
    problems = []
    for path in CPP_FILES:
        for number, included in includes_of(path):
            for library, home in LIBRARY_HOMES.items():
                # The bench's floor is a bare io_uring program, and shares nothing with the server.
                allowed = re.match(home, name_of(path)) or name_of(path) == "bench/floor.cpp"
                if re.match(library, included) and not allowed:
                    problems.append(f"{name_of(path)}:{number}: {included} belongs in {home}")
    complain(problems)


def test_headers_are_guarded_by_pragma_once():
    complain([f"{name_of(path)}: no #pragma once"
              for path in CPP_FILES
              if path.suffix == ".hpp" and "#pragma once" not in lines_of(path)])


def test_nothing_is_left_for_later():
    words = "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"])
    later = re.compile(rf"\b({words})\b|^(<<<<<<<|>>>>>>>)( |$)")  # or by a merge
    complain([
        f"{name_of(path)}:{number}: {line.strip()}"
        for path in CPP_FILES + PYTHON_FILES + MESON_FILES + SCRIPTS
        for number, line in enumerate(lines_of(path), 1) if later.search(line)])


def test_every_fuzz_target_and_unit_test_is_built():
    complain([
        f"{name_of(path)} is not in {name_of(path.parent)}/meson.build"
        for pattern, strip in (("unit/*_test.cpp", ""), ("fuzz/*_fuzz.cpp", "_fuzz.cpp"))
        for path in sorted((ROOT / "tests").glob(pattern))
        if f"'{path.name.removesuffix(strip)}'" not in
        (path.parent / "meson.build").read_text(encoding="utf-8")])
