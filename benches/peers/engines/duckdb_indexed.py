"""DuckDB's native table with its indexes (ART) on trace id and end user; it has none for parts of texts."""

import duckdb_events
from engines.duckdb_native import FILE, open, size, unavailable, version

__all__ = ["open", "size", "unavailable", "version"]

TITLE = "DuckDB native, indexed"
LOADS = True


def load(source, store, options):
    connection = duckdb_events.connect(store / FILE)
    connection.execute(f"create table events as {duckdb_events.select_events(source)}")
    connection.execute("create index events_trace on events (trace_id)")
    connection.execute("create index events_user on events (end_user_id)")
    connection.execute("checkpoint")
    connection.close()
