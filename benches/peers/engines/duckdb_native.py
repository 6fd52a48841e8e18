"""DuckDB's native table, in the order of the file, which is that of time: its zone maps answer for times."""

import pathlib

import duckdb_events

TITLE = "DuckDB native"
LOADS = True
FILE = "events.duckdb"


def unavailable(options):
    return None


def version(options):
    return duckdb_events.version()


def load(source, store, options):
    connection = duckdb_events.connect(store / FILE)
    connection.execute(f"create table events as {duckdb_events.select_events(source)}")
    connection.execute("checkpoint")
    connection.close()


def size(store, options):
    return {"bytes": pathlib.Path(store / FILE).stat().st_size, "files": 1}


def open(store, options):
    return duckdb_events.Asker(duckdb_events.connect(store / FILE, read_only=True), "events")
