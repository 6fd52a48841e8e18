"""Measures how a trace id is found among ten times as many events.

`cargo xtask bench scale` builds the program and runs it. Two stores, of `--base` and of `--events` events, each filled by
`annals generate | annals ingest -`, so that there is no file of 60 GB; both compacted where the program can. Two servers, one
each; trace ids are drawn by asking for events at random times before the servers are started that answer. Each is asked for
`--traces` traces over everything, taking turns, no trace twice, after 3 that do not count: medians, and their ratio, to be at
most 1.5.
"""

import argparse
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import time

import workload
from annals_server import Server
from answers import microseconds
from engines import annals_compacted, annals_http
from process import machine, program, say

RATIO_MAX = 1.5
UNTIMED = 3


def fill(annals, store, events, days):
    """Generates into the store and returns the seconds."""
    start = time.perf_counter()
    generate = subprocess.Popen(workload.generate_command(annals, events, days=days), stdout=subprocess.PIPE)
    ingest = subprocess.run([annals, "ingest", "-", "--store", str(store), "--quiet"], stdin=generate.stdout)
    generate.stdout.close()
    if generate.wait() or ingest.returncode:
        raise SystemExit(f"annals generate ended with {generate.returncode}, annals ingest with {ingest.returncode}")
    return time.perf_counter() - start


def drawn(annals, store, days, wanted):
    """Trace ids at random times, by a server of their own, so that the one that is measured has not seen them."""
    chance = random.Random(workload.SEED)
    end_us, server, traces = microseconds(workload.END), Server(annals, store), {}
    try:
        for _ in range(20 * wanted):
            if len(traces) == wanted:
                return list(traces)
            at_us = end_us - chance.randrange(days * 86_400_000_000)
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_us // 1_000_000))
            for row in server.rows("/v1/events", until=at, limit=1):
                traces[json.loads(row)["traceId"]] = None
    finally:
        server.close()
    raise SystemExit(f"{store} holds too few traces")


def ask(server, trace):
    start = time.perf_counter()
    rows = server.trace(trace)
    took = (time.perf_counter() - start) * 1000
    if not rows or any(json.loads(row)["traceId"] != trace for row in rows):
        raise SystemExit(f"trace {trace} was answered with {len(rows)} events, not all of them of it")
    return took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annals", required=True, help="the release program (xtask gives it)")
    parser.add_argument("--work", required=True, help="folder for the stores, about 8 GB for 50 million events (xtask gives one)")
    parser.add_argument("--events", type=int, default=50_000_000, help="default 50,000,000")
    parser.add_argument("--base", type=int, help="events of the small store; default a tenth")
    parser.add_argument("--days", type=int, default=workload.DAYS, help="days that both are spread over; default 14")
    parser.add_argument("--traces", type=int, default=60, help="traces asked of each store; default 60")
    parser.add_argument("--no-compact", action="store_true", help="leave both as they were flushed")
    parser.add_argument("--keep", action="store_true", help="leave the stores")
    options = parser.parse_args()
    work = pathlib.Path(options.work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    base = options.base or options.events // 10
    why_not = "as asked" if options.no_compact else annals_compacted.unavailable({"annals": options.annals})

    stores = {base: work / "base", options.events: work / "scaled"}
    if len(stores) < 2:
        parser.error("--base must differ from --events")
    lines, sampled = [], {}
    for events, store in stores.items():
        say(f"generating and ingesting {events:,} events")
        seconds = fill(options.annals, store, events, options.days)
        if not why_not:
            say("compacting")
            annals_compacted.load(None, store, {"annals": options.annals})
        size = annals_http.size(store, {"annals": options.annals})
        lines.append(f"{events:,} events: generated and ingested in {seconds:.0f} s ({events / seconds:,.0f} events/s), "
                     f"{size['files']:,} data files, {size['bytes'] / events:.1f} bytes an event")
        sampled[events] = drawn(options.annals, store, options.days, UNTIMED + options.traces)

    say("asking")
    servers, times = {}, {events: [] for events in stores}
    try:
        for events, store in stores.items():
            servers[events] = Server(options.annals, store)
        for turn in range(UNTIMED + options.traces):
            for events, server in servers.items():
                took = ask(server, sampled[events][turn])
                if turn >= UNTIMED:
                    times[events].append(took)
        peaks = {events: server.peak_bytes() for events, server in servers.items()}
    finally:
        for server in servers.values():
            server.close()

    print(f"Machine: {machine()}. Program: {program(options.annals)}.")
    print("\n".join(lines))
    print(f"compacted: {why_not or 'yes'}")
    for events, took in times.items():
        print(f"Q2 on {events:,} events: median {statistics.median(took):.2f} ms, max {max(took):.2f} ms of {len(took)}; "
              f"peak memory {peaks[events] / 2**20:,.0f} MiB")
    ratio = statistics.median(times[options.events]) / statistics.median(times[base])
    print(f"ratio: {ratio:.2f} (to reach: <= {RATIO_MAX}{'' if ratio <= RATIO_MAX else ', not reached'})")
    if not options.keep:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
