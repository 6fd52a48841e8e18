"""The tables of a run, as Markdown or as columns of text, from what was measured: `results.json` is the same in data."""

from queries import QUESTIONS

REFERENCE = "duckdb"
OURS = "annals"
COMPACTED = "annals-compacted"
PARQUET = "duckdb-parquet"


def ms(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def queries_table(results):
    """A row a question, a column an engine: the median, and the hot minimum in parentheses."""
    names = [name for name, result in results.items() if "times" in result]
    head = ["median ms (hot minimum)", *(results[name]["title"] for name in names)]
    rows = []
    for question, about in QUESTIONS.items():
        cells = [f"{question} {about.what}"]
        for name in names:
            times = results[name]["times"][question]
            cells.append(f"{ms(times['median_ms'])} ({ms(times['hot_ms'])})")
        rows.append(cells)
    cold = ["first answer of a new process (Q2), ms"]
    for name in names:
        result = results[name]
        whole = f", whole process {ms(result['cold_ms'])}" if "cold_ms" in result else ""
        cold.append(f"{ms(result['first_ms'])}{whole}" if "first_ms" in result else "")
    rows.append(cold)
    rows.append(["peak memory while asked, MiB", *(f"{results[name]['asked_peak_bytes'] / 2**20:,.0f}" for name in names)])
    return head, rows


def loads_table(results, events):
    """A row an engine that was loaded."""
    head = ["load", "seconds", "events/s", "peak memory, MiB", "bytes an event", "data files"]
    rows = []
    for result in results.values():
        if "loaded" not in result:
            continue
        loaded, size = result["loaded"], result["size"]
        rows.append([result["title"], f"{loaded['seconds']:.1f}", f"{events / loaded['seconds']:,.0f}",
                     f"{loaded['peak_bytes'] / 2**20:,.0f}", f"{size['bytes'] / events:.1f}", f"{size['files']:,}"])
    return head, rows


def figures(results, events):
    """What is to be reached: name, limit, what each of our stores measured; only what this run can tell."""
    ours = [name for name in (OURS, COMPACTED) if name in results]
    found = []
    if REFERENCE in results:
        for question, about in QUESTIONS.items():
            peer = results[REFERENCE]["times"][question]["median_ms"]
            ratios = {name: results[name]["times"][question]["median_ms"] / peer for name in ours}
            found.append((f"{question} / DuckDB native", about.ratio_max, "{:.2f}", ratios))
    if PARQUET in results:
        peer = results[PARQUET]["size"]["bytes"]
        for name, limit in ((OURS, 1.25), (COMPACTED, 1.15)):
            if name in results:
                found.append(("bytes an event / DuckDB Parquet", limit, "{:.2f}", {name: results[name]["size"]["bytes"] / peer}))
    if ours:
        colds = {name: results[name]["cold_ms"] for name in ours if "cold_ms" in results[name]}
        found.append(("first answer of a cold process (Q2), ms", 100, "{:.0f}", colds))
    return found


def figures_table(results, events):
    names = [name for name in (OURS, COMPACTED) if name in results]
    head = ["figure", "to reach", *(results[name]["title"] for name in names)]
    rows = []
    for what, limit, shape, values in figures(results, events):
        cells = [what, f"<= {limit}"]
        for name in names:
            value = values.get(name)
            cells.append("" if value is None else f"{shape.format(value)}{'' if value <= limit else ', not reached'}")
        rows.append(cells)
    return head, rows


def ratios_table(results):
    """Our medians against every engine's."""
    peers = [name for name, result in results.items() if "times" in result and not name.startswith("annals")]
    head = ["Annals / peer, medians", *(results[name]["title"] for name in peers)]
    rows = []
    for question in QUESTIONS:
        mine = results[OURS]["times"][question]["median_ms"]
        rows.append([question, *(f"{mine / results[name]['times'][question]['median_ms']:.2f}" for name in peers)])
    return head, rows


def shown(table, markdown):
    head, rows = table
    if markdown:
        lines = [head, ["---"] * len(head), *rows]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    lines = []
    for cells in (head, *rows):
        first, *others = zip(cells, widths)
        lines.append("  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]))
    return "\n".join(lines)


def write(run, markdown):
    """The whole report on standard output."""
    results, events = run["engines"], run["events"]
    print(f"Machine: {run['machine']}. Program: {run['program']}.")
    print(f"Versions: {'; '.join(dict.fromkeys(result['version'] for result in results.values()))}.")
    print(f"Workload: `{run['workload']}`, {run['bytes'] / events:.0f} bytes an event.")
    print(f"{run['answers']} answers compared, all equal.")
    for name, why in run["skipped"].items():
        print(f"{name}: {why}")
    print()
    tables = [queries_table(results), loads_table(results, events)]
    if OURS in results:
        tables[1:1] = [ratios_table(results)]
        tables.append(figures_table(results, events))
    print("\n\n".join(shown(table, markdown) for table in tables if len(table[0]) > 1))
    for result in results.values():
        if "layout" in result:
            parts = ", ".join(f"{name} {size / events:.2f}" for name, size in sorted(result["layout"].items()))
            print(f"\n{result['title']}, bytes an event in its folder: {parts}")
