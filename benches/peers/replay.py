"""Measures how fast a server replays the log that a crash left, and what it holds in memory meanwhile.

`cargo xtask bench replay` builds what it needs and runs it: `wal_fill` logs `--events` generated events and ends without a
flush, then `annals serve --memory …` starts on the store. Measured from its start until `/readyz` answers 200: events a
second, the peak resident memory until then, and what a request heard meanwhile. Then every event is counted by SQL.
"""

import argparse
import http.client
import json
import pathlib
import shutil
import subprocess
import time


def ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(method, path, body, {"content-type": "text/plain"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def peak_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) // 1024
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annals", required=True, help="the release program")
    parser.add_argument("--fill", required=True, help="the bench program wal_fill")
    parser.add_argument("--work", required=True, help="folder for the store; its content is replaced")
    parser.add_argument("--events", type=int, default=6_000_000)
    parser.add_argument("--memory", default="1GiB")
    parser.add_argument("--port", type=int, default=6178)
    arguments = parser.parse_args()
    store = pathlib.Path(arguments.work) / "store"
    shutil.rmtree(arguments.work, ignore_errors=True)
    store.mkdir(parents=True)
    filled = subprocess.run([arguments.fill, str(store), str(arguments.events)], check=True, capture_output=True)
    wal_bytes = int(filled.stdout)

    begin = time.perf_counter()
    command = [arguments.annals, "serve", "--store", str(store), "--http", f"127.0.0.1:{arguments.port}"]
    server = subprocess.Popen([*command, "--memory", arguments.memory], stderr=subprocess.DEVNULL)
    heard = {}
    try:
        while True:
            try:
                status, _ = ask(arguments.port, "GET", "/v1/events?limit=1")
                heard[status] = heard.get(status, 0) + 1
                if status == 200:
                    break
            except OSError:
                heard["refused"] = heard.get("refused", 0) + 1
            if server.poll() is not None:
                raise SystemExit("the server ended")
            time.sleep(0.02)
        seconds = time.perf_counter() - begin
        peak = peak_mib(server.pid)
        _, body = ask(arguments.port, "POST", "/v1/sql", "select count(*) as n, count(distinct seq) as d from events")
        counted = json.loads(body)["rows"][0]
    finally:
        server.terminate()
        server.wait()
    assert counted == {"n": arguments.events, "d": arguments.events}, counted
    rate = arguments.events / seconds
    print(f"{arguments.events} events in a log of {wal_bytes / (1 << 30):.2f} GiB, --memory {arguments.memory}")
    print(f"ready after {seconds:.1f} s: {rate:,.0f} events/s, peak resident {peak} MiB; heard meanwhile: {heard}")


if __name__ == "__main__":
    main()
