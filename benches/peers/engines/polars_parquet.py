"""Polars over the Parquet files that DuckDB wrote: by folder for projects, by the files' statistics for the rest."""

import os

import duckdb_events
from columns import NAMES
from engines.duckdb_parquet import GLOB
from process import peak_bytes
from queries import equalities

TITLE = "Polars Parquet"
LOADS = False
OF = "duckdb-parquet"


def unavailable(options):
    return None


def version(options):
    import polars

    return f"Polars {polars.__version__}, {duckdb_events.THREADS} threads"


def open(store, options):
    return Asker(store)


class Asker:
    def __init__(self, store):
        os.environ["POLARS_MAX_THREADS"] = str(duckdb_events.THREADS)
        import polars

        self.polars = polars
        self.files = f"{store}/{GLOB}"

    def ask(self, values):
        column = self.polars.col
        frame = self.polars.scan_parquet(self.files, hive_partitioning=True, try_parse_hive_dates=False)
        for name, value in equalities(values):
            frame = frame.filter(column(name) == value)
        if "since" in values:
            since = self.polars.lit(values["since"]).str.to_datetime(time_zone="UTC").dt.replace_time_zone(None)
            frame = frame.filter(column("timestamp") >= since)
        if "text" in values:
            frame = frame.filter(column("payload").str.contains(values["text"], literal=True))
        frame = frame.sort("timestamp", descending="limit" in values)
        if "limit" in values:
            frame = frame.head(values["limit"])
        return frame.select(NAMES).collect().rows()

    def events(self, rows):
        return [dict(zip(NAMES, row)) for row in rows]

    def peak_bytes(self):
        return peak_bytes()

    def close(self):
        pass
