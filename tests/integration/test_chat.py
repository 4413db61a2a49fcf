# SPDX-License-Identifier: MIT
"""The chat example: with raw clients, and in a real browser."""
import asyncio
import os
import pathlib
import signal

import pytest
import websockets

from browser import Browser

DEADLINE_S = 150
# A folder for pictures of the page, for people who want to see it.
PICTURES = os.environ.get("URINGCORN_TEST_PICTURES")

JOIN = """(() => { entry.value = %r; send.click(); })()"""
LINES = "[...document.querySelectorAll('li')].map(line => line.innerText)"


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, DEADLINE_S))


def test_people_hear_each_other_and_what_was_said_before(server):
    chat = server(app="chat")
    url = chat.url.replace("http", "ws") + "/chat"

    async def talk():
        async with websockets.connect(url) as ada:
            await ada.send("Ada")
            assert await ada.recv() == "\nAda is here"
            await ada.send("first")
            assert await ada.recv() == "Ada\nfirst"
            async with websockets.connect(url) as bob:
                await bob.send("Bob")
                heard = [await bob.recv() for _ in range(3)]
                assert heard == ["\nAda is here", "Ada\nfirst", "\nBob is here"]
                assert await ada.recv() == "\nBob is here"
                await bob.send("two\nlines")
                assert await ada.recv() == await bob.recv() == "Bob\ntwo\nlines"
            assert await ada.recv() == "\nBob has left"
    run(talk())


def test_a_name_that_is_no_good_is_refused(server):
    chat = server(app="chat")

    async def talk(name):
        async with websockets.connect(chat.url.replace("http", "ws") + "/chat") as client:
            await client.send(name)
            await client.wait_closed()
            return client.close_code
    for name in ("", "two\nlines", "x" * 41, b"bytes"):
        assert run(talk(name)) == 1008


def test_the_page_of_another_site_may_not_connect(server):
    chat = server(app="chat")

    async def talk(origin):
        async with websockets.connect(chat.url.replace("http", "ws") + "/chat", origin=origin):
            return True
    assert run(talk(chat.url))
    try:
        assert not run(talk("http://evil.example"))
    except websockets.InvalidStatusCode as refused:
        assert refused.status_code == 403


@pytest.mark.parametrize("opening", ["GET /chat HTTP/1.1", "CONNECT /chat HTTP/2.0"],
                         ids=["http1", "http2-over-tls"])
def test_two_pages_of_a_browser_talk_and_survive_a_reload(server, tmp_path, authority, opening):
    tls = authority.issue().flags if "HTTP/2" in opening else ()
    chat = server(*tls, "--access-logfile", "-", app="chat")
    chat.wait_until_ready()
    url = (chat.url.replace("http:", "https:") if tls else chat.url) + "/"

    async def talk():
        async with Browser(tmp_path / "profile") as browser, \
                browser.open(url) as ada, browser.open(url) as bob:
            await ada.evaluate(JOIN % "Ada")
            await ada.wait_for("state.classList.contains('open')")
            await bob.evaluate(JOIN % "Bob")
            await ada.wait_for(f"{LINES}.includes('Bob is here')")
            await bob.evaluate(JOIN % "Hello from the other page, κόσμε!")
            await ada.wait_for(f"{LINES}.some(line => line.includes('Hello from the other page'))")
            await ada.evaluate(JOIN % "Hello, Bob. <b>Not bold</b>")
            await bob.wait_for(f"{LINES}.includes('Ada\\nHello, Bob. <b>Not bold</b>')")
            assert await bob.evaluate("document.querySelectorAll('.mine').length") == 1
            if PICTURES:
                await ada.screenshot(pathlib.Path(PICTURES) / "chat.png")
            # The old worker says 1001, the pages go to the new one.
            old = chat.workers()
            chat.signal(signal.SIGHUP)
            while set(old) & set(chat.workers()):
                await asyncio.sleep(0.05)
            for page in (ada, bob):
                await page.wait_for("state.classList.contains('open')")
            await bob.evaluate(JOIN % "Still here?")
            await ada.wait_for(f"{LINES}.includes('Bob\\nStill here?')")
    run(talk())
    chat.wait_for_line(f'"{opening}"', times=2)  # a browser uses the connection that it has
