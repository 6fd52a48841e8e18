"""DuckDB over zstd Parquet, partitioned by project and day and sorted by time, each file synced."""

import duckdb_events
from process import bytes_below, files_below, sync_files

TITLE = "DuckDB Parquet"
LOADS = True
FOLDER = "events"
GLOB = f"{FOLDER}/project_id=*/day=*/*.parquet"


def unavailable(options):
    return None


def version(options):
    return duckdb_events.version()


def load(source, store, options):
    connection = duckdb_events.connect()
    connection.execute(f"set temp_directory = '{store}/temporary'")
    # As plain strings, which is what JSON is in Parquet: Polars takes what is marked as JSON for bytes.
    columns = "* replace (payload::varchar as payload, error::varchar as error)"
    connection.execute(
        f"copy (select {columns} from ({duckdb_events.select_events(source)}) order by project_id, day, timestamp) "
        f"to '{store}/{FOLDER}' (format parquet, compression zstd, partition_by (project_id, day))"
    )
    sync_files(store / FOLDER)


def size(store, options):
    return {"bytes": bytes_below(store / FOLDER), "files": len(files_below(store / FOLDER, "*.parquet"))}


def open(store, options):
    return duckdb_events.Asker(duckdb_events.connect(), f"read_parquet('{store}/{GLOB}', hive_partitioning = true)")
