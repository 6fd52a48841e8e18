"""Compacts a Delta table of events with delta-rs, and writes a checkpoint of the outcome.

Usage: compact_store.py TABLE_DIR
"""

import sys

from deltalake import DeltaTable

table = DeltaTable(sys.argv[1])
metrics = table.optimize.compact()
assert metrics["numFilesAdded"] > 0, metrics
table = DeltaTable(sys.argv[1])
table.create_checkpoint()
print(table.version())
