"""`annals serve` on a store, and one connection to it that is kept."""

import http.client
import json
import os
import subprocess
import time
import urllib.parse

from process import free_port, peak_bytes

READY_S_MAX = 600


class Server:
    """A server that answers; ends with [`Server.close`]."""

    def __init__(self, annals, store, arguments=(), environment=None, log=subprocess.DEVNULL):
        port = free_port()
        command = [str(annals), "serve", "--store", str(store), "--http", f"127.0.0.1:{port}", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log,
                                        env={**os.environ, **(environment or {})})
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        try:
            self._wait()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def _wait(self):
        give_up = time.monotonic() + READY_S_MAX
        while time.monotonic() < give_up:
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                self.connection.close()
            if self.process.poll() is not None:
                raise SystemExit(f"annals serve ended with {self.process.returncode}")
            time.sleep(0.001)
        raise SystemExit("annals serve was not ready in time")

    def request(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def rows(self, path, body=None, **parameters):
        """The rows of an answer in NDJSON, each as the bytes that came."""
        encoded = urllib.parse.urlencode({**parameters, "format": "ndjson"})
        method, headers = ("GET", {}) if body is None else ("POST", {"content-type": "text/plain"})
        status, answer = self.request(method, f"{path}?{encoded}", body, headers)
        if status != 200:
            raise SystemExit(f"{method} {path}?{encoded} was answered {status}: {answer[:2000].decode(errors='replace')}")
        return answer.splitlines()

    def trace(self, trace_id, **parameters):
        return self.rows(f"/v1/traces/{urllib.parse.quote(trace_id, safe='')}", **parameters)

    def sql(self, statement):
        return [json.loads(row) for row in self.rows("/v1/sql", statement)]

    def peak_bytes(self):
        return peak_bytes(self.process.pid)

    def close(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait()
