"""The parts by themselves: the benchmarks of the rooms, in nanoseconds and in instructions."""

import os
import re
import subprocess
import sys

from brokers import harness

import postgres

QUICK = ("publish order status (170 bytes)", "deliver, same topic", "order")
HERE = os.path.dirname(os.path.abspath(__file__))
ONCE = 2000  # calls under callgrind; the same again in a second run takes the start off


def run(place, command):
    done = place.run(command)
    if done.returncode:
        raise RuntimeError("%s: %s" % (" ".join(command), done.stdout))
    return done.stdout


def has_valgrind(place):
    return os.path.exists(place.outside("/usr/bin/valgrind"))


def collected(place, command, *options):
    text = run(place, ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *options] +
               command)
    return int(re.search(r"Collected : (\d+)", text).group(1))


def instructions(place, command):
    """Of one call: @command has the number of calls for its argument. None without valgrind."""
    if not has_valgrind(place):
        return None
    few, many = (collected(place, command(str(count))) for count in (ONCE, 2 * ONCE))
    return (many - few) / ONCE


def inside(place, function, command, calls):
    """Of one call of a function that the program makes @calls times."""
    if not has_valgrind(place):
        return None
    return collected(place, command, "--toggle-collect=" + function) / calls


def gate(place, is_quick):
    rows, program = [], place.program("bench_gate")
    for line in run(place, [program]).splitlines():
        found = re.match(r"(\S.*?\S)  +(\d+) \( *(\d+)\)", line)
        if not found or "raw" in line:
            continue
        name = found.group(1)
        rows.append({"name": "decide: " + name, "ns": float(found.group(2))})
        if not is_quick or name in QUICK:
            rows[-1]["instructions"] = instructions(
                place, lambda count, name=name: [program, "--once", name, count])
    return rows


def reader(place):
    """The parser library that payloads are read with."""
    text = run(place, ["ldd", place.program("bench_schema")])
    return "yyjson" if "libyyjson" in text else "Jansson"


def schema(place, is_quick):
    rows, program = [], place.program("bench_schema")
    for line in run(place, [program]).splitlines():
        found = re.match(r"(\w+) +(\d+) +(\d+) \( *\d+\) +(\d+) \( *\d+\) +(\d+) \(", line)
        if not found:
            continue
        name = found.group(1)
        for kind, ns in zip(("parse", "validate"), found.groups()[3:]):
            row = {"name": "%s: %s (%s bytes)" % (kind, name, found.group(2)), "ns": float(ns)}
            if not is_quick or name in QUICK:
                row["instructions"] = instructions(
                    place, lambda count, kind=kind: [program, "--once", name, count, kind])
            rows.append(row)
    return rows


COMMIT = "ledger: commit an accepted write"
LEDGER = {"append_600_bytes_median": "journal: append 600 bytes",
          "commit_process_median": COMMIT,
          "commit_power_median": "ledger: the same, synced to the disk",
          "look_hit": "ledger: where an order stands, from memory",
          "carried_record_cpu": "ledger: into SQLite, two rows a write (writer thread)"}


def ledger(place, orders):
    """{what bench_ledger calls it: (number, unit)}"""
    text = run(place, [place.program("bench_ledger"), str(orders), place.folder])
    return {name: (float(number), unit)
            for name, number, unit in re.findall(r"(\w+) ([\d.]+) (\S+)", text)}


def kept(place, orders, is_quick):
    numbers, rows = ledger(place, orders), []
    for name, title in LEDGER.items():
        number, unit = numbers[name]
        rows.append({"name": title, "ns": number * (1000 if unit == "us" else 1)})
        if title == COMMIT and not is_quick:
            # All of it fits the journal: nothing is tried again.
            rows[-1]["instructions"] = inside(
                place, "ledger_commit",
                [place.program("bench_ledger"), "--replay", "fresh", str(ONCE), place.folder], ONCE)
    return rows


CARRIED = {"fresh": "a new order", "steps": "an order's step", "stock": "an event of no entity"}


def carried(place, count, missing):
    """Into PostgreSQL, from the commit to the database: messages a second are these turned round."""
    if place.root or postgres.lacking():
        missing.append("PostgreSQL: %s" % (postgres.lacking() or "not in " + place.name))
        return []
    rows = []
    with postgres.Servers() as servers:
        server = servers.start(is_synced=True)
        for work, title in CARRIED.items():
            text = run(place, [place.program("bench_ledger"), "--replay", work, str(count),
                               server.create(work)])
            rate = float(re.search(r"carried_rows_per_s ([\d.]+)", text).group(1))
            rows.append({"name": "ledger: into PostgreSQL, %s (end to end)" % title,
                         "ns": (1 if work == "stock" else 2) * 1e9 / rate})
    return rows


def monitor(place, is_quick):
    program, rows = place.program("bench_monitor"), []
    for kind, word in (("as it ships", "ships"), ("all limits on", "all")):
        found = re.search(r"monitor, %s: .* (\d+ clients) ([\d.]+) ns" % kind, run(place, [program]))
        rows.append({"name": "monitor: %s, %s" % (kind, found.group(1)),
                     "ns": float(found.group(2))})
        if not is_quick:
            rows[-1]["instructions"] = inside(place, "count_me*", [program, "--once", word], 100000)
    return rows


def tool(name, argument):
    done = subprocess.run([sys.executable, os.path.join(HERE, name), str(argument)], text=True,
                          cwd=harness.TOP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, B=harness.BUILD))
    if done.returncode:
        raise RuntimeError("%s: %s" % (name, done.stdout))
    return done.stdout


def logins(count):
    text = tool("logins.py", count)
    return [{"hash": name, "first": first, "known": known, "stock": stock}
            for name, first, known, stock in
            re.findall(r"^(\S.*?\S)  +([\d.-]+) +([\d.-]+) +([\d.-]+)$", text, re.M)
            if first != "-" or known != "-"]


def stall(rounds):
    text = tool("stall.py", rounds)
    return [{"name": "a publish's p50 / p99 beside the SQLite " + name, "p50_us": float(p50),
             "p99_us": float(p99)}
            for name, p50, p99 in re.findall(r"(writer \w+) +p50 +(\d+) +p99 +(\d+)", text)]


def measure(place, is_quick, missing, say):
    if not has_valgrind(place):
        missing.append("instructions: %s has no valgrind" % place.name)
    say("parts: decisions")
    rows = gate(place, is_quick)
    say("parts: parsing and validating")
    rows += schema(place, is_quick)
    say("parts: ledger and monitor")
    rows += kept(place, 65536, is_quick) + carried(place, 20000 if is_quick else 200000, missing)
    rows += monitor(place, is_quick)
    say("parts: logins")
    return {"place": place.name, "reader": reader(place), "calls": rows,
            "logins": logins(2 if is_quick else 5), "stall": [] if is_quick else stall(3)}
