"""Compares Annals with its peers on the same generated events, on this machine, in one run.

`cargo xtask bench peers` builds the program and runs this. It generates the events (20 projects with a long tail, 14 days,
50,000 end users, 2,000 workflows, traces of 3 to 12 events interleaved, about 1 kB each), draws from them what will be asked,
loads every engine from that one NDJSON file in its best sensible layout, asks all of them the same seven questions, compares
their answers, and prints tables.

engines  annals                `annals ingest`, then `annals serve` asked over HTTP on one connection that is kept
         annals-sql            the same store asked at /v1/sql
         annals-compacted      a copy of it after `annals compact`; annals-compacted-sql the same in SQL
         duckdb                native table in the order of time: what the ratios are against
         duckdb-indexed        the same with indexes on trace id and end user
         duckdb-parquet        zstd Parquet partitioned by project and day, sorted by time
         polars                over those Parquet files
         clickhouse            chdb: MergeTree by project and time, Bloom filters on trace id and end user, text index on payload
         victorialogs          where VLOGS_BIN names its binary
load     NDJSON file to a committed, synced table: seconds and peak resident memory, in a process of its own without the start
         of Python. Bytes an event: all that belongs to the table, log and indexes included.
Q1 … Q7  whole events. A median of milliseconds from asking to all rows in the client's memory, with their payloads as text: for
         Annals and VictoriaLogs the lines of the HTTP answer, for DuckDB and Polars Python rows, for ClickHouse lines of JSON.
         Q2, Q3, Q5 and Q7 are asked with 24 different values, each once, after 3 others that do not count, so that what is
         measured has not been asked before; Q1, Q4 and Q6 are asked `--runs` times with the same values after once. Hot minimum:
         the shortest of `--runs` answers to the same values. A question that takes a minute in all is asked 7 times at least.
         One process an engine, all of them open; each question is asked of one engine after the other, so that a machine that is
         busier for a while is so for all.
cold     the first answer of a new process to Q2, the median of `--cold` processes, each asked for another trace; the operating
         system's cache is warm. From opening the store, or from starting the server, to the last row, without the start of
         Python; for Annals also the whole process of `annals trace`, from start to exit.
equal    every member of every event, in the order of time, events of one timestamp as a set; a difference ends the bench.

What is asked is drawn with a fixed seed before anything is measured. DuckDB, Polars and ClickHouse have 2 threads, everything
else is their default. An engine that cannot run here is left out with a line that says why.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

import answers
import report
import workload
from engines import ENGINES, engine
from process import HERE, machine, printed, program, say, write_json
from queries import QUESTIONS


def child(step, name, store, source, options):
    """Runs a step of an engine in a process of its own."""
    command = [sys.executable, HERE / "child.py", step, name, store, source, json.dumps(options)]
    return json.loads(printed(command).splitlines()[-1])


def place(name):
    """The folder of the store that an engine reads, which may be another engine's."""
    module = engine(name)
    return name if module.LOADS else module.OF


def loaded(name, version, source, work, options):
    """Loads an engine unless a run before left its store, and returns what loading took."""
    module, store = engine(name), work / name
    notes = work / f"{name}.loaded.json"
    identity = {"version": version, "events": options["events"], "drawn_from": [source.stat().st_size, source.stat().st_mtime_ns]}
    if name.startswith("annals"):
        identity["program"] = options["program_sha256"]
    if notes.exists():
        note = json.loads(notes.read_text())
        if note["identity"] == identity:
            say(f"{module.TITLE}: as loaded by a run before")
            return note["took"]
    notes.unlink(missing_ok=True)
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True)
    if hasattr(module, "before_load"):
        module.before_load(source, store, options)
    os.sync()
    say(f"{module.TITLE}: loading")
    took = child("load", name, store, source, options)
    write_json(notes, {"identity": identity, "took": took})
    return took


class Asking:
    """An engine's process that waits for questions."""

    def __init__(self, name, store, source, options):
        command = [sys.executable, HERE / "child.py", "ask", name, store, source, json.dumps(options)]
        self.title = engine(name).TITLE
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.heard()

    def heard(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.title} ended with {self.process.wait()} before it answered")
        return json.loads(line)

    def ask(self, question):
        self.process.stdin.write(f"{question}\n")
        self.process.stdin.flush()
        return self.heard()

    def end(self):
        """Its last word, once it has no more questions to wait for."""
        self.process.stdin.close()
        last = self.heard()
        self.process.wait()
        return last


def asked(wanted, source, work, options):
    """Every engine's times, one question after another, so that all are asked it within the same minutes."""
    asking, times, peaks = {}, {name: {} for name in wanted}, {}
    try:
        for name in wanted:
            answers_to = {"answers": str(work / f"{name}.answers.json")}
            asking[name] = Asking(name, work / place(name), source, {**options, **answers_to})
        for question in QUESTIONS:
            for name in wanted:
                say(f"{question}: {asking[name].title}")
                times[name][question] = asking[name].ask(question)
        for name in wanted:
            peaks[name] = asking[name].end()["peak_bytes"]
    finally:
        for one in asking.values():
            # What waits for a question ends, and ends its server, when there is none.
            if not one.process.stdin.closed:
                one.process.stdin.close()
            one.process.wait()
    return {name: {"times": times[name], "asked_peak_bytes": peaks[name]} for name in wanted}


