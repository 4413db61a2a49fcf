# SPDX-License-Identifier: MIT
"""--reload: what counts as a change of the application, and that none of them loses a request."""
import os
import pathlib
import re
import shutil
import signal
import threading
import time

import pytest

from conftest import DEADLINE_S
from program import EXAMPLES
from raw_client import RawConnection, request

HELLO = pathlib.Path(EXAMPLES) / "libhello.so"
HTTPBIN = pathlib.Path(EXAMPLES) / "libhttpbin.so"
# The first application has nothing there, the second has.
TARGET = "/hello"


@pytest.fixture
def watched(server, tmp_path):
    """watched(*arguments) serves the hello example from a copy of the test's own, with --reload."""
    def start(*arguments, path="libshop.so", workers=1):
        shutil.copy(HELLO, tmp_path / "libshop.so")
        running = server(path, "--reload", "--workers", str(workers), *arguments)
        running.wait_until_ready(workers)
        return running
    return start


def is_httpbin(running):
    return running.get(TARGET).status == 200


def wait_for_httpbin(running):
    running.wait_until(lambda: is_httpbin(running), "the new application")


def replace_by_rename(target):
    fresh = target.with_suffix(".new")
    shutil.copy(HTTPBIN, fresh)
    os.rename(fresh, target)


def overwrite(target):
    """As `cp` does, and some linkers: the same inode, truncated and written anew."""
    inode = target.stat().st_ino
    with open(HTTPBIN, "rb") as source, open(target, "r+b") as file:
        file.truncate(0)
        shutil.copyfileobj(source, file)
    assert target.stat().st_ino == inode


def remove_and_make(target):
    target.unlink()
    shutil.copy(HTTPBIN, target)


@pytest.mark.parametrize("change", [replace_by_rename, overwrite, remove_and_make])
def test_a_changed_application_is_served(watched, tmp_path, change):
    running = watched()
    assert not is_httpbin(running)
    change(tmp_path / "libshop.so")
    wait_for_httpbin(running)
    assert "libshop.so has changed: reloading" in running.log
    running.wait_for_log("Reload done: generation 2 serves")
    assert "SIGBUS" not in running.log and "SIGSEGV" not in running.log


def test_without_the_flag_nothing_is_watched(server, tmp_path):
    shutil.copy(HELLO, tmp_path / "libshop.so")
    running = server("libshop.so")
    running.wait_until_ready()
    replace_by_rename(tmp_path / "libshop.so")
    # A reload that is asked for is later than one that nobody asked for would have been.
    running.signal(signal.SIGHUP)
    running.wait_for_log("Reload done: generation 2 serves")
    assert "has changed" not in running.log


def test_overwriting_the_file_in_place_loses_no_request(watched, tmp_path):
    running = watched(workers=2)
    failures = []
    answered = []
    done = threading.Event()

    def ask_all_the_time():
        while not done.is_set():
            try:
                answered.append(running.get("/").status)
            except (OSError, AssertionError) as error:
                failures.append(error)

    clients = [threading.Thread(target=ask_all_the_time) for _ in range(4)]
    for client in clients:
        client.start()
    try:
        overwrite(tmp_path / "libshop.so")
        wait_for_httpbin(running)
        running.wait_for_log("Reload done: generation 2 serves")
    finally:
        done.set()
        for client in clients:
            client.join(DEADLINE_S)
    assert not failures
    assert answered and set(answered) == {200}
    assert " died" not in running.log and "SIG" not in running.log.replace("SIGTERM", "")


def test_a_part_of_a_file_is_not_served_and_the_old_application_goes_on(watched, tmp_path):
    running = watched()
    whole = HTTPBIN.read_bytes()
    target = tmp_path / "libshop.so"
    target.write_bytes(whole[:16 << 10])  # less than what is loaded, in any kind of build
    running.wait_for_log("Reload abandoned: generation 2 fails to boot, generation 1 goes on")
    assert running.get("/").body == b"Hello, world!\n"
    target.write_bytes(whole)
    wait_for_httpbin(running)


