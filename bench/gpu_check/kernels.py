"""Kernels' durations and bytes, from ncu's table."""

import collections
import csv
import re

METRICS = ["gpu__time_duration.sum", "dram__bytes_read.sum", "dram__bytes_write.sum"]
UNITS = {"ns": 1, "nsecond": 1, "us": 1e3, "usecond": 1e3, "ms": 1e6, "msecond": 1e6, "s": 1e9, "second": 1e9,
         "byte": 1, "Kbyte": 1e3, "Mbyte": 1e6, "Gbyte": 1e9}
HEADER = ("kernel", "launches", "us", "% of the step", "MB", "TB/s")

Launch = collections.namedtuple("Launch", "name ns bytes")


def parse(text):
    """The launches of `ncu --csv --page raw`: a line of names, a line of units, a line per launch."""
    lines = [line for line in text.splitlines() if line.startswith('"')]
    table = list(csv.reader(lines))
    if len(table) < 3 or "Kernel Name" not in table[0]:
        return []
    header, units = table[0], table[1]
    name = header.index("Kernel Name")
    columns = [header.index(metric) for metric in METRICS if metric in header]
    if len(columns) != len(METRICS):
        return []
    launches = []
    for row in table[2:]:
        if len(row) != len(header):
            continue
        try:
            ns, read, written = (float(row[i].replace(",", "")) * UNITS.get(units[i], 1) for i in columns)
        except ValueError:  # "n/a"
            continue
        launches.append(Launch(short_name(row[name]), ns, read + written))
    return launches


def short_name(name):
    """The kernel's function and what it is for, without namespaces and arguments."""
    depth, end = 0, len(name)
    for i, character in enumerate(name):
        depth += {"<": 1, ">": -1}.get(character, 0)
        if character == "(" and depth == 0 and not name.startswith("(anonymous namespace)", i):
            end = i
            break
    name = name[:end].replace("(anonymous namespace)::", "").replace("<unnamed>::", "")
    name = re.sub(r"\b(?:\w+::)+", "", re.sub(r"^(void|static)\s+", "", name))
    return re.sub(r"\s+", " ", name).replace("|", "/")[:140]


def is_update(launch):
    return re.search(r"sgd", launch.name, re.I) is not None


def one_step(launches):
    """The launches from one update of the weights to the next, and True; where there are not two updates, all of them,
    and False."""
    ends = [i for i, launch in enumerate(launches)
            if is_update(launch) and (i + 1 == len(launches) or not is_update(launches[i + 1]))]
    if len(ends) < 2:
        return launches, False
    return launches[ends[0] + 1:ends[1] + 1], True


def rows(launches):
    """The ten kernels that take most time, and every one of batch norm."""
    groups = collections.defaultdict(list)
    for launch in launches:
        groups[launch.name].append(launch)
    whole = sum(launch.ns for launch in launches)
    ordered = sorted(groups.items(), key=lambda group: -sum(launch.ns for launch in group[1]))
    chosen = []
    for place, (name, group) in enumerate(ordered):
        if place < 10 or re.search(r"norm|moment|channel", name, re.I):
            ns, moved = sum(launch.ns for launch in group), sum(launch.bytes for launch in group)
            chosen.append((f"`{name}`", len(group), f"{ns / 1e3:,.1f}", f"{100 * ns / whole:.1f}",
                           f"{moved / 1e6:,.1f}", f"{moved / ns / 1e3:.2f}"))
    return chosen
