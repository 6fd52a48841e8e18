"""Annals on the same store, asked in SQL at `/v1/sql`."""

import tempfile

from annals_server import Server
from engines import annals_http
from engines.annals_http import unavailable, version
from queries import ending, equalities, quoted

__all__ = ["unavailable", "version"]

TITLE = "Annals, SQL"
LOADS = False
OF = "annals"


def open(store, options):
    return Asker(store, options)


class Asker(annals_http.Asker):
    def __init__(self, store, options):
        # Another server has the store open at the same time, and with it the log that lies in the store.
        self.wal = tempfile.TemporaryDirectory(dir=store.parent)
        self.server = Server(options["annals"], store, ["--wal", self.wal.name])

    def close(self):
        super().close()
        self.wal.cleanup()

    def ask(self, values):
        conditions = [f"{column} = {quoted(value)}" for column, value in equalities(values)]
        if "since" in values:
            conditions.append(f"timestamp >= timestamp {quoted(values['since'])}")
        if "text" in values:
            conditions.append(f"payload like {quoted('%' + values['text'] + '%')}")
        return self.server.rows("/v1/sql", f"select * from events where {' and '.join(conditions)} {ending(values)}")