def test_a_file_that_is_still_being_written_is_waited_for(watched, tmp_path):
    running = watched()
    whole = HTTPBIN.read_bytes()
    with open(tmp_path / "libshop.so", "r+b") as file:
        file.truncate(0)
        for start in range(0, len(whole), len(whole) // 10):
            file.write(whole[start:start + len(whole) // 10])
            file.flush()
            # A slow linker: in all it takes longer than the time of rest that is asked for.
            time.sleep(0.05)
        assert "has changed" not in running.log
    wait_for_httpbin(running)
    assert running.log.count("has changed: reloading") == 1
    assert "Reload abandoned" not in running.log


def test_a_release_that_a_link_is_turned_to_is_a_change(server, tmp_path):
    for name, source in (("one", HELLO), ("two", HTTPBIN)):
        (tmp_path / name).mkdir()
        shutil.copy(source, tmp_path / name / "libshop.so")
    (tmp_path / "current").symlink_to("one")
    running = server("current/libshop.so", "--reload")
    running.wait_until_ready()
    assert not is_httpbin(running)
    (tmp_path / "next").symlink_to("two")
    os.rename(tmp_path / "next", tmp_path / "current")
    wait_for_httpbin(running)


def test_extra_files_are_watched_by_pattern_and_by_folder(watched, tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "pages" / "a.html").write_text("a")
    running = watched("--reload-extra-file", "pages/*.html", "--reload-extra-file", "data",
                      "--reload-extra-file", "later/*/x.conf")
    assert "Watching 2 files (--reload)" in running.log
    reloads = 0

    def expect_reload(name):
        nonlocal reloads
        reloads += 1
        running.wait_for_log("has changed: reloading", reloads)
        assert f"{name} has changed: reloading" in running.log
        running.wait_for_log("Reload done", reloads)

    (tmp_path / "pages" / "notes.txt").write_text("of no interest")
    (tmp_path / "data" / "deep" / "file").write_text("of no interest")
    (tmp_path / "pages" / "a.html").write_text("b")
    expect_reload("pages/a.html")
    (tmp_path / "pages" / "new.html").write_text("c")
    expect_reload("pages/new.html")
    (tmp_path / "data" / "table").write_text("d")
    expect_reload("data/table")
    assert running.log.count("has changed: reloading") == 3


def test_folders_that_a_pattern_matches_may_come_later(watched, tmp_path):
    (tmp_path / "sites").mkdir()
    running = watched("--reload-extra-file", "sites/*/site.conf")
    (tmp_path / "sites" / "shop").mkdir()
    (tmp_path / "sites" / "shop" / "site.conf").write_text("x")
    running.wait_for_log("sites/shop/site.conf has changed: reloading")
    (tmp_path / "sites" / "shop" / "site.conf").write_text("y")
    running.wait_for_log("sites/shop/site.conf has changed: reloading", 2)


def test_many_changes_at_once_are_one_reload(watched, tmp_path):
    (tmp_path / "pages").mkdir()
    running = watched("--reload-extra-file", "pages")
    for number in range(200):
        (tmp_path / "pages" / f"{number}.html").write_text("x")
    running.wait_for_log("Reload done: generation 2 serves")
    (tmp_path / "pages" / "last.html").write_text("x")
    running.wait_for_log("Reload done: generation 3 serves")
    assert running.log.count("has changed: reloading") == 2


def test_a_keep_alive_connection_is_told_to_come_anew(watched, tmp_path):
    running = watched()
    with RawConnection(running.address) as client:
        assert client.ask(request("/")).status == 200
        replace_by_rename(tmp_path / "libshop.so")
        running.wait_for_log("Reload done: generation 2 serves")
        running.wait_until(lambda: client.ask(request("/")).closes, "an answer that closes")


def test_the_symbol_of_a_private_copy_is_found_by_its_name(server, tmp_path):
    shutil.copy(HTTPBIN, tmp_path / "libshop.so")
    running = server("./libshop.so:telling", "--reload")
    running.wait_until_ready()
    assert running.get("/").body == b"told\n"
    workers = running.workers()
    maps = pathlib.Path(f"/proc/{workers[0]}/maps").read_text()
    assert re.search(r"/memfd:libshop\.so \(deleted\)", maps)
    assert str(tmp_path / "libshop.so") not in maps
