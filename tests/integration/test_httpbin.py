# SPDX-License-Identifier: MIT
"""The httpbin example: every endpoint, by a client that knows nothing of the server."""
import base64
import collections
import json
import os
import re
import signal
import time
import uuid

import httpx
import pytest

from raw_client import DEADLINE_S, RawConnection

UNSAFE = {"HTTPBIN_UNSAFE": "1"}


@pytest.fixture
def bin(server):
    with httpx.Client(base_url=server(app="httpbin").url, timeout=DEADLINE_S) as client:
        yield client


@pytest.fixture
def unsafe(server):
    running = server(app="httpbin", environment=UNSAFE)
    with httpx.Client(base_url=running.url, timeout=DEADLINE_S) as client:
        client.server = running
        yield client


# ---- the request, told back -------------------------------------------------------------------

def test_get_tells_args_headers_origin_and_url(bin):
    answer = bin.get("/get?a=1&b=x+y&a=2&c=%C3%A4", headers={"x-test-field": "value"})
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()
    assert said["args"] == {"a": ["1", "2"], "b": "x y", "c": "ä"}
    assert said["headers"]["X-Test-Field"] == "value"
    assert said["headers"]["Host"] == bin.base_url.netloc.decode()
    assert said["origin"] == "127.0.0.1"
    assert said["url"] == f"{bin.base_url}/get?a=1&b=x+y&a=2&c=%C3%A4"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_method_has_its_own_endpoint(bin, method):
    said = bin.request(method, f"/{method}", content=b"plain text").json()
    assert said["data"] == "plain text" and said["json"] is None
    assert said["form"] == {} and said["files"] == {}
    others = {"get", "post", "put", "patch", "delete"} - {method}
    assert {bin.request(other, f"/{method}").status_code for other in others} == {405}


def test_a_form_is_taken_apart(bin):
    said = bin.post("/post", data={"a": "1 2", "b": ["x", "y&z"]}).json()
    assert said["form"] == {"a": "1 2", "b": ["x", "y&z"]} and said["data"] == ""


def test_a_multipart_body_is_taken_apart(bin):
    files = {"file": ("name.txt", b"text\r\n--of the file"), "raw": ("raw", bytes(range(256)))}
    said = bin.post("/post", data={"field": "value"}, files=files).json()
    assert said["form"] == {"field": "value"}
    assert said["files"]["file"] == "text\r\n--of the file"
    encoded = base64.b64encode(bytes(range(256))).decode()
    assert said["files"]["raw"] == f"data:application/octet-stream;base64,{encoded}"


def test_json_is_told_back_as_json(bin):
    value = {"a": [1, 2.5, True, None, "ä\u0001\"\\"], "b": {"c": {}}}
    said = bin.post("/post", json=value).json()
    assert said["json"] == value
    assert json.loads(said["data"]) == value


@pytest.mark.parametrize("text", ["{", "{\"a\":}", "[1,]", "nul", "\"\\x\"", "[" * 5000])
def test_bad_json_is_only_data(bin, text):
    said = bin.post("/post", content=text).json()
    assert said["json"] is None and said["data"] == text


def test_bytes_that_are_no_text_are_told_back_encoded(bin):
    said = bin.post("/post", content=b"\xff\xfe\x00").json()
    assert said["data"] == "data:application/octet-stream;base64," + base64.b64encode(
        b"\xff\xfe\x00").decode()


def test_anything_takes_every_method_and_path(bin):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
        said = bin.request(method, "/anything/a/b?c=d").json()
        assert said["method"] == method
        assert said["url"].endswith("/anything/a/b?c=d") and said["args"] == {"c": "d"}
    assert bin.get("/anything").json()["method"] == "GET"


def test_headers_ip_and_user_agent(bin):
    assert bin.get("/headers", headers={"a": "b"}).json()["headers"]["A"] == "b"
    assert bin.get("/ip").json() == {"origin": "127.0.0.1"}
    assert bin.get("/user-agent", headers={"user-agent": "t"}).json() == {"user-agent": "t"}


# ---- statuses, redirects, authentication ------------------------------------------------------

@pytest.mark.parametrize("status", [200, 201, 204, 206, 299, 304, 400, 404, 418, 500, 503, 599])
def test_a_status_of_choice(bin, status):
    for method in ("GET", "POST", "HEAD"):
        assert bin.request(method, f"/status/{status}").status_code == status


