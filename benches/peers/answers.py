"""Whether two engines gave the same answer.

An event is compared whole: each of its members, times in microseconds, payload and error as JSON values, members that are null,
empty or absent being the same. The order of an answer is that of its timestamps; events of one timestamp are a set. Where an
answer ends at its limit, its last timestamp may have more events than fit, of which each engine may choose: there the number of
them is compared, and that every one is of the answer's kind follows from the rest.
"""

import collections
import datetime
import itertools
import json
import re

from columns import WIRE_OF

# Given to events by Annals or VictoriaLogs when they take them in, or parts of the layout.
OF_THE_STORE = {"id", "receivedAt", "received_at", "seq", "day", "_stream", "_stream_id"}
JSON_MEMBERS = ("payload", "error")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z?$")


class Different(Exception):
    """What differs, for the person who runs the bench."""


def microseconds(value):
    """A time as microseconds since 1970, UTC, from a text or a datetime."""
    if isinstance(value, datetime.datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
        return (moment - EPOCH) // datetime.timedelta(microseconds=1)
    date, time, fraction = TIME.match(value).groups()
    seconds = (datetime.datetime.fromisoformat(f"{date}T{time}+00:00") - EPOCH) // datetime.timedelta(seconds=1)
    return seconds * 1_000_000 + int((fraction or "").ljust(6, "0")[:6])


def event_of(row):
    """An event in the one form that is compared, from a row's members by wire or column name."""
    event = {}
    attributes = row.pop("attributes", None) or {}
    if isinstance(attributes, str):
        attributes = json.loads(attributes)
    for name, value in itertools.chain(row.items(), attributes.items()):
        if value is None or value == "" or name in OF_THE_STORE:
            continue
        name = WIRE_OF.get(name, name)
        if name in JSON_MEMBERS and isinstance(value, str):
            value = json.loads(value)
        event[name] = microseconds(value) if name == "timestamp" else value
    return event


def key(event):
    return json.dumps(event, sort_keys=True, separators=(",", ":"))


def compare(question, values, ours, whose, theirs, reference):
    """Raises [`Different`] unless the answer `ours` of the engine `whose` is that of the engine `reference`."""
    where = f"{question} with {json.dumps(values)}"
    if len(ours) != len(theirs):
        raise Different(f"{where}: {whose} found {len(ours)} events, {reference} {len(theirs)}")
    times = [[event["timestamp"] for event in answer] for answer in (ours, theirs)]
    if times[0] != times[1]:
        place = next(at for at, (a, b) in enumerate(zip(*times)) if a != b)
        raise Different(f"{where}: event {place} is of {times[0][place]} us in {whose}, of {times[1][place]} us in {reference}")
    full = "limit" in values and len(ours) == values["limit"]
    for at, group in itertools.groupby(range(len(ours)), lambda place: times[0][place]):
        places = list(group)
        if full and places[-1] == len(ours) - 1:
            continue
        mine, other = (collections.Counter(key(answer[place]) for place in places) for answer in (ours, theirs))
        if mine != other:
            only = {whose: mine - other, reference: other - mine}
            lines = [f"in {name} alone: {event}" for name, events in only.items() for event in sorted(events.elements())]
            raise Different("\n".join([f"{where}, events of {at} us:", *lines]))


def belongs(question, values, answer):
    """Raises [`Different`] unless every event of an answer is one that was asked for."""
    wires = {"project": "projectId", "level": "level", "type": "type", "user": "endUserId", "integration": "integrationId",
             "trace": "traceId"}
    for event in answer:
        good = all(event.get(wire) == values[name] for name, wire in wires.items() if name in values)
        good = good and ("since" not in values or event["timestamp"] >= microseconds(values["since"]))
        good = good and ("text" not in values or values["text"] in json.dumps(event.get("payload")))
        if not good:
            raise Different(f"{question} with {json.dumps(values)} was answered with {key(event)}")
