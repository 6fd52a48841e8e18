"""Measures `annals ingest` alone: with few and with many projects, and against another program.

`cargo xtask bench ingest` builds the program and runs it. All from an NDJSON file to a committed, synced table, into an empty
folder each time, the kinds taking turns, medians of `--rounds`:

20 projects      `--events` events of 14 days
no word index    the same with `--no-word-index`; what is to be reached with it is at most 15% slower than this
1,000 projects   as many; what is to be reached is 60% of the speed with 20
--baseline       the first again by another program, such as one of an earlier commit
"""

import argparse
import pathlib
import shutil
import statistics

import workload
from process import bytes_below, files_below, machine, measured, program, say


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annals", required=True, help="the release program (xtask gives it)")
    parser.add_argument("--work", required=True, help="folder for inputs and stores (xtask gives one)")
    parser.add_argument("--events", type=int, default=1_000_000, help="default 1,000,000")
    parser.add_argument("--rounds", type=int, default=3, help="ingests of each kind; default 3")
    parser.add_argument("--projects", type=int, default=1_000, help="the many projects, 0 for none; default 1,000")
    parser.add_argument("--baseline", metavar="PROGRAM", help="another annals program")
    options = parser.parse_args()
    work = pathlib.Path(options.work)
    work.mkdir(parents=True, exist_ok=True)

    say(f"generating {options.events:,} events of {workload.PROJECTS} projects")
    few, many = work / "few.ndjson", work / "many.ndjson"
    workload.generate(options.annals, few, options.events)
    kinds = {
        f"{workload.PROJECTS} projects": (options.annals, few),
        "no word index": (options.annals, few, "--no-word-index"),
    }
    if options.baseline:
        kinds["the other program"] = (options.baseline, few)
    if options.projects:
        say(f"generating {options.events:,} events of {options.projects:,} projects")
        workload.generate(options.annals, many, options.events, options.projects)
        kinds[f"{options.projects:,} projects"] = (options.annals, many)

    runs = {kind: [] for kind in kinds}
    shapes = {}
    for round_ in range(options.rounds):
        for kind, (annals, source, *more) in kinds.items():
            say(f"round {round_ + 1} of {options.rounds}: {kind}")
            store = work / "store"
            shutil.rmtree(store, ignore_errors=True)
            runs[kind].append(measured([annals, "ingest", source, "--store", store, "--quiet", *more]))
            shapes[kind] = (bytes_below(store / "events"), len(files_below(store / "events", "*.parquet")))

    first = statistics.median(seconds for seconds, _ in next(iter(runs.values())))
    print(f"Machine: {machine()}. Program: {program(options.annals)}.")
    print(f"{options.events:,} events, medians of {options.rounds}.\n")
    print("| | events/s | peak memory, MiB | bytes an event | data files | speed of the first line |")
    print("|---|---|---|---|---|---|")
    for kind, measurements in runs.items():
        seconds = statistics.median(wall for wall, _ in measurements)
        peak = max(peak for _, peak in measurements) / 2**20
        size, files = shapes[kind]
        print(f"| {kind} | {options.events / seconds:,.0f} | {peak:,.0f} | {size / options.events:.1f} | {files:,} | "
              f"{first / seconds:.0%} |")
    if options.baseline:
        other = statistics.median(seconds for seconds, _ in runs["the other program"])
        print(f"\nAgainst the other program, the first line takes {first / other - 1:+.1%} of its time (to reach: <= +15%).")
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