def test_one_of_several_statuses(bin):
    seen = {bin.get("/status/200,404,503").status_code for _ in range(100)}
    assert seen == {200, 404, 503}


@pytest.mark.parametrize("text", ["0", "99", "600", "x", "-200", "200;404", "99999999999"])
def test_what_is_no_status_is_refused(bin, text):
    assert bin.get(f"/status/{text}").status_code == 400


@pytest.mark.parametrize("path", ["/redirect/3", "/relative-redirect/3", "/absolute-redirect/3",
                                  "/redirect/3?absolute=true"])
def test_redirects_lead_to_get(bin, path):
    answer = bin.get(path, follow_redirects=True)
    assert answer.status_code == 200 and answer.url.path == "/get"
    assert [hop.status_code for hop in answer.history] == [302, 302, 302]


def test_redirect_to_goes_where_it_is_told(bin):
    answer = bin.get("/redirect-to", params={"url": "/ip?a=b", "status_code": 307})
    assert answer.status_code == 307 and answer.headers["location"] == "/ip?a=b"
    assert bin.get("/redirect-to").status_code == 400
    assert bin.get("/redirect/0").status_code == 400


def test_basic_auth(bin):
    answer = bin.get("/basic-auth/ada/secret")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="Fake Realm"'
    said = bin.get("/basic-auth/ada/secret", auth=("ada", "secret"))
    assert said.json() == {"authenticated": True, "user": "ada"}
    assert bin.get("/basic-auth/ada/secret", auth=("ada", "wrong")).status_code == 401
    assert bin.get("/hidden-basic-auth/ada/secret").status_code == 404
    assert bin.get("/hidden-basic-auth/ada/secret", auth=("ada", "secret")).status_code == 200


@pytest.mark.parametrize("text", ["a%0d%0ab", "%22", "a%20b", "%7f"])
def test_an_etag_that_is_none_is_the_clients_mistake(bin, text):
    assert bin.get(f"/etag/{text}").status_code == 400


# ---- caches and fields ------------------------------------------------------------------------

@pytest.mark.parametrize("fields, status", [
    ({}, 200),
    ({"if-none-match": '"tag"'}, 304),
    ({"if-none-match": '"a", "tag"'}, 304),
    ({"if-none-match": 'W/"tag"'}, 304),
    ({"if-none-match": "*"}, 304),
    ({"if-none-match": '"other", "tag2"'}, 200),
    ({"if-match": '"tag"'}, 200),
    ({"if-match": '"other"'}, 412),
])
def test_etag(bin, fields, status):
    answer = bin.get("/etag/tag", headers=fields)
    assert answer.status_code == status
    if status != 412:
        assert answer.headers["etag"] == '"tag"'


def test_cache(bin):
    answer = bin.get("/cache")
    assert answer.status_code == 200 and answer.headers["etag"]
    validators = {"If-None-Match": answer.headers["etag"],
                  "If-Modified-Since": answer.headers["last-modified"]}
    for name, value in validators.items():
        again = bin.get("/cache", headers={name: value})
        assert again.status_code == 304 and again.content == b""
    assert bin.get("/cache/60").headers["cache-control"] == "public, max-age=60"
    assert bin.get("/cache/x").status_code == 400


def test_response_headers(bin):
    answer = bin.get("/response-headers?X-A=1&X-A=2&Server=mine")
    assert answer.headers.get_list("x-a") == ["1", "2"]
    assert answer.headers["server"] == "mine"
    said = answer.json()["headers"]
    assert said["X-A"] == ["1", "2"] and said["Content-Type"] == "application/json"
    assert said["Content-Length"] == answer.headers["content-length"] == str(len(answer.content))
    assert bin.get("/response-headers?a%0d%0ab=c").status_code == 400


# ---- cookies ----------------------------------------------------------------------------------

def test_cookies_are_set_told_and_deleted(bin):
    assert bin.get("/cookies").json() == {"cookies": {}}
    said = bin.get("/cookies/set?a=1&b=2", follow_redirects=True).json()
    assert said == {"cookies": {"a": "1", "b": "2"}}
    said = bin.get("/cookies/set/c/3", follow_redirects=True).json()
    assert said == {"cookies": {"a": "1", "b": "2", "c": "3"}}
    said = bin.get("/cookies/delete?a&c", follow_redirects=True).json()
    assert said == {"cookies": {"b": "2"}}
    assert bin.get("/cookies/set?a=b%3bc").status_code == 400


