"""The events, and what is asked about them: drawn once from the file with a fixed seed, before anything is measured."""

import json
import os
import random
import re
import subprocess
from collections import Counter

from process import say
from queries import QUESTIONS

SEED = 7
PROJECTS = 20
DAYS = 14
USERS = 50_000
END = "2026-05-31T00:00:00Z"
LAST_DAY = "2026-05-30T00:00:00Z"
LAST_3_DAYS = "2026-05-28T00:00:00Z"

# Values of one question that are asked and timed, and those asked before them, which are not.
TIMED = 24
UNTIMED = 3
# Events that the values are drawn from.
SAMPLE = 3_000
# Members of payloads that name a record, a sync, an execution or a failure, in most of the kinds of events.
RECORD_MEMBERS = ("id", "syncId", "syncInstanceId", "executionId", "correlationId")
# Shorter values are not ids, or not rare; others than these characters would need escapes in a pattern.
RECORD_ID = re.compile("[0-9A-Za-z-]{16,64}")
# A record id occurs in the payloads of at most so many events.
OCCURRENCES_MAX = 12
CHUNK_BYTES = 16 << 20


def generate(annals, path, events, projects=PROJECTS, days=DAYS):
    with open(path, "wb") as file:
        subprocess.run(generate_command(annals, events, projects, days), check=True, stdout=file)
        os.fsync(file.fileno())


def generate_command(annals, events, projects=PROJECTS, days=DAYS):
    return [str(annals), "generate", "--events", str(events), "--seed", "1", "--projects", str(projects),
            "--users", str(USERS), "--days", str(days), "--end", END]


def draw(path):
    """The values of every question: `{"Q1": {"untimed": […], "timed": […]}, …}`."""
    chance = random.Random(SEED)
    events = sampled(path, chance)
    project, _ = Counter(event["projectId"] for event in events).most_common(1)[0]
    traces = distinct((event["traceId"], event["projectId"]) for event in events)
    wanted = UNTIMED + TIMED
    if len(traces) < 2 * wanted:
        raise SystemExit(f"{path} holds too few traces to draw from: give more --events")
    users = distinct(event["endUserId"] for event in events if event.get("endUserId"))
    integration, kind = busy_pair(events, chance)
    texts = rare_texts(path, events, wanted)
    values = {
        "Q1": [{"project": project, "limit": 50}],
        "Q2": [{"trace": trace} for trace, _ in traces[:wanted]],
        "Q3": [{"trace": trace, "project": of} for trace, of in traces[wanted : 2 * wanted]],
        "Q4": [{"project": project, "level": "ERROR", "since": LAST_DAY, "limit": 100}],
        "Q5": [{"user": user, "limit": 100} for user in users[:wanted]],
        "Q6": [{"integration": integration, "type": kind, "since": LAST_3_DAYS, "limit": 100}],
        "Q7": [{"text": text, "limit": 100} for text in texts],
    }
    return {name: parted(values[name], question.rotates) for name, question in QUESTIONS.items()}


def parted(values, rotates):
    """A question that does not rotate is asked once with its values before it is timed."""
    return {"untimed": values[:UNTIMED], "timed": values[UNTIMED:]} if rotates else {"untimed": values, "timed": values}


def sampled(path, chance):
    """Events at random places of the file."""
    size, events = os.path.getsize(path), []
    with open(path, "rb") as file:
        for _ in range(SAMPLE):
            file.seek(chance.randrange(size))
            file.readline()
            if line := file.readline():
                events.append(json.loads(line))
    return events


def distinct(values):
    return list(dict.fromkeys(values))


def busy_pair(events, chance):
    """An integration and a type that at least 1% of the events have."""
    pairs = Counter((event["integrationId"], event["type"]) for event in events if event.get("integrationId"))
    return chance.choice(sorted(pair for pair, count in pairs.items() if count >= len(events) // 100))


def rare_texts(path, events, wanted):
    """Record ids that stand in the payloads of 1 to [`OCCURRENCES_MAX`] events and in no other member of the event drawn;
    of each kind of member the same number, as far as there are."""
    candidates = {}
    for event in events:
        elsewhere = {value for value in event.values() if isinstance(value, str)}
        for member, value in record_ids(event.get("payload")):
            if value not in elsewhere:
                candidates.setdefault(value, member)
    say("counting the record ids that are asked for")
    counts = occurrences(path, set(candidates))
    kinds = {member: [] for member in RECORD_MEMBERS}
    for value, member in candidates.items():
        if 1 <= counts[value] <= OCCURRENCES_MAX:
            kinds[member].append(value)
    texts = []
    while len(texts) < wanted:
        left = [values for values in kinds.values() if values]
        if not left:
            raise SystemExit(f"{path} holds too few record ids to draw from: give more --events")
        texts.extend(values.pop(0) for values in left)
    return texts[:wanted]


def record_ids(value):
    """The record ids within a JSON value: member and id."""
    if isinstance(value, list):
        for item in value:
            yield from record_ids(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in RECORD_MEMBERS and isinstance(item, str) and RECORD_ID.fullmatch(item):
                yield name, item
            else:
                yield from record_ids(item)


def occurrences(path, wanted):
    """How many events hold each of these ids, reading the whole file."""
    pattern = re.compile(rb'"(?:%s)":"([^"]{16,64})"' % "|".join(RECORD_MEMBERS).encode())
    wanted_bytes = {value.encode() for value in wanted}
    counts, rest = Counter(), b""
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            chunk = rest + chunk
            end = chunk.rfind(b"\n") + 1
            chunk, rest = chunk[:end], chunk[end:]
            counts.update(found for found in pattern.findall(chunk) if found in wanted_bytes)
    return Counter({value.decode(): count for value, count in counts.items()})
