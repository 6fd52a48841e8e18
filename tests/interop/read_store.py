"""Reads a Delta table of events with other people's readers and prints what each of them finds, as one JSON object.

Usage: read_store.py TABLE_DIR
"""

import json
import os
import sys

# No reader reports to anybody.
os.environ.setdefault("DO_NOT_TRACK", "1")

SQL = {
    "totals": "select count(*), sum(length(message)), sum(case when level = 'ERROR' then 1 else 0 end), "
    "count(distinct trace_id) from {events}",
    "projects": "select project_id, count(*) from {events} group by project_id order by project_id",
    "days": "select cast(day as varchar) as date_text, count(*) from {events} group by 1 order by 1",
}


def answer(events, message_chars, errors, traces, first, last, projects, days):
    def time(value):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"

    return {
        "events": int(events),
        "message_chars": int(message_chars),
        "errors": int(errors),
        "traces": int(traces),
        "first": first if isinstance(first, str) else time(first),
        "last": last if isinstance(last, str) else time(last),
        "projects": {str(key): int(count) for key, count in projects},
        "days": {str(key): int(count) for key, count in days},
    }


def from_arrow(table):
    """The answer computed with pyarrow's own functions."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def grouped(name):
        # A hive-partitioned column may come as a dictionary.
        column = pc.cast(table[name], pa.string())
        return [(value["values"], value["counts"]) for value in pc.value_counts(column.combine_chunks()).to_pylist()]

    level = pc.cast(table["level"], pa.string())
    trace = pc.cast(table["trace_id"], pa.string())
    return answer(
        table.num_rows,
        pc.sum(pc.utf8_length(pc.cast(table["message"], pa.string()))).as_py(),
        pc.sum(pc.cast(pc.equal(level, "ERROR"), pa.int64())).as_py(),
        pc.count_distinct(trace).as_py(),
        pc.min(table["timestamp"]).as_py(),
        pc.max(table["timestamp"]).as_py(),
        grouped("project_id"),
        grouped("day"),
    )


def deltalake(path):
    from deltalake import DeltaTable, QueryBuilder

    builder = QueryBuilder().register("events", DeltaTable(path))

    def rows(statement):
        import pyarrow as pa

        table = pa.table(builder.execute(statement.format(events="events")).read_all())
        return list(zip(*(column.to_pylist() for column in table.columns)))

    (totals,) = rows(SQL["totals"])
    ((first, last),) = rows("select min(timestamp), max(timestamp) from {events}")
    return answer(*totals, first, last, rows(SQL["projects"]), rows(SQL["days"]))


def pyarrow(path):
    """The files that the Delta log names, as a pyarrow dataset with hive partitions."""
    import pyarrow.dataset as ds
    from deltalake import DeltaTable

    dataset = ds.dataset(DeltaTable(path).file_uris(), format="parquet", partitioning="hive", partition_base_dir=path)
    return from_arrow(dataset.to_table(columns=["timestamp", "level", "message", "trace_id", "project_id", "day"]))


def polars(path):
    import polars as pl

    frame = pl.scan_delta(path)

    def grouped(name):
        return frame.group_by(name).agg(pl.len()).collect().rows()

    totals = frame.select(
        pl.len().alias("events"),
        pl.col("message").str.len_chars().sum().alias("chars"),
        (pl.col("level") == "ERROR").sum().alias("errors"),
        pl.col("trace_id").n_unique().alias("traces"),
        pl.col("timestamp").min().alias("first"),
        pl.col("timestamp").max().alias("last"),
    ).collect()
    return answer(*totals.row(0), grouped("project_id"), grouped("day"))


def duckdb(path):
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    events = f"read_parquet('{path}/project_id=*/day=*/*.parquet', hive_partitioning = true)"

    def rows(statement):
        return connection.execute(statement.format(events=events)).fetchall()

    (totals,) = rows(SQL["totals"])
    shape = "%Y-%m-%dT%H:%M:%S.%fZ"
    ((first, last),) = rows(f"select strftime(min(timestamp), '{shape}'), strftime(max(timestamp), '{shape}') from {{events}}")
    return answer(*totals, first, last, rows(SQL["projects"]), rows(SQL["days"]))


def chdb(path):
    import chdb

    events = f"file('{path}/project_id=*/day=*/*.parquet', Parquet)"

    def rows(statement):
        text = chdb.query(
            statement.format(events=events) + " settings use_hive_partitioning = 1, session_timezone = 'UTC'",
            "JSONCompactEachRow",
        )
        return [json.loads(line) for line in str(text).splitlines() if line]

    (totals,) = rows(SQL["totals"])
    shape = "%Y-%m-%dT%H:%i:%S.%fZ"
    ((first, last),) = rows(
        f"select formatDateTime(min(timestamp), '{shape}'), formatDateTime(max(timestamp), '{shape}') from {{events}}"
    )
    days = "select toString(day), count(*) from {events} group by day order by day"
    return answer(*totals, first, last, rows(SQL["projects"]), rows(days))


def main():
    path = os.path.abspath(sys.argv[1])
    readers = [deltalake, polars, duckdb, pyarrow, chdb]
    print(json.dumps({reader.__name__: reader(path) for reader in readers}))


if __name__ == "__main__":
    main()
