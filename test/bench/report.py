"""
What `make bench` measured as the tables of docs/benchmarks.md and README.md, and as a plot.

    B=build python3 test/bench/report.py --readme    puts them where those pages have them
"""

import json
import operator
import os
import shutil
import sys

import brokers
import report_flat
import report_grown
from brokers import harness
from report_flat import median, number, table

BASE = "QoS 1"
MARKS = ("<!-- make bench-readme -->\n", "<!-- of make bench -->\n")
COLOURS = {"stock": "#9aa0a6", "dynsec": "#5f6368", "permission": "#a8d5ba", "schema": "#74b98f",
           "ledger": "#3f9d6b", "everything": "#14713f"}


class Publishes:
    """The rounds of the load, by place, condition and variant."""

    def __init__(self, rows):
        self.rounds = {(row["place"], row["condition"], row["variant"]): row["rounds"]
                       for row in rows}
        self.places = list(dict.fromkeys((row["place"], row["version"]) for row in rows))
        self.conditions = list(dict.fromkeys(row["condition"] for row in rows))

    def us(self, place, condition, variant, what="main_us"):
        return median(each[what] for each in self.rounds.get((place, condition, variant), []))

    def paired(self, place, condition, variant, compare):
        """What @compare says of it and the stock broker in the same round: the median."""
        pairs = zip(self.rounds.get((place, condition, variant), []),
                    self.rounds.get((place, condition, "stock"), []))
        return median(compare(mine["main_us"], stock["main_us"]) for mine, stock in pairs)

    def ratio(self, place, condition, variant):
        return self.paired(place, condition, variant, operator.truediv)

    def added(self, place, condition, variant):
        return self.paired(place, condition, variant, operator.sub)

    def cell(self, place, condition, variant):
        cost = self.us(place, condition, variant)
        if cost is None:
            return "-"
        text = number(cost) + " us"
        return text if variant == "stock" else "%s, %+.2f, %.2fx" % (
            text, self.added(place, condition, variant), self.ratio(place, condition, variant))

    def staged(self, condition):
        head = ["broker's thread, a message", "refuses"] + [
            "Mosquitto " + version for _, version in self.places]
        rows = [[name, ", ".join(refuses) or "nothing"] +
                [self.cell(place, condition, variant) for place, _ in self.places]
                for variant, (name, refuses) in brokers.VARIANTS.items()]
        rows.append(["and its writer thread, for SQLite", ""] +
                    [number(self.us(place, condition, "everything", "others_us")) + " us"
                     for place, _ in self.places])
        return table(head, rows)

    def loads(self):
        place, version = self.places[-1]
        head = ["stock, then ours as it ships"] + ["CPU, %s" % each for _, each in self.places] + [
            "messages a second, " + version, "p50 / p99 / max of the acknowledgement, ms"]
        rows = []
        for condition in self.conditions:
            row = [condition]
            for each, _ in self.places:
                row.append("%s, %s" % (self.cell(each, condition, "stock"),
                                       self.cell(each, condition, "everything")))
            row.append(", ".join(number(self.us(place, condition, variant, "rate"))
                                 for variant in ("stock", "everything")))
            row.append(", ".join(self.acks(place, condition, variant)
                                 for variant in ("stock", "everything")))
            rows.append(row)
        return table(head, rows)

    def acks(self, place, condition, variant):
        rounds = self.rounds.get((place, condition, variant), [])
        if not rounds or "ack_us" not in rounds[0]:
            return "-"
        return " / ".join(number(median(each["ack_us"][key] for each in rounds) / 1000)
                          for key in ("p50", "p99", "max"))


def publishes(results):
    rows = Publishes(results["publish"])
    text = ("**The broker's thread**, which has a processor to itself. An order's status, %d "
            "bytes, at QoS 1, each message a\nlegal step that is kept; 16 connections with 16 "
            "messages in flight, nobody subscribed. Processor time of that\nthread; what is added, "
            "and the factor, are medians of paired rounds.\n\n" % size_of(results, BASE))
    text += rows.staged(BASE)
    text += ("\n**Stock at QoS 0**, %d bytes: an event that is kept, no status.\n\n" %
             size_of(results, "QoS 0"))
    text += rows.staged("QoS 0")
    text += ("\n**Other loads.** At QoS 0 stock, else orders; SQLite's thread comes on top, as "
             "above.\n\n")
    text += rows.loads()
    return text