# ---- documents and encodings ------------------------------------------------------------------

def test_documents(bin):
    assert bin.get("/json").json()["slideshow"]["title"] == "Sample Slide Show"
    html = bin.get("/html")
    assert html.headers["content-type"] == "text/html; charset=utf-8"
    assert "Moby-Dick" in html.text
    assert bin.get("/").status_code == 200


def test_uuids_are_random(bin):
    ids = [uuid.UUID(bin.get("/uuid").json()["uuid"]) for _ in range(50)]
    assert len(set(ids)) == 50
    assert {each.version for each in ids} == {4}
    assert {each.variant for each in ids} == {uuid.RFC_4122}


def test_base64(bin):
    assert bin.get("/base64/SFRUUEJJTiBpcyBhd2Vzb21l").text == "HTTPBIN is awesome"
    for size in range(1, 5):
        text = "ä?>~"[:size]
        assert bin.get("/base64/" + base64.urlsafe_b64encode(text.encode()).decode()).text == text
    assert bin.get("/base64/!").text.startswith("Incorrect")


def test_an_escaped_slash_is_part_of_its_segment(bin):
    assert bin.get("/base64/YWJj%2F%2F%2F%2F").content == base64.b64decode("YWJj////")
    assert bin.get("/base64/YWJj/YWJj").status_code == 404
    assert bin.get("/get%2Fx").status_code == 404


# ---- answers that take their time, or their space ---------------------------------------------

def test_delay(bin):
    start = time.monotonic()
    said = bin.post("/delay/0.3", data={"a": "b"}).json()
    assert time.monotonic() - start >= 0.29
    assert said["form"] == {"a": "b"}
    assert bin.get("/delay/x").status_code == 400
    assert bin.get("/delay/nan").status_code == 400
    assert bin.get("/delay/-1").status_code == 200


@pytest.mark.parametrize("count", [0, 1, 16383, 16384, 16385, 1_000_001])
def test_bytes_of_any_size_come_with_their_length(bin, count):
    first = bin.get(f"/bytes/{count}?seed=7")
    assert first.headers["content-length"] == str(count)
    assert len(first.content) == count
    again = bin.get(f"/stream-bytes/{count}?seed=7&chunk_size=1000")
    assert "content-length" not in again.headers
    if count < 1000:
        assert again.content == first.content
    assert len(again.content) == count
    assert bin.get("/bytes/-1").status_code == 400
    assert bin.get("/bytes/x").status_code == 400


def test_a_large_answer_needs_little_memory(server):
    running = server(app="httpbin")
    [worker] = running.wait_until(running.workers, "the worker")

    def peak():
        with open(f"/proc/{worker}/status", encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1])

    size = 200_000_000
    with httpx.stream("GET", f"{running.url}/bytes/1000", timeout=DEADLINE_S) as answer:
        answer.read()
    before = peak()
    with httpx.stream("GET", f"{running.url}/bytes/{size}", timeout=DEADLINE_S) as answer:
        assert sum(len(piece) for piece in answer.iter_raw()) == size
    assert peak() - before < 8_000


def test_stream_sends_a_json_document_a_line(bin):
    answer = bin.get("/stream/5?a=b")
    assert answer.headers["transfer-encoding"] == "chunked"
    documents = [json.loads(line) for line in answer.text.splitlines()]
    assert [document["id"] for document in documents] == [0, 1, 2, 3, 4]
    assert documents[0]["args"] == {"a": "b"}
    assert bin.get("/stream/x").status_code == 400


def test_drip_spreads_its_bytes(bin):
    start = time.monotonic()
    times = []
    url = "/drip?duration=0.5&delay=0.2&numbytes=5&code=202"
    with bin.stream("GET", url) as answer:
        assert answer.status_code == 202 and answer.headers["content-length"] == "5"
        for piece in answer.iter_raw():
            times += [time.monotonic() - start] * len(piece)
    assert len(times) == 5
    assert times[0] >= 0.19 and times[-1] - times[0] >= 0.3


# ---- beyond httpbin ---------------------------------------------------------------------------

def test_hello(bin):
    answer = bin.get("/hello")
    assert answer.text == "Hello, World!"
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "QUERY"])
def test_echo_sends_the_body_back(bin, method):
    body = os.urandom(300_000)
    answer = bin.request(method, "/echo", content=body, headers={"content-type": "image/png"})
    assert answer.content == body
    assert answer.headers["content-length"] == str(len(body))
    assert answer.headers["content-type"] == "image/png"
    empty = bin.request(method, "/echo")
    assert empty.content == b"" and empty.headers["content-length"] == "0"


