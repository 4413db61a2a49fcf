# SPDX-License-Identifier: MIT
"""A headless Chromium, driven over its DevTools protocol."""
import asyncio
import base64
import contextlib
import json
import os
import signal
import subprocess
import urllib.request

import websockets

DEADLINE_S = 120


class Page:
    """One tab."""

    def __init__(self, socket):
        self.socket = socket
        self.number = 0

    async def call(self, method, **parameters):
        self.number += 1
        await self.socket.send(json.dumps(
            {"id": self.number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(await self.socket.recv())
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]

    async def evaluate(self, script):
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True,
                                 awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def wait_for(self, script):
        """Until `script` gives something true."""
        for _ in range(DEADLINE_S * 20):
            if value := await self.evaluate(script):
                return value
            await asyncio.sleep(0.05)
        raise AssertionError(f"waited in vain for {script}; the page: " +
                             await self.evaluate("document.body.innerText"))

    async def screenshot(self, path):
        data = (await self.call("Page.captureScreenshot", format="png"))["data"]
        path.write_bytes(base64.b64decode(data))


class Browser:
    """Chromium with a profile in `folder`."""

    def __init__(self, folder):
        self.folder = folder

    async def __aenter__(self):
        self.process = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--ignore-certificate-errors",
             "--disable-dev-shm-usage", "--disable-background-networking",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
             "--remote-debugging-port=0", f"--user-data-dir={self.folder}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        port_file = self.folder / "DevToolsActivePort"
        for _ in range(DEADLINE_S * 20):
            if port_file.exists() and "\n" in port_file.read_text():
                self.port = int(port_file.read_text().split("\n")[0])
                return self
            assert self.process.poll() is None, "chromium has ended"
            await asyncio.sleep(0.05)
        raise AssertionError("chromium does not come up")

    async def __aexit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @contextlib.asynccontextmanager
    async def open(self, url, width=900, height=760):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new?{url}",
                                         method="PUT")
        answer = await asyncio.to_thread(lambda: opener.open(request, timeout=DEADLINE_S).read())
        address = json.loads(answer)["webSocketDebuggerUrl"]
        async with websockets.connect(address, max_size=None) as socket:
            page = Page(socket)
            await page.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                            deviceScaleFactor=1, mobile=False)
            # An empty page is there first, and complete.
            await page.wait_for(f"location.href === {json.dumps(url)} && "
                                "document.readyState === 'complete'")
            yield page
