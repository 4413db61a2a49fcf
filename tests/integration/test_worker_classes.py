# SPDX-License-Identifier: MIT
"""The worker classes: where handlers run, what holds what, and what a stuck one costs."""
import json
import threading
import time

import pytest

from conftest import DEADLINE_S
from raw_client import ConnectionEnded, RawConnection, request

CLASSES = ["async", "threads", "sync"]
UNSAFE = {"HTTPBIN_UNSAFE": "1"}
HELLO = request("/hello")


@pytest.fixture(params=CLASSES)
def worker_class(request):
    return request.param


def ask_in_parallel(running, targets):
    """The answers to requests that are made at the same time, each on a connection of its own."""
    answers = [None] * len(targets)

    def ask(number, target):
        with RawConnection(running.address) as client:
            answers[number] = client.ask(request(target, fields=[("Connection", "close")]))
    threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(targets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    return answers


def seconds_for(running, targets):
    begin = time.monotonic()
    answers = ask_in_parallel(running, targets)
    assert [answer.status for answer in answers] == [200] * len(targets)
    return time.monotonic() - begin


# ---- the words -------------------------------------------------------------------------------

@pytest.mark.parametrize("word, runs_on_main_thread", [
    ("async", True), ("gevent", True), ("eventlet", True), ("threads", False), ("gthread", False),
    ("sync", False)])
def test_gunicorns_words_choose_the_class(server, word, runs_on_main_thread):
    running = server("-k", word, app="httpbin")
    place = json.loads(running.get("/place").body)
    assert place["is_main_thread"] == runs_on_main_thread
    assert bool(running.lines("WARNING.*eventlet is deprecated")) == (word == "eventlet")


def test_a_class_that_does_not_exist_is_refused_by_name(server):
    running = server("--worker-class", "tornado", wait=False)
    assert running.wait() == 2
    assert running.log.count("\n") == 1
    assert "--worker-class: there is no worker class `tornado`" in running.log


# ---- where handlers run ----------------------------------------------------------------------

def test_what_blocks_does_not_run_on_the_reactor(server, worker_class):
    running = server("-k", worker_class, app="httpbin")
    for target in ("/block/1", "/offload/1"):
        assert json.loads(running.get(target).body)["is_main_thread"] is False


@pytest.mark.parametrize("target", ["/block/600000", "/offload/600000"])
def test_a_handler_that_blocks_does_not_hold_up_the_others(server, target):
    running = server("--threads", "2", app="httpbin")
    with RawConnection(running.address) as blocked:
        blocked.send(request(target))
        for _ in range(3):
            assert running.get("/hello").status == 200
            assert running.get("/block/1").status == 200


@pytest.mark.parametrize("worker_class, target", [
    ("async", "/block/300"), ("async", "/offload/300"), ("threads", "/block/300"),
    ("threads", "/offload/300")])
def test_threads_share_the_work(server, worker_class, target):
    running = server("-k", worker_class, "--threads", "4", app="httpbin")
    seconds_for(running, [target])
    assert seconds_for(running, [target] * 4) < 1.1


def test_coroutines_that_wait_hold_no_thread(server):
    running = server("-k", "threads", "--threads", "1", app="httpbin")
    assert seconds_for(running, ["/delay/0.5"] * 8) < 3


def test_a_sync_worker_takes_one_request_at_a_time(server):
    running = server("-k", "sync", app="httpbin")
    assert seconds_for(running, ["/block/200"] * 4) >= 0.8
    assert seconds_for(running, ["/delay/0.2"] * 4) >= 0.8


def test_a_sync_worker_closes_the_connection_after_the_answer(server):
    running = server("-k", "sync", app="httpbin")
    with RawConnection(running.address) as client:
        client.send(HELLO + HELLO)
        assert client.read_answer().closes
        assert client.read_to_end() == b""


def test_a_busy_sync_worker_leaves_connections_to_the_others(server):
    running = server("-k", "sync", "--workers", "2", app="httpbin")
    running.wait_until_ready(2)
    with RawConnection(running.address) as busy:
        busy.send(request("/block/600000"))
        time.sleep(0.2)  # what is sent from now on finds a worker that is at work
        for _ in range(20):
            assert running.get("/hello", timeout=10).status == 200


@pytest.mark.parametrize("worker_class", ["async", "threads"])
def test_connections_are_kept(server, worker_class):
    running = server("-k", worker_class, app="httpbin")
    with RawConnection(running.address) as client:
        for target in ("/hello", "/block/1", "/offload/1", "/place", "/hello"):
            answer = client.ask(request(target))
            assert answer.status == 200 and not answer.closes


# ---- bodies ----------------------------------------------------------------------------------

BODY = bytes(range(256)) * 1024  # more than is received ahead


def test_a_blocking_handler_is_given_the_whole_body(server, worker_class):
    running = server("-k", worker_class, app="httpbin")
    for body in (BODY, BODY[:100], b""):
        with RawConnection(running.address) as client:
            answer = client.ask(request("/sum", "POST", body=body))
            assert answer.body == b"%d bytes, sum %d\n" % (len(body), sum(body))


def test_bodies_are_streamed_both_ways(server, worker_class):
    running = server("-k", worker_class, app="httpbin")
    with RawConnection(running.address) as client:
        client.send(request("/echo", "POST", fields=[("Transfer-Encoding", "chunked")]))
        answer = None
        for start in range(0, len(BODY), 4096):
            client.send(b"1000\r\n" + BODY[start:start + 4096] + b"\r\n")
        client.send(b"0\r\n\r\n")
        answer = client.read_answer()
        assert answer.body == BODY


def test_a_streamed_answer_arrives_while_it_is_produced(server, worker_class):
    running = server("-k", worker_class, app="httpbin")
    with RawConnection(running.address) as client:
        client.send(request("/sse/3?pause_ms=300"))
        client.read_head()
        begin = time.monotonic()
        client.read_until(b"event 0")
        assert time.monotonic() - begin < 0.3
        client.read_until(b"event 2")
        assert time.monotonic() - begin >= 0.5


def test_what_is_wrong_with_a_body_is_told(server, worker_class):
    running = server("-k", worker_class, "--limit-request-body", "1000", app="httpbin")
    for target in ("/sum", "/post"):
        with RawConnection(running.address) as client:
            client.send(request(target, "POST", fields=[("Transfer-Encoding", "chunked")]))
            client.send(b"zz\r\n")
            assert client.read_answer().status == 400
        with RawConnection(running.address) as client:
            client.send(request(target, "POST", fields=[("Transfer-Encoding", "chunked")]))
            client.send(b"1000\r\n" + BODY[:4096] + b"\r\n0\r\n\r\n")
            assert client.read_answer().status == 413


def test_a_slow_upload_holds_nobody(server, worker_class):
    running = server("-k", worker_class, "--threads", "1", app="httpbin")
    with RawConnection(running.address) as slow_head, RawConnection(running.address) as slow_body:
        slow_head.send(b"GET /hel")
        whole = request("/sum", "POST", body=b"x" * 1000)
        slow_body.send(whole[:-1])
        for _ in range(5):
            assert running.get("/block/1").status == 200
        slow_body.send(whole[-1:])
        assert slow_body.read_answer().body.startswith(b"1000 bytes")
        slow_head.send(b"lo HTTP/1.1\r\nHost: a\r\n\r\n")
        assert slow_head.read_answer().status == 200


def test_a_client_that_takes_its_answer_slowly_holds_nobody(server, worker_class):
    running = server("-k", worker_class, "--threads", "1", app="httpbin")
    with RawConnection(running.address) as slow:
        slow.send(request("/sum", "POST", body=b"x") + b"")
        assert slow.read_answer().status == 200
    with RawConnection(running.address) as slow:
        slow.send(request("/base64/" + "QUJD" * 1500))
        assert running.get("/block/1").status == 200


# ---- too much --------------------------------------------------------------------------------

@pytest.mark.parametrize("worker_class", ["async", "threads"])
def test_what_finds_no_place_in_the_queue_is_told_to_come_again(server, worker_class):
    running = server("-k", worker_class, "--threads", "1", "--thread-queue", "1", app="httpbin")
    with RawConnection(running.address) as first, RawConnection(running.address) as second:
        first.send(request("/block/600000"))
        second.send(request("/block/1"))
        answer = running.wait_until(
            lambda: (found := running.get("/block/1")).status == 503 and found, "a refusal")
        assert answer.get("Retry-After") == "1"
        first.close()  # gone: its handler is asked to stop, and the one that waits has its turn
        assert second.read_answer().status == 200
    assert running.get("/block/1").status == 200


def test_a_client_that_left_while_it_waited_for_a_thread_costs_none(server):
    running = server("--threads", "1", app="httpbin")
    with RawConnection(running.address) as first:
        first.send(request("/block/1500"))
        for _ in range(20):
            with RawConnection(running.address) as impatient:
                impatient.send(request("/block/60000"))
        begin = time.monotonic()
        assert running.get("/block/1").status == 200
        assert time.monotonic() - begin < 10


# ---- exceptions and deadlines ----------------------------------------------------------------

def test_exceptions_of_handlers_are_answered_alike(server, worker_class):
    running = server("-k", worker_class, app="httpbin", environment=UNSAFE)
    assert running.get("/throw").status == 500
    running.wait_for_line("ERROR.*GET /throw: exception in the handler: thrown by /throw")
    assert running.get("/block/never").status == 400
    assert running.get("/offload/never").status == 400
    assert running.get("/hello").status == 200


@pytest.mark.parametrize("target", ["/block/600000", "/offload/600000", "/delay/10"])
def test_the_time_of_a_request_ends_what_heeds_it(server, worker_class, target):
    running = server("-k", worker_class, "--request-timeout", "300ms", "--threads", "1",
                     app="httpbin")
    assert running.get(target).status == 504
    assert running.get("/block/1").status == 200


@pytest.mark.parametrize("worker_class, target", [
    ("async", "/blocking-stick/4"), ("threads", "/stick/4"), ("threads", "/blocking-stick/4"),
    ("sync", "/stick/4"), ("sync", "/burn/4000"), ("threads", "/burn/4000")])
def test_the_time_of_a_request_frees_the_client_of_what_heeds_nothing(server, worker_class, target):
    running = server("-k", worker_class, "--request-timeout", "300ms", app="httpbin",
                     environment=UNSAFE)
    begin = time.monotonic()
    with RawConnection(running.address) as client:
        client.send(request(target))
        answer = client.read_answer()
        assert answer.status == 504 and answer.closes
        assert time.monotonic() - begin < 3.5
        assert client.read_to_end() == b""
    assert running.get("/hello").status == 200


# ---- hanging ---------------------------------------------------------------------------------

def test_a_sync_worker_that_hangs_is_replaced_and_only_its_request_is_lost(server):
    running = server("-k", "sync", "--workers", "2", "--timeout", "2", app="httpbin",
                     environment=UNSAFE)
    pids = running.wait_until_ready(2)
    with RawConnection(running.address) as stuck:
        stuck.send(request("/stick/600"))
        running.wait_for_line("was silent")
        with pytest.raises((ConnectionEnded, ConnectionResetError)):
            stuck.read_answer()
    assert running.lines(r"in request: GET /stick/600")
    running.wait_until(lambda: len(set(running.wait_until_ready(2)) - set(pids)) == 1,
                       "one new worker")
    assert running.get("/hello").status == 200


def test_a_sync_worker_counts_only_the_age_of_its_request(server):
    running = server("-k", "sync", "--timeout", "2", app="httpbin")
    first = running.wait_until_ready()
    for _ in range(3):
        time.sleep(1)
        assert running.get("/block/1000").status == 200
    assert running.workers() == first


def test_a_sync_worker_is_replaced_for_a_coroutine_that_never_ends(server):
    running = server("-k", "sync", "--timeout", "2", app="httpbin", environment=UNSAFE)
    with RawConnection(running.address) as stuck:
        stuck.send(request("/wait-for-ever"))
        running.wait_for_line("was silent")
    running.wait_for_line(" is ready after ", times=2)
    assert running.get("/hello").status == 200


@pytest.mark.parametrize("target", ["/stick/600", "/burn/600000"])
def test_threads_that_are_all_stuck_stop_the_heart(server, target):
    running = server("-k", "threads", "--threads", "2", "--timeout", "2", app="httpbin",
                     environment=UNSAFE)
    first = running.wait_until_ready()
    with RawConnection(running.address) as one:
        one.send(request(target))
        for _ in range(3):  # one thread is left
            time.sleep(1)
            assert running.get("/hello").status == 200
        assert running.workers() == first
        with RawConnection(running.address) as two:
            two.send(request(target))
            running.wait_for_line("was silent")
    running.wait_for_line(" is ready after ", times=2)
    assert running.get("/hello").status == 200


def test_threads_of_async_that_are_stuck_do_not_stop_the_heart(server):
    running = server("--threads", "1", "--timeout", "2", app="httpbin", environment=UNSAFE)
    first = running.wait_until_ready()
    with RawConnection(running.address) as stuck:
        stuck.send(request("/blocking-stick/5"))
        time.sleep(4)
        assert running.get("/hello").status == 200
        assert stuck.read_answer().status == 200
    assert running.workers() == first


def test_threads_that_wait_are_not_stuck(server):
    running = server("-k", "threads", "--threads", "1", "--timeout", "2", app="httpbin")
    first = running.wait_until_ready()
    assert running.get("/delay/5").status == 200
    assert running.workers() == first
