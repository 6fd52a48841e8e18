"""The engines that are compared, one a module. Each has

TITLE            what it is called in the tables
LOADS            False where it reads what another engine, `OF`, has loaded
unavailable(options) -> why it cannot run here, or None
version(options) -> text
load(source, store, options)   from the NDJSON file to a committed, synced table; in a process of its own, timed from outside
size(store, options) -> {"bytes": everything that belongs to the table, "files": its data files}
open(store, options) -> what answers: ask(values) -> rows, the timed part, all of them in memory with their payloads as text;
                        events(rows) -> a dictionary each; peak_bytes(); close()

and may have `layout(store)`, a line to print, `before_load(source, store, options)`, which is not timed, and
`cold(store, values, options)`, milliseconds of a process of its own that answers once.
"""

import importlib

# In the order in which they run. Ours first, what reads another's store after it.
ENGINES = {
    "annals": "annals_http",
    "annals-sql": "annals_sql",
    "annals-compacted": "annals_compacted",
    "annals-compacted-sql": "annals_compacted_sql",
    "duckdb": "duckdb_native",
    "duckdb-indexed": "duckdb_indexed",
    "duckdb-parquet": "duckdb_parquet",
    "polars": "polars_parquet",
    "clickhouse": "clickhouse",
    "victorialogs": "victorialogs",
}


def engine(name):
    return importlib.import_module(f"engines.{ENGINES[name]}")
