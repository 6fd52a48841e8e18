"""The seven questions, the same to every engine.

The values of a question are a dictionary: `project`, `level`, `type`, `user`, `integration` and `trace` are equalities, `since`
is a time (RFC 3339, UTC) from which on, `text` stands somewhere in the payload; `limit` is how many, the latest of them. Without
a limit it is all of them, the oldest first: a trace. Every answer is whole events.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    what: str
    # Most that our median may be of DuckDB's native table in the same run.
    ratio_max: float
    # Whether each run asks with other values, so that no answer is hot.
    rotates: bool


QUESTIONS = {
    "Q1": Question("latest 50 of a project, whole events", 0.35, False),
    "Q2": Question("trace id, nothing else known", 0.15, True),
    "Q3": Question("trace id and project", 0.10, True),
    "Q4": Question("project + ERROR + last 24 h, latest 100", 0.45, False),
    "Q5": Question("one end user, all time, latest 100", 0.30, True),
    "Q6": Question("integration + type + 3 days, latest 100", 0.6, False),
    "Q7": Question("a rare record id inside payloads, all projects, all time", 0.02, True),
}

EQUALITIES = {
    "project": "project_id",
    "level": "level",
    "type": "type",
    "user": "end_user_id",
    "integration": "integration_id",
    "trace": "trace_id",
}


def equalities(values):
    """The equalities among the values: column and value."""
    return [(column, values[name]) for name, column in EQUALITIES.items() if name in values]


def ending(values):
    """Order and limit in SQL."""
    return f"order by timestamp desc limit {values['limit']}" if "limit" in values else "order by timestamp"


def quoted(text):
    """A string as a literal of SQL; the values of a workload hold no backslashes."""
    assert "\\" not in text, text
    return "'" + text.replace("'", "''") + "'"
