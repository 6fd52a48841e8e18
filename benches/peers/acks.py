"""Compares the time to a durable acknowledgement with DuckDB's committed insert, in one run, one after the other.

`cargo xtask bench acks` builds what it needs and runs it. One client, `--batches` batches of `--batch` generated events of
about 1 kB, one after the other:

annals   `POST /v1/events` with the batch as NDJSON to `annals serve` over loopback, one connection; the answer comes when
         the events are synced to the log (ack wal). Python's http.client, from before the request to after the answer.
duckdb   `insert into events select … from read_json(file)` into a native table, in a transaction of its own, which DuckDB
         syncs to its log. The batch lies in a file that was just written, types given. From before the call to after it.

First all batches of the one, then all of the other: what DuckDB's checkpoints leave for the disk to write would be counted
to whoever syncs next. Both have two threads. p50 and p99 over all batches but the first of each.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import time

from annals_server import Server
from columns import COLUMNS
from duckdb_events import THREADS, connect, select_events


def percentile(times, share):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annals", required=True, help="the release program")
    parser.add_argument("--work", required=True, help="folder for stores and batches; its content is replaced")
    parser.add_argument("--batches", type=int, default=200)
    parser.add_argument("--batch", type=int, default=1000)
    arguments = parser.parse_args()
    work = pathlib.Path(arguments.work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)

    events = (arguments.batches + 1) * arguments.batch
    generate = [arguments.annals, "generate", "--events", str(events), "--seed", "11", "--days", "1"]
    lines = subprocess.run(generate, check=True, capture_output=True).stdout.splitlines(keepends=True)
    batches = [lines[at : at + arguments.batch] for at in range(0, events, arguments.batch)]
    size = sum(map(len, lines)) / events

    database = connect(str(work / "events.duckdb"))
    columns = ", ".join(f'"{column}" {kind}' for _, column, kind in COLUMNS)
    database.execute(f'create table events ({columns}, day date)')
    server = Server(arguments.annals, work / "store")
    times = {"annals": [], "duckdb": []}
    try:
        for batch in batches:
            body = b"".join(batch)
            begin = time.perf_counter()
            answer = json.loads(server.request("POST", "/v1/events", body)[1])
            times["annals"].append((time.perf_counter() - begin) * 1000)
            assert answer["accepted"] == arguments.batch and answer["ack"] == "wal", answer
        path = work / "batch.ndjson"
        for batch in batches:
            path.write_bytes(b"".join(batch))
            begin = time.perf_counter()
            database.execute(f"insert into events {select_events(path)}")
            times["duckdb"].append((time.perf_counter() - begin) * 1000)
        assert database.execute("select count(*) from events").fetchone() == (events,)
    finally:
        server.close()

    print(f"{arguments.batches} batches of {arguments.batch} events of {size:.0f} bytes, {THREADS} threads\n")
    print(f"{'':8} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for name, all_times in times.items():
        warm = all_times[1:]
        median, high = statistics.median(warm), percentile(warm, 0.99)
        print(f"{name:8} {median:8.2f} {high:8.2f} {max(warm):8.2f}")
    ratio = statistics.median(times["annals"][1:]) / statistics.median(times["duckdb"][1:])
    print(f"\np50 annals / duckdb: {ratio:.2f}")


if __name__ == "__main__":
    main()
