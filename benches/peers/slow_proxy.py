"""An HTTP proxy in front of one server on this machine: adds a delay to every request, and notes when each began and ended.

Requests wait at the same time, as those to a store far away do. It understands what S3 clients and servers send: HTTP/1.1,
bodies with a length or in chunks, connections that are kept.
"""

import asyncio
import threading
import time
from dataclasses import dataclass

HEAD_BYTES_MAX = 256 * 1024


@dataclass(frozen=True)
class Request:
    line: str
    byte_range: str
    status: int
    begin_s: float
    end_s: float


class SlowProxy:
    """Runs in a thread of its own from [`SlowProxy.start`] to [`SlowProxy.stop`]."""

    def __init__(self, port_of_server, delay_ms):
        self.port_of_server = port_of_server
        self.delay_s = delay_ms / 1000
        self.requests = []
        self.port = None
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()
        self._started.wait()
        return self.port

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def since(self, begin_s):
        """The requests that began at or after a time of `time.perf_counter`."""
        return [request for request in list(self.requests) if request.begin_s >= begin_s]

    def _run(self):
        asyncio.set_event_loop(self._loop)

        async def listen():
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_BYTES_MAX)
            self.port = server.sockets[0].getsockname()[1]
            self._started.set()

        self._loop.run_until_complete(listen())
        self._loop.run_forever()

    async def _serve(self, client, to_client):
        server = to_server = None
        try:
            while True:
                head = await client.readuntil(b"\r\n\r\n")
                begin = time.perf_counter()
                line, headers = parsed(head)
                if headers.get("expect", "").lower() == "100-continue":
                    to_client.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await read_body(client, headers, without_length=False)
                await asyncio.sleep(self.delay_s)
                if to_server is None:
                    server, to_server = await asyncio.open_connection("127.0.0.1", self.port_of_server, limit=HEAD_BYTES_MAX)
                to_server.write(without(head, b"expect") + body)
                await to_server.drain()
                answer, answer_headers, status = await self._head_of_answer(server)
                bodyless = line.startswith("HEAD ") or status in (204, 304)
                rest = b"" if bodyless else await read_body(server, answer_headers, without_length=True)
                closes = ends_at_close(answer_headers, bodyless, answer)
                to_client.write(answer + rest)
                await to_client.drain()
                self.requests.append(Request(line, headers.get("range", ""), status, begin, time.perf_counter()))
                if closes:
                    to_server.close()
                    server = to_server = None
                    # The client heard that its connection ends too.
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            to_client.close()
            if to_server is not None:
                to_server.close()

    async def _head_of_answer(self, server):
        while True:
            head = await server.readuntil(b"\r\n\r\n")
            line, headers = parsed(head)
            status = int(line.split()[1])
            if status >= 200:
                return head, headers, status


def parsed(head):
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {}
    for field in fields:
        if name := field.partition(":")[0].strip().lower():
            headers[name] = field.partition(":")[2].strip()
    return line, headers


def without(head, name):
    """A head without one header."""
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(name + b":")]
    return b"\r\n".join(lines)


def ends_at_close(headers, bodyless, head):
    has_end = bodyless or "content-length" in headers or headers.get("transfer-encoding", "").lower() == "chunked"
    return not has_end or head.startswith(b"HTTP/1.0") or headers.get("connection", "").lower() == "close"


async def read_body(stream, headers, without_length):
    """The bytes of a body as they came."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        parts = []
        while True:
            size = await stream.readuntil(b"\r\n")
            parts.append(size)
            length = int(size.split(b";")[0], 16)
            parts.append(await stream.readexactly(length + 2))
            if length == 0:
                return b"".join(parts)
    if "content-length" in headers:
        return await stream.readexactly(int(headers["content-length"]))
    return await stream.read() if without_length else b""


def round_trips(requests):
    """The longest chain of requests of which each began when the one before had ended."""
    trips, free_from = 0, float("-inf")
    for request in sorted(requests, key=lambda request: request.end_s):
        if request.begin_s >= free_from:
            trips, free_from = trips + 1, request.end_s
    return trips
