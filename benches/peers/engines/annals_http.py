"""Annals: loaded by `annals ingest`, asked over HTTP at `annals serve` through one connection that is kept."""

import json

from annals_server import Server
from process import bytes_below, files_below, measured, printed

TITLE = "Annals"
LOADS = True
TABLE = "events"


def unavailable(options):
    return None


def version(options):
    return printed([options["annals"], "--version"]).strip()


def load(source, store, options):
    measured([options["annals"], "ingest", source, "--store", store, "--quiet"])


def size(store):
    """All that is in the table's folder: data files, log, indexes. The write-ahead log is beside it, and empty by now."""
    return {"bytes": bytes_below(store / TABLE), "files": len(files_below(store / TABLE, "*.parquet"))}


def layout(store):
    """What the bytes of the table's folder are, in total: data files, and the folders beside them."""
    parts = {"data files": 0}
    for file in files_below(store / TABLE):
        first = file.relative_to(store / TABLE).parts[0]
        name = first if first.startswith("_") else "data files" if file.suffix == ".parquet" else "other files"
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
