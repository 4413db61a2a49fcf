# SPDX-License-Identifier: MIT
"""The same WebSockets over TLS."""
import asyncio
import os
import signal
import ssl

import pytest
import websockets

from certificates import Authority

DEADLINE_S = 120


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


def run_with_client(server, authority, talk):
    """Runs `talk(client, server)` with a client of a TLS server."""
    shop = server(*authority.issue().flags, app="httpbin")
    context = ssl.create_default_context(cafile=str(authority.certificate))

    async def connect_and_talk():
        url = f"wss://127.0.0.1:{shop.address[1]}/ws/echo"
        async with websockets.connect(url, ssl=context, max_size=None) as client:
            await talk(client, shop)
            return client
    return asyncio.run(asyncio.wait_for(connect_and_talk(), DEADLINE_S))


def test_messages_of_all_sizes_are_echoed(server, authority):
    async def talk(client, _):
        for size in (0, 1, 125, 126, 16_384, 65_536, 1_000_000):
            payload = os.urandom(size)
            await client.send(payload)
            assert await client.recv() == payload
            await client.send("x" * size)
            assert await client.recv() == "x" * size
        await (await client.ping())
    assert run_with_client(server, authority, talk).close_code == 1000


def test_many_messages_at_a_time_are_echoed(server, authority):
    async def talk(client, _):
        payloads = [os.urandom(20_000) for _ in range(100)]

        async def send():
            for payload in payloads:
                await client.send(payload)
        sending = asyncio.ensure_future(send())
        for payload in payloads:
            assert await client.recv() == payload
        await sending
    assert run_with_client(server, authority, talk).close_code == 1000


def test_a_server_that_stops_says_1001(server, authority):
    async def talk(client, shop):
        await client.send("hello")
        assert await client.recv() == "hello"
        shop.signal(signal.SIGTERM)
        await client.wait_closed()
    assert run_with_client(server, authority, talk).close_code == 1001
