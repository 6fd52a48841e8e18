"""Annals: loaded by `annals ingest`, asked over HTTP at `annals serve` through one connection that is kept."""

import json

from annals_server import Server
from process import files_below, measured, printed

TITLE = "Annals"
LOADS = True
TABLE = "events"
DATA = "data files, replaced ones included"


def unavailable(options):
    return None


def version(options):
    return printed([options["annals"], "--version"]).strip()


def load(source, store, options):
    measured([options["annals"], "ingest", source, "--store", store, "--quiet"])


def size(store, options):
    """The table's data files, and all else that is in its folder: log, indexes. Files that a compaction replaced stay for a
    while and are not of the table. The write-ahead log is beside the folder, and empty by now."""
    statement = "select count(*) as files, sum(bytes) as bytes from files"
    live = json.loads(printed([options["annals"], "sql", "--store", store, "--format", "json", statement]))[0]
    beside = sum(of for name, of in layout(store).items() if name != DATA)
    return {"bytes": live["bytes"] + beside, "files": live["files"]}


def layout(store):
    """What the bytes of the table's folder are, in total: data files, replaced ones too, and the folders beside them."""
    parts = {DATA: 0}
    for file in files_below(store / TABLE):
        first = file.relative_to(store / TABLE).parts[0]
        name = first if first.startswith("_") else DATA if file.suffix == ".parquet" else "other files"
        parts[name] = parts.get(name, 0) + file.stat().st_size
    return parts


def cold(store, values, options):
    """A process of its own, from its start to its end, that answers from the store without a server."""
    command = [options["annals"], "trace", values["trace"], "--store", store, "--format", "ndjson"]
    return measured(command)[0] * 1000


def open(store, options):
    return Asker(store, options)


class Asker:
    def __init__(self, store, options):
        self.server = Server(options["annals"], store)

    def ask(self, values):
        filters = dict(values)
        if "text" in filters:
            filters["q"] = filters.pop("text")
        if "limit" in filters:
            return self.server.rows("/v1/events", **filters)
        return self.server.trace(filters.pop("trace"), **filters)

    def events(self, rows):
        return [json.loads(row) for row in rows]

    def peak_bytes(self):
        return self.server.peak_bytes()

    def close(self):
        self.server.close()