def stored(name, source, work, options):
    """Loads one engine: what it is, and what loading took."""
    module, store = engine(name), work / place(name)
    version = child("version", name, store, source, options)
    result = {"title": module.TITLE, "version": version}
    if module.LOADS:
        result["loaded"] = loaded(name, version, source, work, options)
        result["size"] = child("size", name, store, source, options)
        if hasattr(module, "layout"):
            result["layout"] = module.layout(store)
    return result


def first_answers(wanted, source, work, drawn, options):
    """New processes, each asked once: the engines take turns."""
    firsts, wholes = {name: [] for name in wanted}, {name: [] for name in wanted}
    for values in drawn["Q2"]["timed"][: options["cold"]]:
        say("new processes")
        for name in wanted:
            module, store = engine(name), work / place(name)
            firsts[name].append(child("first", name, store, source, {**options, "values": values})["first_ms"])
            if hasattr(module, "cold"):
                wholes[name].append(module.cold(store, values, options))
    found = {name: {} for name in wanted}
    for kind, measured in (("first_ms", firsts), ("cold_ms", wholes)):
        for name in wanted:
            if measured[name]:
                found[name][kind] = statistics.median(measured[name])
    return found


def compare(name, reference, work, drawn):
    """Compares the answers of an engine with those of another and returns how many there were."""
    mine, theirs = (json.loads((work / f"{whose}.answers.json").read_text()) for whose in (name, reference))
    titles = engine(name).TITLE, engine(reference).TITLE
    compared = 0
    for question in QUESTIONS:
        for values, ours, other in zip(drawn[question]["timed"], mine[question], theirs[question]):
            if not other:
                raise answers.Different(f"{question} with {json.dumps(values)}: {titles[1]} found nothing")
            answers.compare(question, values, ours, titles[0], other, titles[1])
            answers.belongs(question, values, ours)
            compared += 1
    return compared


def run(options):
    work = pathlib.Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    source = work / "events.ndjson"
    wanted, skipped = [], {}
    for name in options.engines:
        if why := engine(name).unavailable({"annals": options.annals}):
            skipped[name] = why
            say(f"{name}: {why}")
        elif (of := place(name)) in wanted or of == name:
            wanted.append(name)
        else:
            sys.exit(f"{name} reads the store of {of}: name it too, before it")
    if "annals-compacted" in wanted and "annals" not in wanted:
        sys.exit("annals-compacted reads the store of annals: name it too, before it")

    generated = work / "generated.json"
    command = workload.generate_command("annals", options.events)
    with open(options.annals, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if not (source.exists() and generated.exists() and json.loads(generated.read_text()) == command):
        generated.unlink(missing_ok=True)
        say(f"generating {options.events:,} events")
        workload.generate(options.annals, source, options.events)
        write_json(generated, command)
    say("drawing what is asked")
    drawn = workload.draw(source)
    write_json(work / "workload.json", drawn)

    given = {"annals": str(pathlib.Path(options.annals).resolve()), "program_sha256": sha256, "events": options.events,
             "runs": options.runs, "cold": options.cold, "workload": str(work / "workload.json")}
    results = {name: stored(name, source, work, given) for name in wanted}
    for name, times in asked(wanted, source, work, given).items():
        results[name].update(times)
    compared = sum(compare(name, wanted[0], work, drawn) for name in wanted[1:])
    for name, times in first_answers(wanted, source, work, drawn, given).items():
        results[name].update(times)
    report_of = {"machine": machine(), "program": program(options.annals), "workload": " ".join(command),
                 "events": options.events, "bytes": source.stat().st_size, "answers": compared, "skipped": skipped,
                 "asked": drawn, "engines": results}
    report.write(report_of, options.markdown)
    if options.json:
        write_json(options.json, report_of)
    if not options.keep:
        shutil.rmtree(work)


def names(text):
    chosen = text.split(",")
    for name in chosen:
        if name not in ENGINES:
            raise argparse.ArgumentTypeError(f"no such engine: {name}; there are {', '.join(ENGINES)}")
    return [name for name in ENGINES if name in chosen]


def at_least(least):
    def read(text):
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"at least {least}")
        return int(text)

    return read


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annals", required=True, help="the release program (xtask gives it)")
    parser.add_argument("--work", required=True, help="folder for events and stores, 12 GB for 5 million (xtask gives one)")
    parser.add_argument("--events", type=at_least(10_000), default=5_000_000, help="default 5,000,000")
    parser.add_argument("--runs", type=at_least(7), default=9, help="answers to the same values, at least 7; default 9")
    parser.add_argument("--cold", type=at_least(0), default=5, help="new processes of each engine; default 5")
    parser.add_argument("--engines", type=names, default=list(ENGINES), help=f"some of {','.join(ENGINES)}; default all")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured and asked to this file too")
    parser.add_argument("--keep", action="store_true", help="leave the events and stores for another run with as many events")
    try:
        run(parser.parse_args())
    except answers.Different as difference:
        sys.exit(f"the answers differ: {difference}")


if __name__ == "__main__":
    main()
