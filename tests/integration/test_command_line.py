# SPDX-License-Identifier: MIT
"""The command line and the settings of the real binary: what it prints, where, and exit codes."""
import os
import subprocess

import pytest

from conftest import DEADLINE_S, SETTINGS_VARIABLES
from program import BINARY


@pytest.fixture
def uringcorn(tmp_path):
    """Runs the binary to its end, in a directory of the test's own."""
    def run(*arguments, environment=None, **options):
        variables = {name: value for name, value in os.environ.items()
                     if name not in SETTINGS_VARIABLES}
        variables.update(environment or {})
        return subprocess.run([BINARY, *arguments], cwd=tmp_path, env=variables, text=True,
                              stdout=options.pop("stdout", subprocess.PIPE),
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              timeout=DEADLINE_S, check=False)
    return run


def assert_refused(result, sentence):
    """Exit code 2 and this one sentence on standard error."""
    assert result.stderr == f"uringcorn: {sentence}\n"
    assert result.stdout == ""
    assert result.returncode == 2


def test_without_a_command_a_short_usage_is_printed(uringcorn):
    result = uringcorn()
    assert result.returncode == 2
    assert result.stderr.startswith("usage: uringcorn serve [APP] [options]")
    assert len(result.stderr.splitlines()) <= 10


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(uringcorn, flag):
    result = uringcorn(flag)
    assert result.returncode == 0
    assert result.stdout.startswith("usage: uringcorn serve")
    options = uringcorn("serve", flag)
    assert options.returncode == 0
    assert "-w, --workers INT|auto" in options.stdout
    assert all(len(line) <= 80 for line in options.stdout.splitlines())


@pytest.mark.parametrize("arguments", [["--version"], ["-v"], ["serve", "--version"]])
def test_version(uringcorn, arguments):
    result = uringcorn(*arguments)
    assert result.returncode == 0
    assert result.stdout.startswith("uringcorn ")
    assert result.stderr == ""


@pytest.mark.parametrize("arguments, sentence", [
    (["srve"], 'unknown command "srve" (did you mean serve?)'),
    (["./libshop.so"],
     'unknown command "./libshop.so" (did you mean uringcorn serve ./libshop.so?)'),
    (["-w", "4"], 'unknown option "-w" (did you mean uringcorn serve -w?)'),
    (["--bind=:80"], 'unknown option "--bind=:80" (did you mean uringcorn serve --bind=:80?)'),
    (["--versoin"], 'unknown option "--versoin" (did you mean --version?)'),
    (["help"], 'unknown command "help" (did you mean --help?)'),
    (["serve", "--pythonpath", "x"],
     'unknown option "--pythonpath" (gunicorn\'s, for Python applications)'),
    (["--frobnicate"], 'unknown option "--frobnicate" (uringcorn --help lists the commands)'),
    (["serve", "--wrkers", "4"], 'unknown option "--wrkers" (did you mean --workers?)'),
    (["serve", "--workers"], "--workers needs a value"),
    (["serve", "--workers", "fuor"],
     '--workers: "fuor" is not a whole number or "auto" (1 to 1024)'),
    (["serve", "-t", "soon"],
     '--timeout: "soon" is not a duration such as 30, 0.5, 500ms, 30s or 5m (0 to 24h)'),
    (["serve", "--reactor", "kqueue"],
     '--reactor: "kqueue" is not one of auto, io_uring or epoll'),
    (["serve", "a.so", "b.so"],
     '"b.so" is one argument too many: only one application can be served'),
    (["serve", "--access-logformat", "%(z)s"], "--access-logformat: there is no atom %(z)s"),
    (["serve", "--limit-request-head", "4k"],
     "limit_request_line (8190, default) is more than limit_request_head (4k, "
     "--limit-request-head), which includes it: raise limit_request_head"),
])
def test_what_cannot_be_used_is_one_sentence_and_exit_code_2(uringcorn, arguments, sentence):
    assert_refused(uringcorn(*arguments), sentence)


