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
    return module.size(store)


def version(module, store, source, options):
    return module.version(options)


def ask(module, store, source, options):
    """Times of every question in milliseconds; the answers go to a file, for comparison."""
    workload = json.loads(pathlib.Path(options["workload"]).read_text())
    asker = module.open(store, options)
    times, answers = {}, {}
    try:
        for name, question in QUESTIONS.items():
            values, runs = workload[name], options["runs"]
            for untimed in values["untimed"]:
                asker.ask(untimed)
            timed = values["timed"] if question.rotates else values["timed"] * runs
            took, answers[name], begun = [], [], time.perf_counter()
            for one in timed:
                if len(took) >= RUNS_MIN and time.perf_counter() - begun > QUESTION_S_MAX:
                    break
                start = time.perf_counter()
                rows = asker.ask(one)
                took.append((time.perf_counter() - start) * 1000)
                if question.rotates or not answers[name]:
                    answers[name].append([event_of(event) for event in asker.events(rows)])
            times[name] = {"median_ms": statistics.median(took), "runs": len(took),
                           "hot_ms": hottest(asker, timed[len(took) - 1], runs) if question.rotates else min(took)}
        peak = asker.peak_bytes()
    finally:
        asker.close()
    write_json(options["answers"], answers)
    return {"times": times, "peak_bytes": peak}


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
