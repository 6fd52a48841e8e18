"""Measures the first trace that a new server finds on object storage far away.

`cargo xtask bench cold-s3` builds the program and runs it. An S3 server (moto) on this machine behind a proxy that adds
`--delay-ms` to every request and counts them. `--events` events over `--days` days are ingested in `--batches` parts, one after
the other in time, straight to the S3 server, and compacted where the program can. Then, `--rounds` times: a new `annals serve` on
an empty local folder opens the store through the proxy; when it is ready, one trace is asked for that no server saw before,
over all the days. Printed: milliseconds, requests and round trips of that answer (the longest chain of requests each of which
began when the one before had ended), and of the start before it.

To reach: <= 24 requests in <= 4 round trips, <= 400 ms. The S3 server answers one request after the other, which is in the time.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import workload
from annals_server import Server
from engines import annals_compacted
from process import HERE, machine, measured, program, say
from slow_proxy import SlowProxy, round_trips

REQUESTS_MAX = 24
ROUND_TRIPS_MAX = 4
MS_MAX = 400
S3_SERVER = HERE.parent.parent / "tests" / "interop" / "s3_server.py"
STORE = "s3://events/cold"


def environment(port):
    return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def parts(annals, options, work):
    """The events in files of consecutive times, and the traces that are asked for."""
    chance = random.Random(workload.SEED)
    command = workload.generate_command(annals, options.events, options.projects, options.days)
    lines = subprocess.run(command, check=True, capture_output=True).stdout.splitlines(keepends=True)
    size = -(-len(lines) // options.batches)
    files = []
    for at in range(0, len(lines), size):
        files.append(work / f"part-{at:09}.ndjson")
        files[-1].write_bytes(b"".join(lines[at : at + size]))
    some = chance.sample(lines, min(len(lines), 50 * options.rounds))
    traces = list(dict.fromkeys(json.loads(line)["traceId"] for line in some))
    return files, traces[: options.rounds]


def ask(options, proxy, trace, verbose):
    """A new server's start and its first answer: dictionaries of ms, requests, round trips."""
    with tempfile.TemporaryDirectory(dir=options.work) as wal:
        start = time.perf_counter()
        server = Server(options.annals, STORE, ["--wal", wal], environment(proxy.port))
        try:
            ready = time.perf_counter()
            opened = proxy.since(start)
            # What the server still does by itself after its start is not the answer's.
            time.sleep(1)
            begin = time.perf_counter()
            rows = server.trace(trace)
            end = time.perf_counter()
            # A moment for the proxy to note the end of the last request.
            time.sleep(0.05)
            asked = [request for request in proxy.since(begin) if request.begin_s <= end]
        finally:
            server.close()
    if not rows or any(json.loads(row)["traceId"] != trace for row in rows):
        raise SystemExit(f"trace {trace} was answered with {len(rows)} events, not all of them of it")
    if verbose:
        for request in asked:
            say(f"  {(request.begin_s - begin) * 1000:7.1f} to {(request.end_s - begin) * 1000:7.1f} ms  {request.status}  "
                f"{request.line}  {request.byte_range}")
    return ({"ms": (ready - start) * 1000, "requests": len(opened), "round_trips": round_trips(opened)},
            {"ms": (end - begin) * 1000, "requests": len(asked), "round_trips": round_trips(asked)})


def line(what, measurements):
    middle = {name: statistics.median(one[name] for one in measurements) for name in measurements[0]}
    most = {name: max(one[name] for one in measurements) for name in measurements[0]}
    print(f"{what}: median {middle['ms']:.0f} ms, {middle['requests']:.0f} requests, {middle['round_trips']:.0f} round trips; "
          f"most {most['ms']:.0f} ms, {most['requests']} requests, {most['round_trips']} round trips")
    return most


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annals", required=True, help="the release program (xtask gives it)")
    parser.add_argument("--work", required=True, help="folder for inputs and logs (xtask gives one)")
    parser.add_argument("--days", type=int, default=365, help="default 365")
    parser.add_argument("--events", type=int, default=73_000, help="over all the days; default 73,000, 200 a day")
    parser.add_argument("--projects", type=int, default=5, help="a data file for each of them and each day; default 5")
    parser.add_argument("--batches", type=int, default=12, help="ingests, one after the other in time; default 12")
    parser.add_argument("--delay-ms", type=float, default=30, help="added to every request; default 30")
    parser.add_argument("--rounds", type=int, default=7, help="new servers; default 7")
    parser.add_argument("--verbose", action="store_true", help="print the requests of each answer on standard error")
    options = parser.parse_args()
    work = pathlib.Path(options.work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)

    say(f"generating {options.events:,} events over {options.days} days")
    files, traces = parts(options.annals, options, work)
    s3 = subprocess.Popen([sys.executable, str(S3_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        port = int(s3.stdout.readline())
        direct = {**os.environ, **environment(port)}
        for at, file in enumerate(files):
            say(f"ingesting part {at + 1} of {len(files)}")
            measured([options.annals, "ingest", file, "--store", STORE, "--wal", work / "wal", "--quiet"], environment=direct)
        why_not = annals_compacted.unavailable({"annals": options.annals})
        if not why_not:
            say("compacting")
            measured([options.annals, "compact", "--store", STORE, "--wal", work / "wal"], environment=direct)
        proxy = SlowProxy(port, options.delay_ms)
        proxy.start()
        measurements = []
        for at, trace in enumerate(traces):
            say(f"new server {at + 1} of {len(traces)}")
            measurements.append(ask(options, proxy, trace, options.verbose))
        proxy.stop()
    finally:
        s3.stdin.close()
        s3.wait()

    print(f"Machine: {machine()}. Program: {program(options.annals)}.")
    print(f"{options.events:,} events of {options.projects} projects over {options.days} days in {len(files)} ingests; "
          f"compacted: {why_not or 'yes'}. {options.delay_ms:g} ms added to every request.")
    line("start of a server until it is ready", [opened for opened, _ in measurements])
    most = line("its first answer, Q2", [asked for _, asked in measurements])
    middle_ms = statistics.median(asked["ms"] for _, asked in measurements)
    reached = most["requests"] <= REQUESTS_MAX and most["round_trips"] <= ROUND_TRIPS_MAX and middle_ms <= MS_MAX
    print(f"to reach: <= {REQUESTS_MAX} requests in <= {ROUND_TRIPS_MAX} round trips, <= {MS_MAX} ms: "
          f"{'reached' if reached else 'not reached'}")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
