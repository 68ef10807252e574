"""
What enforcement costs, side by side:  make bench [QUICK=1]

Every Mosquitto that is here is driven by the same load, as fast as it goes: stock, and with the
plugin as it ships, all threads counted (flat), and a broker on npm's packages beside them (peer).
Then the broker's thread by itself: without a plugin, with Mosquitto's own dynamic security, and
with ours in stages (publish). Then the parts one by one, logins, what one would otherwise do (a
subscriber that validates and stores), and how all of it grows. Prints the tables of
docs/benchmarks.md; everything that was measured is in B/bench/results.json, a plot in
B/bench/bench.svg.

    bench.py [--quick] [--only SECTION,...]     sections: flat peer publish parts subscriber scale

A section that is asked for by itself takes its place beside what was measured before.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time

import brokers
import flat
import harness
import parts
import report
import scale
import subscriber

# Name in the tables, what the load is told, and whether a quick run has it too. Without a pause
# where a broker would run out of work meanwhile.
CONDITIONS = [
    ("QoS 0", {"qos": 0, "work": "stock"}, True),
    ("QoS 1", {"qos": 1}, True),
    ("QoS 2", {"qos": 2}, True),
    ("QoS 0, one subscriber", {"qos": 0, "work": "stock", "subscribers": 1}, False),
    ("QoS 1, one subscriber", {"qos": 1, "subscribers": 1}, True),
    ("QoS 2, one subscriber", {"qos": 2, "subscribers": 1}, False),
    ("QoS 1, 1 connection", {"qos": 1, "clients": 1, "pause": 0}, False),
    ("QoS 1, 100 connections", {"qos": 1, "clients": 100}, False),
    ("QoS 1, TLS", {"qos": 1, "transport": "tls"}, True),
    ("QoS 1, MQTT 3.1.1", {"qos": 1, "version": 4}, False),
    ("QoS 1, one at a time", {"qos": 1, "clients": 1, "window": 1, "messages": 5000, "pause": 0},
     True),
    ("QoS 1, each answer read at once", {"qos": 1, "pause": 0}, False),
    ("QoS 1, nothing new to keep", {"qos": 1, "work": "standing"}, False),
]
SECTIONS = ("flat", "peer", "publish", "parts", "subscriber", "scale")
STAGED = ("QoS 0", "QoS 1")  # with every stage; the others with these two
ENDS = ("stock", "everything")
MESSAGES = 20000  # fits the journal, so that nothing waits for SQLite


def say(text):
    print(text, file=sys.stderr, flush=True)


def drive(place, running, condition, options, rounds):
    """One condition on each of the brokers of a place, in turn, the first one another each time."""
    which = [each for each in running if condition in STAGED or each.variant in ENDS]
    taken = {each.variant: [] for each in which}
    options = dict({"messages": MESSAGES, "warm_up": 1000}, **options)
    for number in range(rounds):
        for broker in which[number % len(which):] + which[:number % len(which)]:
            taken[broker.variant].append(brokers.load(broker, **options))
    return [{"place": place.name, "version": place.version, "condition": condition,
             "variant": variant, "rounds": results} for variant, results in taken.items()]


def start_all(place, running, missing):
    for variant in brokers.VARIANTS:
        say("%s, Mosquitto %s: %s" % (place.name, place.version, variant))
        try:
            running.append(brokers.Broker(place, variant))
        except brokers.Unavailable as why:
            missing.append(str(why))
            continue
        running[-1].check()


def publish(place, is_quick, missing):
    rows, running = [], []
    try:
        start_all(place, running, missing)
        for name, options, is_in_quick in CONDITIONS:
            if is_quick and not is_in_quick:
                continue
            say("%s, Mosquitto %s: %s" % (place.name, place.version, name))
            rounds = 7 if name in STAGED and not is_quick else 3
            rows += drive(place, running, name, options, rounds)
        for broker in running:
            broker.check()
    finally:
        for broker in running:
            broker.stop()
    return rows


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], text=True,
                            cwd=harness.TOP, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return {"processor": models[0] if models else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release(), "date": time.strftime("%Y-%m-%d"),
            "commit": commit.stdout.strip(), "load": os.getloadavg()[0]}


class Results:
    """What was measured so far; a file after each section, so that a fault costs one section."""

    def __init__(self, path, is_fresh):
        self.path = path
        self.data = {}
        if not is_fresh and os.path.exists(path):
            with open(path) as file:
                self.data = json.load(file)

    def done(self, section):
        """Says of which state of the tree the section is: the others may be of an earlier run."""
        self.keep(measured=dict(self.data.get("measured", {}),
                                **{section: self.data["machine"]["commit"]}))

    def keep(self, **what):
        self.data.update(what)
        with open(self.path, "w") as file:
            json.dump(self.data, file, indent=1)


def flat_out(results, found, is_quick, missing):
    """The newest Mosquitto first, which is what the other tables speak of."""
    rows = []
    for place in reversed(found):
        rows += flat.on_place(place, place is found[-1], is_quick, missing, say)
        results.keep(flat=rows)
    results.done("flat")


def measure(results, found, only, is_quick, missing):
    if "flat" in only:
        flat_out(results, found, is_quick, missing)
    newest = found[-1]
    if "peer" in only:
        results.keep(peer=flat.beside(newest, is_quick, missing, say))
        results.done("peer")
    if "publish" in only:
        rows = []
        for place in found:
            rows += publish(place, is_quick, missing)
            results.keep(publish=rows)
        results.done("publish")
    for name, section in (("parts", parts.measure), ("subscriber", subscriber.compare),
                          ("scale", scale.measure)):
        if name in only:
            results.keep(**{name: section(newest, is_quick, missing, say)})
            results.done(name)


def open_all(found, template, missing):
    for place in list(found):
        try:
            say("%s, Mosquitto %s: building" % (place.name, place.version))
            place.open(template)
        except brokers.Unavailable as why:
            missing.append(str(why))
            found.remove(place)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default=",".join(SECTIONS))
    arguments = parser.parse_args()
    only = arguments.only.split(",")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # through every `finally`
    folder = os.path.join(harness.BUILD, "bench")
    os.makedirs(folder, exist_ok=True)
    results = Results(os.path.join(folder, "results.json"), set(only) >= set(SECTIONS))
    found, missing = brokers.places(arguments.quick)
    start = time.monotonic()
    results.keep(machine=machine(), quick=arguments.quick, minutes=None)
    template = tempfile.mkdtemp(prefix="petstore-bench-")
    try:
        harness.prepare(os.path.join(template, "made"))
        open_all(found, template, missing)
        results.keep(readers={place.version: parts.reader(place) for place in found})
        measure(results, found, only, arguments.quick, missing)
    except flat.Incomplete as why:
        sys.exit("bench: %s" % why)
    finally:
        for place in found:
            place.close()
        brokers.remove(template)
    if set(only) >= set(SECTIONS):
        results.keep(minutes=round((time.monotonic() - start) / 60, 1))
    results.keep(missing=missing)
    print(report.write(results.data, folder))


if __name__ == "__main__":
    main()
