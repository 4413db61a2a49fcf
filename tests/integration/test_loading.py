# SPDX-License-Identifier: MIT
"""What `uringcorn serve PATH` does with a path: good ones, bad ones, and none at all."""
import pathlib
import shutil
import signal

import httpx
import pytest

from program import EXAMPLES
from raw_client import DEADLINE_S

HTTPBIN = f"{EXAMPLES}/libhttpbin.so"


def get(running, path):
    return httpx.get(running.url + path, timeout=DEADLINE_S)


def test_the_hello_example(server):
    running = server(app="hello")
    assert get(running, "/").text == "Hello, world!\n"
    assert get(running, "/?name=Ada").text == "Hello, Ada!\n"


def test_the_welcome_application(server, reactor):
    running = server()
    page = get(running, "/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "uringcorn" in page.text and "{{" not in page.text
    assert any(f"<dd>{pid}</dd>" in page.text for pid in running.workers())
    if reactor != "auto":
        assert f"<dd>{reactor}</dd>" in page.text
    health = get(running, "/health")
    assert (health.status_code, health.text) == (200, "ok\n")
    assert get(running, "/other").status_code == 404


def test_a_path_is_relative_to_the_current_directory(server, tmp_path):
    shutil.copy(f"{EXAMPLES}/libhello.so", tmp_path / "libshop.so")
    for path in ("libshop.so", "./libshop.so"):
        assert get(server(path), "/").text == "Hello, world!\n"


def refused(server, path, code, sentence):
    running = server(path, wait=False)
    assert running.wait() == code, running.log
    assert sentence in running.log


def test_a_missing_file(server, tmp_path):
    refused(server, "libshop.so", 4,
            f"cannot load the application libshop.so: no such file (seen from {tmp_path})")


def test_a_file_that_is_no_shared_object(server, tmp_path):
    (tmp_path / "libshop.so").write_text("x" * 9000)
    refused(server, "libshop.so", 4,
            "cannot load the application libshop.so: invalid ELF header")


def test_a_shared_object_that_is_no_application(server, tmp_path):
    libraries = pathlib.Path("/proc/self/maps").read_text().split()
    library = next(name for name in libraries if "/libc.so" in name or "/libc-" in name)
    refused(server, library, 4, f"cannot load the application {library}: it has no symbol "
            "uringcorn_app (say URINGCORN_APP(function) in one of its sources)")


def test_a_missing_name(server):
    refused(server, f"{HTTPBIN}:shop", 4, "it has no symbol uringcorn_app_shop (it does have "
            f"{HTTPBIN}, {HTTPBIN}:failing, {HTTPBIN}:failing_startup, {HTTPBIN}:hanging, "
            f"{HTTPBIN}:telling, {HTTPBIN}:weighty)")


@pytest.mark.parametrize("name, message", [
    ("failing", "failing, as it was asked to"),
    ("failing_startup", "failing at startup, as it was asked to"),
])
def test_an_application_that_fails_to_boot(server, name, message):
    refused(server, f"{HTTPBIN}:{name}", 3, message)


def test_the_life_of_an_application_in_its_worker(server):
    running = server(f"{HTTPBIN}:telling")
    assert get(running, "/").text == "told\n"
    running.signal(signal.SIGTERM)
    assert running.wait() == 0
    told = [line for line in running.log.splitlines() if not line.startswith("[")]
    assert told == ["the startup hook runs", "the background task begins",
                    "the background task is cancelled", "the shutdown hook runs",
                    "the state is destroyed"]
