"""Measures the web page on a large store, in a real Chromium.

`cargo xtask bench page` builds the program and runs it: fills a store by `annals generate | annals ingest -` with the events of the
other benches, but ending now, compacts it, drops the operating system's cache where it may, starts a new server, and runs
`tests/page/scripts/figures.mjs` against it. Every profile is fresh. Printed are medians, 95th percentiles and what is to be reached.
A server's first page is measured once; that one is cold.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess

import workload
from annals_server import Server
from engines import annals_compacted
from process import machine, program, say

# What is to be reached, in milliseconds, and of which of the times.
FIGURES = (
    ("first rows, new server and profile", "first_rows", 1.0, 1_000),
    ("filter to rows", "rows", 0.95, 200),
    ("filter to chart", "chart", 0.95, 500),
    ("values of a filter opened", "facets", 0.95, 500),
    ("trace page", "trace", 0.95, 150),
)


def fill(annals, store, events):
    command = workload.generate_command(annals, events)
    end = command.index("--end")
    generate = subprocess.Popen(command[:end] + command[end + 2:], stdout=subprocess.PIPE)
    ingest = subprocess.run([annals, "ingest", "-", "--store", str(store), "--quiet"], stdin=generate.stdout)
    generate.stdout.close()
    if generate.wait() or ingest.returncode:
        raise SystemExit(f"annals generate ended with {generate.returncode}, annals ingest with {ingest.returncode}")
    annals_compacted.load(None, store, {"annals": annals})


def drop_caches():
    """Whether the operating system's cache could be emptied."""
    os.sync()
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


def at_share(times, share):
    """The time that this share of the times does not exceed."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annals", required=True, help="the release program (xtask gives it)")
    parser.add_argument("--work", required=True, help="folder for the store, about 1 GB for 5 million events (xtask gives one)")
    parser.add_argument("--events", type=int, default=5_000_000, help="default 5,000,000")
    parser.add_argument("--store", help="measure this store instead, which is left as it is; its last week is looked at")
    parser.add_argument("--keep", action="store_true", help="leave the store")
    options = parser.parse_args()
    work = pathlib.Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    store = pathlib.Path(options.store) if options.store else work / "store"
    if not options.store:
        say(f"generating and ingesting {options.events:,} events")
        shutil.rmtree(store, ignore_errors=True)
        fill(options.annals, store, options.events)
    scripts = pathlib.Path(os.environ["ANNALS_PAGE_SCRIPTS"])
    is_cold = drop_caches()
    server = Server(options.annals, store)
    try:
        say("looking at the page")
        url = f"http://127.0.0.1:{server.connection.port}"
        ran = subprocess.run(["node", scripts / "figures.mjs", url, work / "screenshots"], stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "ANNALS_CHROMIUM_PATH": shutil.which(os.environ["ANNALS_CHROMIUM"])})
        if ran.returncode:
            raise SystemExit(f"the page could not be measured: node ended with {ran.returncode}")
        times, peak = json.loads(ran.stdout.splitlines()[-1]), server.peak_bytes()
    finally:
        server.close()

    print(f"Machine: {machine()}. Program: {program(options.annals)}. The system's cache was {'empty' if is_cold else 'warm'}.")
    print("| figure | times | median ms | 95% ms | to reach |")
    print("| --- | --- | --- | --- | --- |")
    for title, name, share, most in FIGURES:
        found = times[name]
        reached = at_share(found, share) <= most
        print(f"| {title} | {len(found)} | {statistics.median(found):.0f} | {at_share(found, 0.95):.0f} "
              f"| <= {most}{'' if reached else ', not reached'} |")
    for name, took in times["views"].items():
        print(f"| {name}, the view's first answer | 1 | {took:.0f} |  |  |")
    print(f"server's peak memory {peak / 2**20:,.0f} MiB")
    if not options.keep and not options.store:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