def size_of(results, condition):
    return next(row["rounds"][0]["payload"] for row in results["publish"]
                if row["condition"] == condition)


def parts(results):
    data = results["parts"]
    rows = [[row["name"], number(row["ns"]) + " ns", number(row.get("instructions"))]
            for row in data["calls"]]
    text = "**The parts** by themselves, payloads read by %s.\n\n" % data["reader"]
    text += table(["one call", "time", "instructions"], rows)
    if data["stall"]:
        text += "".join("| %s | %d / %d us | |\n" % (row["name"], row["p50_us"], row["p99_us"])
                        for row in data["stall"])
    text += "\n**Logins a second**, one after the other.\n\n"
    text += table(["password hash", "a client's first", "known", "stock broker"],
                  [[row["hash"], row["first"], row["known"], row["stock"]]
                   for row in data["logins"]])
    return text


def subscribers(results):
    names = {"ours": "this plugin", "jsonschema": "paho, jsonschema, SQLite",
             "fastjsonschema": "paho, fastjsonschema, SQLite"}
    rows = [[names[row["what"]], number(row["published_per_s"]),
             number(row["stored_per_s"]), number(row["behind_s"]) + " s"]
            for row in results["subscriber"]]
    return ("**What one would do without**: a subscriber in Python that validates and stores. It "
            "refuses nothing.\n\n" +
            table(["", "published a second", "validated and stored a second",
                   "behind the last publish"], rows))


def scales(results):
    data = results["scale"]
    text = "**As it grows.**\n\n"
    rows = [["{:,} {}".format(row["size"], what), number(row["publish_ns"]) + " ns",
             number(row.get("instructions")), number(row["deliver_ns"]) + " ns",
             number(row["resident_kib"] / 1024) + " MiB"]
            for what in ("channels", "users") for row in data[what]]
    text += table(["decide()", "publish", "instructions", "delivery", "memory of the rules"], rows)
    rows = [["{:,} orders".format(row["size"]), number(row["commit_ns"]) + " ns",
             number(row["look_ns"]) + " ns", number(row["look_any_ns"]) + " ns",
             number(row["resident_kib"] / 1024) + " MiB"] for row in data["orders"]]
    text += "\n" + table(["ledger", "commit", "look up a recent one", "look up any",
                          "memory"], rows)
    rows = [["{:,} connections".format(row["size"])] +
            [number(row[variant]["main_us"]) + " us" for variant in ("stock", "everything")] +
            [number(row[variant]["resident_kib"] / 1024) + " MiB"
             for variant in ("stock", "everything")] for row in data["connections"]]
    text += "\n" + table(["broker", "a publish, stock", "ours", "memory, stock", "ours"], rows)
    return text + report_grown.tables(data)


def opening(results):
    machine = results["machine"]
    text = "`make bench%s`, %s, %d cores (%s), Linux %s, load %.1f before, %scommit %s.\n" % (
        " QUICK=1" if results["quick"] else "", machine["date"], machine["cores"],
        machine["processor"], machine["kernel"], machine["load"],
        "%s minutes, " % results["minutes"] if results.get("minutes") else "", machine["commit"])
    measured = results.get("measured", {})
    for commit in sorted(set(measured.values()) - {machine["commit"]}):
        text += "Of an earlier run, commit %s: %s.\n" % (
            commit, ", ".join(name for name in measured if measured[name] == commit))
    text += "Payloads are read by %s.\n" % ", ".join(
        "%s on %s" % (reader, version) for version, reader in results["readers"].items())
    for why in results.get("missing", []):
        text += "Not measured: %s.\n" % why
    return text


