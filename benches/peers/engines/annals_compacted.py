"""Annals after `annals compact`, on a copy of the store as it was flushed."""

import shutil
import subprocess

from engines.annals_http import TABLE, cold, layout, open, size, version
from process import measured

__all__ = ["cold", "layout", "open", "size", "version"]

TITLE = "Annals, compacted"
LOADS = True
FROM = "annals"


def unavailable(options):
    asked = subprocess.run([options["annals"], "compact", "--help"], capture_output=True)
    return "this program has no compact" if asked.returncode else None


def before_load(source, store, options):
    shutil.copytree(store.parent / FROM / TABLE, store / TABLE)


def load(source, store, options):
    measured([options["annals"], "compact", "--store", store])