def test_an_address_that_cannot_be_understood_is_refused_before_anything_starts(uringcorn):
    result = uringcorn("serve", "--bind", "localhost:http")
    assert result.returncode == 2
    assert result.stderr.startswith("uringcorn: --bind: cannot listen on 'localhost:http'")
    assert len(result.stderr.splitlines()) == 1


def test_bad_values_in_the_environment_name_their_variable(uringcorn):
    assert_refused(uringcorn("serve", environment={"WEB_CONCURRENCY": "many"}),
                   'WEB_CONCURRENCY: "many" is not a whole number or "auto" (1 to 1024)')
    assert_refused(uringcorn("serve", environment={"PORT": "http"}),
                   'PORT: "http" is not a port number (0 to 65535)')
    assert_refused(uringcorn("serve", environment={"URINGCORN_CMD_ARGS": "-w 'x"}),
                   "URINGCORN_CMD_ARGS: a quote (') is not closed")


def test_errors_in_the_configuration_file_have_file_line_and_key(uringcorn, tmp_path):
    (tmp_path / "uringcorn.toml").write_text("# shop\nworkers = 2\ntimeuot = 5\n")
    assert_refused(uringcorn("serve"),
                   'uringcorn.toml:3: unknown setting "timeuot" (did you mean timeout?)')
    (tmp_path / "shop.toml").write_text("\ntimeout = true\n")
    assert_refused(uringcorn("serve", "-c", "shop.toml"),
                   "shop.toml:2: timeout: expected a duration such as 30, 0.5, 500ms, 30s or 5m "
                   "(0 to 24h), found true")
    assert_refused(uringcorn("serve", "-c", "missing.toml"),
                   '--config: cannot read "missing.toml": No such file or directory')


def test_print_config_shows_where_each_value_came_from(uringcorn, tmp_path):
    (tmp_path / "uringcorn.toml").write_text('keep_alive = "2s"\nbacklog = 100\nworkers = 3\n')
    result = uringcorn("serve", "--print-config", "--backlog", "50", environment={
        "PORT": "9000", "WEB_CONCURRENCY": "7", "URINGCORN_CMD_ARGS": "--timeout 90 --backlog 60"})
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert 'bind = ["0.0.0.0:9000"]  # PORT 9000' in lines
    assert "workers = 3  # uringcorn.toml:3" in lines
    assert 'keep_alive = "2s"  # uringcorn.toml:1' in lines
    assert 'timeout = "90s"  # URINGCORN_CMD_ARGS: --timeout 90' in lines
    assert "backlog = 50  # --backlog" in lines
    assert 'reactor = "auto"  # default' in lines


def test_what_print_config_prints_can_be_used_as_a_configuration_file(uringcorn, tmp_path):
    first = uringcorn("serve", "./shop.so", "-w", "3", "-b", ":1", "-b", "unix:/a b", "-t", "1.5",
                      "--server-header", 'x "y" \\', "--access-logformat", 'json',
                      "--print-config")
    (tmp_path / "uringcorn.toml").write_text(first.stdout)
    second = uringcorn("serve", "--print-config")

    def values(text):
        return [line.rsplit("  # ", 1)[0] for line in text.splitlines()]

    assert values(second.stdout) == values(first.stdout)
    assert "workers = 3" in values(second.stdout)


def test_output_that_cannot_be_written_is_an_error(uringcorn):
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = uringcorn("serve", "--print-config", stdout=full)
    assert result.returncode == 1
    assert result.stderr.startswith("uringcorn: cannot write to standard output: ")


def test_a_log_that_cannot_be_opened_is_one_sentence(uringcorn):
    result = uringcorn("serve", "--bind", "127.0.0.1:0", "--error-logfile", "/nonexistent/a.log")
    assert result.returncode == 1
    assert result.stderr == ("uringcorn: cannot open the log /nonexistent/a.log: "
                             "No such file or directory\n")
