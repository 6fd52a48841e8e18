"""What the DuckDB engines share: connecting, reading the file, and the seven questions in its SQL."""

from columns import COLUMNS, NAMES
from queries import ending, equalities

THREADS = 2


def connect(database=":memory:", read_only=False):
    import duckdb

    connection = duckdb.connect(str(database), read_only=read_only)
    connection.execute(f"set threads = {THREADS}")
    return connection


def version():
    import duckdb

    return f"DuckDB {duckdb.__version__}, {THREADS} threads"


def select_events(source):
    types = ", ".join(f"'{wire}': '{kind}'" for wire, _, kind in COLUMNS)
    names = ", ".join(f'"{wire}" as "{column}"' for wire, column, _ in COLUMNS)
    return (
        f"select {names}, cast(\"timestamp\" as date) as day from read_json('{source}', "
        f"format = 'newline_delimited', columns = {{{types}}}, maximum_object_size = 4194304)"
    )


class Asker:
    """Asks a table, or what stands for one in `from`."""

    def __init__(self, connection, events):
        self.connection = connection
        self.events_from = events

    def ask(self, values):
        conditions = [(f"{column} = ?", value) for column, value in equalities(values)]
        if "since" in values:
            conditions.append(("timestamp >= ?::timestamp", values["since"].removesuffix("Z")))
        if "text" in values:
            conditions.append(("contains(payload::varchar, ?)", values["text"]))
        where = " and ".join(condition for condition, _ in conditions)
        statement = f"select {', '.join(NAMES)} from {self.events_from} where {where} {ending(values)}"
        return self.connection.execute(statement, [value for _, value in conditions]).fetchall()

    def events(self, rows):
        return [dict(zip(NAMES, row)) for row in rows]

    def peak_bytes(self):
        from process import peak_bytes

        return peak_bytes()

    def close(self):
        self.connection.close()