def short(results):
    """The newest Mosquitto in a few sentences: the process first, then its thread."""
    text = report_flat.short(results) if results.get("flat") else "In short: "
    if not results.get("publish"):
        return text + "\n"
    rows = Publishes(results["publish"])
    place, version = rows.places[-1]
    return text + (
        "Of the thread that serves the clients, which is one however many processors there are, "
        "an order at QoS 1 takes\n%s us without a plugin (%s), and %s us more when it is checked, "
        "kept and monitored; a message at QoS 0 %s us\nmore.\n\n" % (
            number(rows.us(place, BASE, "stock")), version,
            number(rows.added(place, BASE, "everything")), number(rows.added(place, "QoS 0", "everything"))))


# ---- the plot ----


def bars(results, y):
    """Of the broker's thread: a bar for each variant on each Mosquitto, an order at QoS 1."""
    rows = Publishes(results["publish"])
    costs = {(place, variant): rows.us(place, BASE, variant)
             for place, _ in rows.places for variant in brokers.VARIANTS}
    scale = report_flat.WIDTH / max(cost for cost in costs.values() if cost)
    body = []
    for place, version in rows.places:
        body.append(report_flat.label(
            16, y, "The broker's thread, an order at QoS 1, Mosquitto %s" % version))
        y += 22
        for variant, (name, _) in brokers.VARIANTS.items():
            cost = costs[place, variant]
            if cost is None:
                continue
            words = "%s us" % number(cost)
            if variant != "stock":
                words += ", %+.2f, %.2fx" % (rows.added(place, BASE, variant),
                                             rows.ratio(place, BASE, variant))
            body += [report_flat.label(report_flat.LEFT - 8, y, name, "end"),
                     report_flat.bar(y, scale * cost, COLOURS[variant]),
                     report_flat.label(report_flat.LEFT + scale * cost + 6, y, words)]
            y += 20
        y += 16
    return body, y


def plot(results):
    body, y = [], 40
    for name, draw in (("flat", report_flat.bars), ("publish", bars)):
        if results.get(name):
            lines, y = draw(results, y)
            body += lines
    head = ('<svg xmlns="http://www.w3.org/2000/svg" width="930" height="%d" '
            'font-family="sans-serif" font-size="13">\n<rect width="100%%" height="100%%" '
            'fill="#fff"/>\n<text x="16" y="26" font-size="15">Processor time of the broker for '
            'one publish</text>\n' % y)
    return head + "\n".join(body) + "\n</svg>\n"


def write(results, folder):
    """The tables; they, README's and the plot are also files of the folder."""
    sections = [("flat", report_flat.tables), ("publish", publishes), ("parts", parts),
                ("subscriber", subscribers), ("scale", scales)]
    has_load = results.get("flat") or results.get("publish")
    text = short(results) if has_load else ""
    text += opening(results) + "".join("\n" + make(results) for name, make in sections
                                      if results.get(name))
    with open(os.path.join(folder, "table.md"), "w") as file:
        file.write(text)
    if results.get("flat"):
        with open(os.path.join(folder, "readme.md"), "w") as file:
            file.write(report_flat.for_readme(results))
    if has_load:
        with open(os.path.join(folder, "bench.svg"), "w") as file:
            file.write(plot(results))
    return text


def put_into_page(made, page):
    """The file @made, between the marks of @page."""
    path = os.path.join(harness.TOP, page)
    with open(path) as file:
        text = file.read()
    with open(made) as file:
        tables = file.read()
    before, rest = text.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    with open(path, "w") as file:
        file.write(before + MARKS[0] + tables + MARKS[1] + after)


def put_into_pages(folder):
    put_into_page(os.path.join(folder, "table.md"), os.path.join("docs", "benchmarks.md"))
    if os.path.exists(os.path.join(folder, "readme.md")):
        put_into_page(os.path.join(folder, "readme.md"), "README.md")
    shutil.copy(os.path.join(folder, "bench.svg"), os.path.join(harness.TOP, "docs"))


if __name__ == "__main__":
    made = os.path.join(harness.BUILD, "bench")
    with open(os.path.join(made, "results.json")) as measured:
        write(json.load(measured), made)
    if "--readme" in sys.argv[1:]:
        put_into_pages(made)