def test_echo_streams_a_body_of_unknown_length(bin):
    pieces = [os.urandom(70_000) for _ in range(10)]
    answer = bin.post("/echo", content=iter(pieces))
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.content == b"".join(pieces)


def test_echo_begins_before_the_body_has_ended(server):
    with RawConnection(server(app="httpbin").address) as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nfirst")
        assert b"Content-Length: 10" in client.read_until(b"\r\n\r\n")
        assert client.read_exactly(5) == b"first"
        client.send(b"again")
        assert client.read_exactly(5) == b"again"


def test_a_client_that_expects_continue_is_told_to_go_on(server):
    with RawConnection(server(app="httpbin").address) as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n"
                    b"Expect: 100-continue\r\n\r\n")
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        client.send(b"hello")
        assert client.read_answer().body == b"hello"


def test_events(bin):
    answer = bin.get("/sse/3")
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text == "".join(f"id: {n}\ndata: event {n}\n\n" for n in range(3))


def test_events_come_when_they_happen(bin):
    with bin.stream("GET", "/sse/1000000?pause_ms=20") as answer:
        lines = answer.iter_lines()
        seen = [next(lines) for _ in range(9)]
    assert [line.strip() for line in seen] == [
        "id: 0", "data: event 0", "", "id: 1", "data: event 1", "",
        "id: 2", "data: event 2", ""]
    assert bin.get("/hello").status_code == 200


def test_worker_tells_who_answered(server):
    running = server("--workers", "2", app="httpbin")
    seen = collections.Counter()

    def both_seen():
        said = httpx.get(f"{running.url}/worker", timeout=DEADLINE_S).json()
        seen[(said["pid"], said["slot"], said["generation"])] += 1
        return len(seen) == 2

    running.wait_until(both_seen, "an answer of each worker")
    assert {pid for pid, _, _ in seen} == set(running.workers())
    assert {(slot, generation) for _, slot, generation in seen} == {(0, 1), (1, 1)}


def test_head_has_the_fields_of_get_and_no_body(bin):
    for path in ("/get", "/hello", "/bytes/1000", "/html"):
        got, head = bin.get(path), bin.head(path)
        assert head.status_code == 200 and head.content == b""
        assert head.headers["content-length"] == got.headers["content-length"]


def test_options_and_405_tell_what_is_allowed(bin):
    assert bin.options("/get").headers["allow"] == "GET, HEAD, OPTIONS"
    answer = bin.post("/get")
    assert answer.status_code == 405 and answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert bin.get("/no/such/path").status_code == 404


# ---- what harms a worker ----------------------------------------------------------------------

def test_what_harms_is_there_only_when_it_is_allowed(bin):
    for path in ("/burn/1", "/crash", "/exit/3", "/leak/1", "/throw"):
        assert bin.get(path).status_code == 404


def test_throw_is_a_500_and_logged(unsafe):
    answer = unsafe.get("/throw")
    assert answer.status_code == 500 and "asked" not in answer.text
    unsafe.server.wait_for_log("thrown by /throw, as it was asked to")
    assert unsafe.get("/hello").status_code == 200


def test_burn_blocks_the_worker(unsafe):
    start = time.monotonic()
    assert unsafe.get("/burn/300").status_code == 200
    assert time.monotonic() - start >= 0.3


def test_leak_keeps_memory(unsafe):
    [worker] = unsafe.server.wait_until(unsafe.server.workers, "the worker")

    def resident():
        with open(f"/proc/{worker}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    assert unsafe.get("/leak/50000000").status_code == 200
    assert resident() - before >= 50_000_000


@pytest.mark.parametrize("path, how", [("/crash", int(signal.SIGSEGV)), ("/exit/7", "code 7")])
def test_a_worker_that_ends_is_replaced(unsafe, path, how):
    [worker] = unsafe.server.wait_until(unsafe.server.workers, "the worker")
    with pytest.raises(httpx.RemoteProtocolError):
        unsafe.get(path)

    def answered_by_another():
        try:
            return unsafe.get("/worker").json()["pid"] != worker
        except httpx.TransportError:
            return False

    unsafe.server.wait_until(answered_by_another, "another worker")
    if isinstance(how, str):
        assert how in unsafe.server.log
