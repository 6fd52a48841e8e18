"""VictoriaLogs, where `VLOGS_BIN` names its binary: streams by project, payload and error as texts, which its own Bloom filters
of words answer for."""

import http.client
import io
import json
import os
import subprocess
import time
import urllib.parse

from process import bytes_below, files_below, free_port, peak_bytes
from queries import equalities

TITLE = "VictoriaLogs"
LOADS = True
FOLDER = "victorialogs"
INPUT = "events.ndjson"
READY_S_MAX = 120
BLOCK_BYTES = 8 << 20

WIRES = {"project_id": "projectId", "level": "level", "type": "type", "end_user_id": "endUserId",
         "integration_id": "integrationId", "trace_id": "traceId"}


def unavailable(options):
    binary = os.environ.get("VLOGS_BIN")
    if not binary:
        return "VLOGS_BIN does not name its binary"
    return None if os.access(binary, os.X_OK) else f"VLOGS_BIN={binary} is no program"


def version(options):
    answer = subprocess.run([os.environ["VLOGS_BIN"], "-version"], capture_output=True, text=True)
    return (answer.stdout or answer.stderr).strip().splitlines()[0]


def before_load(source, store, options):
    """Payload and error as strings: it would make a field of each of their members, and lists of them another."""
    with io.open(source, "rb") as lines, io.open(store / INPUT, "w") as out:
        for line in lines:
            event = json.loads(line)
            for name in ("payload", "error"):
                if name in event:
                    event[name] = json.dumps(event[name], separators=(",", ":"))
            out.write(json.dumps(event, separators=(",", ":")) + "\n")


def load(source, store, options):
    node = Node(store)
    path = "/insert/jsonline?_stream_fields=projectId&_time_field=timestamp&_msg_field=message"
    with io.open(store / INPUT, "rb") as file:
        while block := file.read(BLOCK_BYTES):
            node.request("POST", path, block + file.readline())
    node.request("GET", "/internal/force_flush")
    node.close()
    (store / INPUT).unlink()


def size(store, options):
    return {"bytes": bytes_below(store / FOLDER), "files": len(files_below(store / FOLDER))}


def open(store, options):
    return Asker(store)


class Node:
    def __init__(self, store):
        port = free_port()
        self.process = subprocess.Popen(
            [os.environ["VLOGS_BIN"], f"-storageDataPath={store / FOLDER}", f"-httpListenAddr=127.0.0.1:{port}",
             "-retentionPeriod=100y", "-futureRetention=100y"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        give_up = time.monotonic() + READY_S_MAX
        while True:
            try:
                self.request("GET", "/health")
                return
            except (OSError, http.client.HTTPException):
                self.connection.close()
                if time.monotonic() > give_up or self.process.poll() is not None:
                    self.process.kill()
                    raise SystemExit("VictoriaLogs did not start")
                time.sleep(0.002)

    def request(self, method, path, body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status >= 400:
            raise SystemExit(f"{path} was answered {answer.status}: {data[:1000].decode(errors='replace')}")
        return data

    def close(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait()


class Asker:
    def __init__(self, store):
        self.node = Node(store)

    def ask(self, values):
        filters = []
        for column, value in equalities(values):
            wire = WIRES[column]
            filters.append(f"{{projectId={json.dumps(value)}}}" if wire == "projectId" else f"{wire}:={json.dumps(value)}")
        if "since" in values:
            filters.append(f"_time:>={values['since']}")
        if "text" in values:
            filters.append(f"payload:{json.dumps(values['text'])}")
        order = f"sort by (_time desc) limit {values['limit']}" if "limit" in values else "sort by (_time)"
        body = urllib.parse.urlencode({"query": f"{' '.join(filters)} | {order}"})
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.node.request("POST", "/select/logsql/query", body, headers).splitlines()

    def events(self, rows):
        found = []
        for row in rows:
            event = json.loads(row)
            event["timestamp"], event["message"] = event.pop("_time"), event.pop("_msg")
            found.append(event)
        return found

    def peak_bytes(self):
        return peak_bytes(self.node.process.pid)

    def close(self):
        self.node.close()
