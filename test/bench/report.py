"""
What `make bench` measured as the tables of docs/benchmarks.md, and as a plot.

    B=build python3 test/bench/report.py --readme    puts both where that page has them
"""

import json
import operator
import os
import shutil
import statistics
import sys
from xml.sax.saxutils import escape

import brokers
from brokers import harness

BASE = "QoS 1"
MARKS = ("<!-- make bench-readme -->\n", "<!-- of make bench -->\n")
COLOURS = {"stock": "#9aa0a6", "dynsec": "#5f6368", "permission": "#a8d5ba", "schema": "#74b98f",
           "ledger": "#3f9d6b", "everything": "#14713f"}


def median(values):
    values = list(values)
    return statistics.median(values) if values else None


def number(value):
    """Three digits that mean something where it is small, and a comma at the thousands."""
    if value is None:
        return "-"
    return "{:,.{}f}".format(value, 0 if value >= 100 else 1 if value >= 10 else 2)


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)] + rows
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


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
    text = ("**An order's status, %d bytes, at QoS 1**, each message a legal step that is kept; 16 "
            "connections with 16\nmessages in flight, nobody subscribed. Processor time of the "
            "broker's thread; what is added, and the factor,\nare medians of paired rounds.\n\n" %
            size_of(results, BASE))
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
    return text


def opening(results):
    machine = results["machine"]
    text = ("`make bench%s`, %s, %d cores (%s), Linux %s, load %.1f before, %s minutes, commit "
            "%s.\n" % (" QUICK=1" if results["quick"] else "", machine["date"], machine["cores"],
                       machine["processor"], machine["kernel"], machine["load"],
                       results.get("minutes", "some"), machine["commit"]))
    text += "Payloads are read by %s.\n" % ", ".join(
        "%s on %s" % (reader, version) for version, reader in results["readers"].items())
    for why in results.get("missing", []):
        text += "Not measured: %s.\n" % why
    return text


def short(results):
    """The newest Mosquitto in one sentence."""
    rows = Publishes(results["publish"])
    place, version = rows.places[-1]
    stock = rows.us(place, BASE, "stock")
    return ("In short: an order at QoS 1 takes %s us of Mosquitto %s's thread without a plugin, and "
            "%s us more when it\nis checked, kept and monitored; %s us of another core take it to "
            "SQLite. A message at QoS 0 takes %s us more.\n\n" % (
                number(stock), version, number(rows.added(place, BASE, "everything")),
                number(rows.us(place, BASE, "everything", "others_us")),
                number(rows.added(place, "QoS 0", "everything"))))


# ---- the plot ----


def plot(results):
    """A bar for each variant on each Mosquitto: microseconds of a publish at QoS 1."""
    rows = Publishes(results["publish"])
    costs = {(place, variant): rows.us(place, BASE, variant)
             for place, _ in rows.places for variant in brokers.VARIANTS}
    most, top, left, width = max(costs.values()), 56, 240, 290
    body, y = [], top
    for place, version in rows.places:
        body.append('<text x="16" y="%d" font-weight="bold">Mosquitto %s</text>' %
                    (y + 4, escape(version)))
        y += 14
        for variant, (name, _) in brokers.VARIANTS.items():
            cost = costs[place, variant]
            label = "%s us" % number(cost)
            if variant != "stock":
                label += ", %+.2f, %.2fx" % (rows.added(place, BASE, variant),
                                             rows.ratio(place, BASE, variant))
            if "ledger" in name or variant == "everything":
                label += ", and %s us of the writer thread" % number(
                    rows.us(place, BASE, variant, "others_us"))
            body.append('<text x="%d" y="%d" text-anchor="end">%s</text>' %
                        (left - 8, y + 12, escape(name)))
            body.append('<rect x="%d" y="%d" width="%.1f" height="15" fill="%s"/>' %
                        (left, y, width * cost / most, COLOURS[variant]))
            body.append('<text x="%.1f" y="%d">%s</text>' %
                        (left + width * cost / most + 6, y + 12, label))
            y += 20
        y += 16
    head = ('<svg xmlns="http://www.w3.org/2000/svg" width="930" height="%d" '
            'font-family="sans-serif" font-size="13">\n<rect width="100%%" height="100%%" '
            'fill="#fff"/>\n<text x="16" y="26" font-size="15">Processor time of the broker for '
            'one publish at QoS 1</text>\n' % y)
    return head + "\n".join(body) + "\n</svg>\n"


def write(results, folder):
    """The tables; they, and the plot, are also files of the folder."""
    sections = [("publish", publishes), ("parts", parts), ("subscriber", subscribers),
                ("scale", scales)]
    text = short(results) if results.get("publish") else ""
    text += opening(results) + "".join("\n" + make(results) for name, make in sections
                                      if results.get(name))
    with open(os.path.join(folder, "table.md"), "w") as file:
        file.write(text)
    if results.get("publish"):
        with open(os.path.join(folder, "bench.svg"), "w") as file:
            file.write(plot(results))
    return text


def put_into_page(folder):
    path = os.path.join(harness.TOP, "docs", "benchmarks.md")
    with open(path) as file:
        page = file.read()
    with open(os.path.join(folder, "table.md")) as file:
        tables = file.read()
    before, rest = page.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    with open(path, "w") as file:
        file.write(before + MARKS[0] + tables + MARKS[1] + after)
    shutil.copy(os.path.join(folder, "bench.svg"), os.path.join(harness.TOP, "docs"))


if __name__ == "__main__":
    made = os.path.join(harness.BUILD, "bench")
    with open(os.path.join(made, "results.json")) as measured:
        write(json.load(measured), made)
    if "--readme" in sys.argv[1:]:
        put_into_page(made)
