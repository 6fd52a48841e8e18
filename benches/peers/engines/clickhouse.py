"""ClickHouse in this process (chdb): MergeTree ordered by project and time, merged into as few parts as it likes, Bloom filters
on trace id and end user, a text index on the payload."""

import json

from columns import COLUMNS
from process import peak_bytes
from queries import ending, equalities, quoted

TITLE = "ClickHouse"
LOADS = True
FOLDER = "clickhouse"

# Of few values each.
DICTIONARIES = {"level", "type", "project_id", "integration_id", "event_name", "status", "environment", "region"}
SETTINGS = "date_time_input_format = 'best_effort', input_format_json_read_objects_as_strings = 1"


def unavailable(options):
    try:
        import chdb  # noqa: F401
    except ImportError as problem:
        return f"chdb is not installed: {problem}"
    return None


def version(options):
    import chdb

    return f"chdb {chdb.__version__}, ClickHouse {chdb.engine_version}"


def kind(column, wire_kind):
    if wire_kind == "TIMESTAMP":
        return "DateTime64(6, 'UTC') codec(Delta, ZSTD(1))"
    return "LowCardinality(String) codec(ZSTD(1))" if column in DICTIONARIES else "String codec(ZSTD(1))"


def load(source, store, options):
    session = connect(store)
    columns = ", ".join(f"{column} {kind(column, wire_kind)}" for _, column, wire_kind in COLUMNS)
    session.query(
        f"create table annals.events ({columns}, "
        "index by_trace trace_id type bloom_filter(0.01) granularity 1, "
        "index by_user end_user_id type bloom_filter(0.01) granularity 1, "
        "index by_word payload type text(tokenizer = splitByNonAlpha)) "
        "engine = MergeTree order by (project_id, timestamp) partition by toYYYYMM(timestamp) "
        "settings fsync_after_insert = 1, min_rows_to_fsync_after_merge = 1"
    )
    wires = ", ".join(f"`{wire}` {'DateTime64(6, ' + quoted('UTC') + ')' if type_ == 'TIMESTAMP' else 'String'}"
                      for wire, _, type_ in COLUMNS)
    names = ", ".join(f"`{wire}`" for wire, _, _ in COLUMNS)
    session.query(f"insert into annals.events select {names} from file({quoted(str(source))}, 'JSONEachRow', {quoted(wires)}) "
                  f"settings {SETTINGS}")
    session.query("optimize table annals.events final")
    session.close()


def connect(store):
    from chdb.session import Session

    session = Session(str(store / FOLDER))
    session.query("create database if not exists annals engine = Atomic")
    return session


def size(store, options):
    # Parts that were merged away stay for some minutes: the active ones are what a table takes.
    session = connect(store)
    total, parts = json.loads(str(session.query(
        "select sum(bytes_on_disk), count() from system.parts where database = 'annals' and table = 'events' and active",
        "JSONCompactEachRow")))
    session.close()
    return {"bytes": int(total), "files": int(parts)}


def open(store, options):
    return Asker(store)


class Asker:
    def __init__(self, store):
        self.session = connect(store)
        self.names = ", ".join(column for _, column, _ in COLUMNS)

    def ask(self, values):
        conditions = [f"{column} = {quoted(value)}" for column, value in equalities(values)]
        if "since" in values:
            conditions.append(f"timestamp >= toDateTime64({quoted(values['since'].removesuffix('Z'))}, 6, 'UTC')")
        if "text" in values:
            text = quoted(values["text"])
            conditions.append(f"hasAllTokens(payload, {text}) and position(payload, {text}) > 0")
        statement = f"select {self.names} from annals.events where {' and '.join(conditions)} {ending(values)}"
        return self.session.query(statement, "JSONEachRow").bytes().splitlines()

    def events(self, rows):
        return [json.loads(row) for row in rows]

    def peak_bytes(self):
        return peak_bytes()

    def close(self):
        self.session.close()
