"""What runs in a process of its own, so that an engine's memory and start are its own: loading, asking, one cold answer.

`python child.py STEP ENGINE STORE SOURCE OPTIONS`, the options as JSON; prints its result as JSON.
"""

import json
import pathlib
import resource
import statistics
import sys
import time

from answers import event_of
from engines import engine
from process import peak_bytes, write_json
from queries import QUESTIONS

# A question that takes longer in total is asked no more than it must be.
QUESTION_S_MAX = 60
RUNS_MIN = 7


def load(module, store, source, options):
    start = time.perf_counter()
    module.load(source, store, options)
    seconds = time.perf_counter() - start
    # Either this process did it, or a program that it started: whose peak is at least that of this process at its start.
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"seconds": seconds, "peak_bytes": max(peak_bytes(), children)}


def size(module, store, source, options):
    return module.size(store, options)


def version(module, store, source, options):
    return module.version(options)


def ask(module, store, source, options):
    """Asks each question that a line of standard input names and prints its times in milliseconds, as JSON. The answers go to a
    file, for comparison."""
    workload = json.loads(pathlib.Path(options["workload"]).read_text())
    asker = module.open(store, options)
    answers = {}
    try:
        print(json.dumps("ready"), flush=True)
        for line in sys.stdin:
            name = line.strip()
            times, answers[name] = timed(asker, name, workload[name], options["runs"])
            print(json.dumps(times), flush=True)
        peak = asker.peak_bytes()
    finally:
        asker.close()
    write_json(options["answers"], answers)
    return {"peak_bytes": peak}


def timed(asker, name, values, runs):
    """The times of a question, and its answers in the form that is compared, one for each of its values."""
    rotates = QUESTIONS[name].rotates
    for untimed in values["untimed"]:
        asker.ask(untimed)
    asked = values["timed"] if rotates else values["timed"] * runs
    took, answers, begun = [], [], time.perf_counter()
    for one in asked:
        if len(took) >= RUNS_MIN and time.perf_counter() - begun > QUESTION_S_MAX:
            break
        start = time.perf_counter()
        rows = asker.ask(one)
        took.append((time.perf_counter() - start) * 1000)
        if rotates or not answers:
            answers.append([event_of(event) for event in asker.events(rows)])
    hot = hottest(asker, asked[len(took) - 1], runs) if rotates else min(took)
    return {"median_ms": statistics.median(took), "hot_ms": hot, "runs": len(took)}, answers


def hottest(asker, values, runs):
    """The shortest of several answers to the same values."""
    took, begun = [], time.perf_counter()
    for _ in range(runs):
        start = time.perf_counter()
        asker.ask(values)
        took.append((time.perf_counter() - start) * 1000)
        if time.perf_counter() - begun > QUESTION_S_MAX / 4:
            break
    return min(took)


def first(module, store, source, options):
    """The first answer of this process: from opening the store, or starting its server, to the last row. The start of Python is
    not in it."""
    start = time.perf_counter()
    asker = module.open(store, options)
    try:
        rows = asker.ask(options["values"])
        took = (time.perf_counter() - start) * 1000
    finally:
        asker.close()
    if not rows:
        raise SystemExit(f"nothing was found by {options['values']}")
    return {"first_ms": took}


STEPS = {step.__name__: step for step in (load, size, version, ask, first)}


def main():
    step, name, store, source, options = sys.argv[1:]
    module = engine(name)
    print(json.dumps(STEPS[step](module, pathlib.Path(store), source, json.loads(options))))


if __name__ == "__main__":
    main()
