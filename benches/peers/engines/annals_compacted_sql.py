"""Annals on the compacted store, asked in SQL at `/v1/sql`."""

from engines.annals_compacted import unavailable, version
from engines.annals_sql import open

__all__ = ["open", "unavailable", "version"]

TITLE = "Annals, compacted, SQL"
LOADS = False
OF = "annals-compacted"
