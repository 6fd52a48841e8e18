"""Compares Annals with DuckDB on the same generated events, on this machine, in one run.

`cargo xtask bench peers` builds what it needs and runs it. What is measured:

ingest   one NDJSON file to a committed, synced table. DuckDB: `read_json` with the columns' types given, into zstd Parquet
         partitioned by project and day and sorted by time (then every file is synced), and into a native table. Wall
         seconds and peak resident memory of the whole process.
size     bytes an event: data files (Annals: its Delta log besides, and its columns id, received_at and seq, which DuckDB
         does not have here; DuckDB keeps the events' extra members as plain columns).
queries  whole events: the latest 50 of the busiest project; its latest 100 errors of the last day; one trace id over
         everything, another one in each run. Medians after one run that does not count. Warm: one process, times of the
         calls. Cold: a new process each time, the operating system's cache being warm; for Annals the whole process from
         start to exit, for DuckDB from connecting to the last row (without the start of Python).

DuckDB has 2 threads and its own defaults otherwise. Every run starts from an empty folder.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

END = "2026-05-31T00:00:00Z"
SINCE = "2026-05-30T00:00:00Z"
THREADS = 2

# Wire name, column, type in DuckDB. The last three are members that only some events have.
COLUMNS = [
    ("timestamp", "timestamp", "TIMESTAMP"),
    ("level", "level", "VARCHAR"),
    ("type", "type", "VARCHAR"),
    ("message", "message", "VARCHAR"),
    ("projectId", "project_id", "VARCHAR"),
    ("personaId", "persona_id", "VARCHAR"),
    ("endUserId", "end_user_id", "VARCHAR"),
    ("connectCredentialId", "connect_credential_id", "VARCHAR"),
    ("connectCredentialConfigId", "connect_credential_config_id", "VARCHAR"),
    ("workflowId", "workflow_id", "VARCHAR"),
    ("traceId", "trace_id", "VARCHAR"),
    ("integrationId", "integration_id", "VARCHAR"),
    ("webhookId", "webhook_id", "VARCHAR"),
    ("eventId", "event_id", "VARCHAR"),
    ("eventName", "event_name", "VARCHAR"),
    ("status", "status", "VARCHAR"),
    ("error", "error", "JSON"),
    ("payload", "payload", "JSON"),
    ("environment", "environment", "VARCHAR"),
    ("region", "region", "VARCHAR"),
    ("worker", "worker", "VARCHAR"),
]


def select_events(source):
    types = ", ".join(f"'{wire}': '{kind}'" for wire, _, kind in COLUMNS)
    names = ", ".join(f'"{wire}" as "{column}"' for wire, column, _ in COLUMNS)
    return (
        f"select {names}, cast(\"timestamp\" as date) as day from read_json('{source}', "
        f"format = 'newline_delimited', columns = {{{types}}}, maximum_object_size = 4194304)"
    )


# What runs in a process of its own, so that its memory and start can be measured.


def connect(database=":memory:", read_only=False):
    import duckdb

    connection = duckdb.connect(database, read_only=read_only)
    connection.execute(f"set threads = {THREADS}")
    return connection


def child_load_parquet(source, out):
    connection = connect()
    connection.execute(f"set temp_directory = '{out}.tmp'")
    connection.execute(
        f"copy ({select_events(source)} order by project_id, day, timestamp) to '{out}' "
        "(format parquet, compression zstd, partition_by (project_id, day))"
    )
    for file in pathlib.Path(out).rglob("*.parquet"):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def child_load_native(source, out):
    connection = connect(out)
    connection.execute(f"create table events as {select_events(source)}")
    connection.execute("checkpoint")
    connection.close()


def child_queries(kind, store, project, runs, *traces):
    """Warm medians where `runs` is above 0; with 0 the time of the first answer after connecting."""
    start = time.perf_counter()
    if kind == "native":
        connection, events = connect(store, read_only=True), "events"
    else:
        connection = connect()
        events = f"read_parquet('{store}/project_id=*/day=*/*.parquet', hive_partitioning = true)"
    statements = {
        "latest_ms": (f"select * from {events} where project_id = ? order by timestamp desc limit 50", [project]),
        "errors_ms": (
            f"select * from {events} where project_id = ? and level = 'ERROR' and timestamp >= timestamp '{SINCE[:-1]}' "
            "order by timestamp desc limit 100",
            [project],
        ),
        "trace_ms": (f"select * from {events} where trace_id = ? order by timestamp", None),
    }
    if int(runs) == 0:
        statement, parameters = statements["latest_ms"]
        assert connection.execute(statement, parameters).fetchall()
        print(json.dumps({"first_ms": (time.perf_counter() - start) * 1000}))
        return
    medians = {}
    for name, (statement, parameters) in statements.items():
        times = []
        for run in range(int(runs) + 1):
            bound = parameters or [traces[run % len(traces)]]
            begin = time.perf_counter()
            rows = connection.execute(statement, bound).fetchall()
            if run > 0:
                times.append((time.perf_counter() - begin) * 1000)
            assert rows, f"nothing was found by {statement}"
        medians[name] = statistics.median(times)
    print(json.dumps(medians))


# The run.


def measured(command):
    """Wall seconds and peak resident bytes of a command, its output thrown away unless it fails."""
    start = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}: {errors.decode(errors='replace')[-2000:]}")
    return wall, usage.ru_maxrss * 1024


def child(name, *arguments):
    return [sys.executable, __file__, "--child", name, *arguments]


def printed(command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def bytes_below(folder, suffix=""):
    return sum(file.stat().st_size for file in pathlib.Path(folder).rglob(f"*{suffix}") if file.is_file())


def sampled_traces(path, count):
    """Trace ids at even distances through the file, and the busiest project of some thousand lines."""
    size, traces, projects = os.path.getsize(path), [], {}
    with open(path, "rb") as file:
        for place in range(2_000):
            file.seek(size * place // 2_000)
            file.readline()
            line = file.readline()
            if not line:
                continue
            event = json.loads(line)
            projects[event["projectId"]] = projects.get(event["projectId"], 0) + 1
            if place % (2_000 // count) == 1_000 // count:
                traces.append(event["traceId"])
    return traces, max(projects, key=projects.get)


def ingest_ours(annals, source, store):
    shutil.rmtree(store, ignore_errors=True)
    return measured([annals, "ingest", source, "--store", store, "--quiet"])


def generate(annals, path, events, projects):
    with open(path, "wb") as file:
        subprocess.run(
            [annals, "generate", "--events", str(events), "--seed", "1", "--projects", str(projects), "--days", "14",
             "--end", END],
            check=True,
            stdout=file,
        )
    os.sync()


def machine():
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def commit():
    try:
        described = printed(["git", "describe", "--always", "--dirty", "--abbrev=12"])
        return described.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def run(options):
    import duckdb

    annals, work = pathlib.Path(options.annals), pathlib.Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    source, store = work / "events.ndjson", work / "annals"
    parquet, native = work / "parquet", work / "native.duckdb"
    say = lambda text: print(text, file=sys.stderr, flush=True)

    say(f"generating {options.events:,} events")
    generate(annals, source, options.events, 20)
    traces, project = sampled_traces(source, options.runs + 1)
    events = options.events

    ours, parquets, natives = [], [], []
    for round_ in range(options.rounds):
        say(f"round {round_ + 1} of {options.rounds}: annals, DuckDB Parquet, DuckDB native")
        ours.append(ingest_ours(annals, source, store))
        shutil.rmtree(parquet, ignore_errors=True)
        parquets.append(measured(child("load_parquet", source, parquet)))
        native.unlink(missing_ok=True)
        natives.append(measured(child("load_native", source, native)))
    (our_s, our_rss), (parquet_s, parquet_rss), (native_s, native_rss) = (
        (statistics.median(wall for wall, _ in runs), max(rss for _, rss in runs)) for runs in (ours, parquets, natives)
    )

    data, log = bytes_below(store / "events", ".parquet"), bytes_below(store / "events" / "_delta_log")
    parquet_bytes, native_bytes = bytes_below(parquet, ".parquet"), native.stat().st_size
    our_files = sum(1 for _ in (store / "events").rglob("*.parquet"))
    parquet_files = sum(1 for _ in parquet.rglob("*.parquet"))

    say("queries")
    warm = json.loads(printed([options.queries, store, project, SINCE, options.runs, *traces]))
    warm_native = json.loads(printed(child("queries", "native", native, project, options.runs, *traces)))
    warm_parquet = json.loads(printed(child("queries", "parquet", parquet, project, options.runs, *traces)))
    search = [annals, "search", "--store", store, "--project", project, "--format", "ndjson", "--limit"]
    cold = {
        "latest_ms": [*search, "50"],
        "errors_ms": [*search, "100", "--level", "ERROR", "--since", SINCE],
        "trace_ms": [annals, "trace", traces[0], "--store", store, "--format", "ndjson"],
    }
    cold = {name: statistics.median(measured(command)[0] * 1000 for _ in range(options.runs)) for name, command in cold.items()}
    first = {
        kind: statistics.median(
            json.loads(printed(child("queries", kind, place, project, "0")))["first_ms"] for _ in range(options.runs)
        )
        for kind, place in (("native", native), ("parquet", parquet))
    }

    wide = None
    if options.wide_events:
        say(f"generating {options.wide_events:,} events of 1,000 projects")
        wide_source, wide_store = work / "wide.ndjson", work / "annals-wide"
        generate(annals, wide_source, options.wide_events, 1_000)
        wide_s, wide_rss = ingest_ours(annals, wide_source, wide_store)
        like_source, like_store = work / "like.ndjson", work / "annals-like"
        generate(annals, like_source, options.wide_events, 20)
        like_s, _ = ingest_ours(annals, like_source, like_store)
        versions = sum(1 for _ in (wide_store / "events" / "_delta_log").glob("*.json"))
        files = sum(1 for _ in (wide_store / "events").rglob("*.parquet"))
        wide = (wide_s, wide_rss, like_s, files, versions)

    print(f"Machine: {machine()}. DuckDB {duckdb.__version__} with {THREADS} threads; annals {commit()}.")
    print(f"Workload: `annals generate --events {events} --seed 1 --projects 20 --days 14 --end {END}`, "
          f"{os.path.getsize(source) / events:.0f} bytes an event. Ingest: median of {options.rounds}; "
          f"queries: medians of {options.runs}.\n")
    print("| what | annals | DuckDB Parquet | DuckDB native | ratio to Parquet | ratio to native |")
    print("|---|---|---|---|---|---|")

    def row(what, ours, parquet, native, shape, better):
        def ratio(peer):
            return f"{ours / peer:.2f}" if peer else ""

        shown = [shape(value) if value is not None else "" for value in (ours, parquet, native)]
        print(f"| {what} ({better} is better) | {' | '.join(shown)} | {ratio(parquet)} | {ratio(native)} |")

    row("ingest, events/s", events / our_s, events / parquet_s, events / native_s, "{:,.0f}".format, "higher")
    row("ingest, peak memory, MiB", our_rss / 2**20, parquet_rss / 2**20, native_rss / 2**20, "{:,.0f}".format, "lower")
    row("bytes an event, data files", data / events, parquet_bytes / events, native_bytes / events, "{:.1f}".format, "lower")
    row("bytes an event, with the log", (data + log) / events, parquet_bytes / events, native_bytes / events,
        "{:.1f}".format, "lower")
    row("data files", our_files, parquet_files, None, "{:,}".format, "lower")
    for name, what in (
        ("latest_ms", "latest 50 of a project, warm, ms"),
        ("errors_ms", "project + ERROR + 24 h, latest 100, warm, ms"),
        ("trace_ms", "trace id over everything, warm, ms"),
    ):
        row(what, warm[name], warm_parquet[name], warm_native[name], "{:.1f}".format, "lower")
    row("open and latest 50, cold process, ms", cold["latest_ms"], first["parquet"], first["native"], "{:.1f}".format, "lower")
    row("open and project + ERROR + 24 h, cold process, ms", cold["errors_ms"], None, None, "{:.1f}".format, "lower")
    row("open and trace id, cold process, ms", cold["trace_ms"], None, None, "{:.1f}".format, "lower")
    row("open alone, ms", warm["open_ms"], None, None, "{:.1f}".format, "lower")
    if wide:
        wide_s, wide_rss, like_s, files, versions = wide
        count = options.wide_events
        print(f"\n1,000 projects, {count:,} events: {count / wide_s:,.0f} events/s, {like_s / wide_s:.0%} of the "
              f"{count / like_s:,.0f} events/s with 20 projects; {files:,} files in {versions:,} commits; "
              f"peak memory {wide_rss / 2**20:,.0f} MiB.")
    if not options.keep:
        shutil.rmtree(work)


def main():
    if sys.argv[1:2] == ["--child"]:
        globals()[f"child_{sys.argv[2]}"](*sys.argv[3:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annals", required=True, help="the release program (xtask gives it)")
    parser.add_argument("--queries", required=True, help="the bench program `queries` (xtask gives it)")
    parser.add_argument("--work", required=True, help="folder for inputs and stores (xtask gives one under the target folder)")
    parser.add_argument("--events", type=int, default=5_000_000, help="default 5,000,000")
    parser.add_argument("--wide-events", type=int, default=1_000_000, help="events of 1,000 projects, 0 for none; default 1,000,000")
    parser.add_argument("--rounds", type=int, default=1, help="ingests of each kind, taking turns; default 1")
    parser.add_argument("--runs", type=int, default=9, help="runs of each query; default 9")
    parser.add_argument("--keep", action="store_true", help="leave inputs and stores where they are")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
