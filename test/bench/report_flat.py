"""The tables of what was measured flat out, and of the peer: for the page, README, and as bars."""

import operator
import statistics
from xml.sax.saxutils import escape

import flat

NEITHER = "-"
STOCK, OURS, OTHERS, PEER = "#9aa0a6", "#14713f", "#74b98f", "#c58b2b"
LEFT, WIDTH = 240, 290  # of the bars


def median(values):
    values = list(values)
    return statistics.median(values) if values else None


def number(value):
    """Three digits that mean something where it is small, and a comma at the thousands."""
    if value is None:
        return NEITHER
    return "{:,.{}f}".format(value, 0 if value >= 100 else 1 if value >= 10 else 2)


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)] + rows
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


class Flats:
    """The rounds that were measured flat out, by place, condition and variant; the peer's too."""

    def __init__(self, results):
        self.rounds = {(row["place"], row["condition"], row["variant"]): row["rounds"]
                       for row in results["flat"]}
        self.asked_s = {(row["place"], row["condition"]): row["asked_s"]
                        for row in results["flat"]}
        self.places = list(dict.fromkeys((row["place"], row["version"])
                                         for row in results["flat"]))
        self.conditions = list(dict.fromkeys(row["condition"] for row in results["flat"]))
        self.peer = results.get("peer")
        for row in self.peer["rows"] if self.peer else []:
            for place, _ in self.places[:1]:
                self.rounds[place, row["condition"], "peer"] = row["rounds"]

    def of(self, place, condition, variant):
        return self.rounds.get((place, condition, variant), [])

    def median(self, place, condition, variant, what):
        return median(each[what] for each in self.of(place, condition, variant))

    def total(self, place, condition, variant, what):
        return sum(each[what] for each in self.of(place, condition, variant))

    def ack_ms(self, place, condition, variant, part):
        value = median(each["ack_us"][part] for each in self.of(place, condition, variant))
        return value and value / 1000

    def factor(self, place, condition, ask=operator.itemgetter("process_us")):
        """Ours by the stock broker's of the same round: the median of the pairs."""
        pairs = zip(self.of(place, condition, "everything"), self.of(place, condition, "stock"))
        return median(ask(mine) / ask(stock) for mine, stock in pairs)

    def p99_factor(self, place, condition):
        return self.factor(place, condition, lambda each: each["ack_us"]["p99"])

    def refused(self, place, condition, variant):
        """"none", or how many by which reason code, and how many connections were closed."""
        counts = {}
        for each in self.of(place, condition, variant):
            for reason, count in each["refused_by"].items():
                counts[reason] = counts.get(reason, 0) + count
        words = ["{:,} with {}".format(count, reason) for reason, count in sorted(counts.items())]
        closed = self.total(place, condition, variant, "closed")
        if closed:
            words.append("%d connections closed" % closed)
        return ", ".join(words) or "none"

    def acks(self, place, condition, variant):
        return " / ".join(number(self.ack_ms(place, condition, variant, part))
                          for part in ("p50", "p99", "max"))

    def kept(self, place, condition, variant):
        """How many were acknowledged; flat.py has found all of them in the database."""
        return "{:,}".format(self.total(place, condition, variant, "answered") -
                             self.total(place, condition, variant, "refused"))

    def process(self, place, condition, variant):
        return number(self.median(place, condition, variant, "process_us")) + " us"

    def load_us(self, place, variant):
        return number(self.median(place, flat.MAIN, variant, "load_us"))


HEAD = ["stock, then ours", "processor time a message", "factor",
        "of ours: broker's thread + others", "messages a second, sustained",
        "p50 / p99 / max of the acknowledgement, ms", "p99, factor", "refused",
        "acknowledged and found in the database"]


def row(flats, place, condition):
    def both(ask):
        return ", ".join(ask(place, condition, variant) for variant in flat.VARIANTS)

    return ["%s, %d s" % (condition, flats.asked_s[place, condition] *
                          len(flats.of(place, condition, "everything"))),
            both(flats.process), number(flats.factor(place, condition)) + "x",
            "%s + %s us" % tuple(number(flats.median(place, condition, "everything", what))
                                 for what in ("main_us", "others_us")),
            both(lambda *which: number(flats.median(*which, "sustained"))), both(flats.acks),
            number(flats.p99_factor(place, condition)) + "x",
            both(flats.refused).replace("none, none", "none"),
            flats.kept(place, condition, "everything")]


def peer_table(flats, place, version):
    names = {"stock": "Mosquitto %s, no plugin" % version,
             "everything": "the same, ours as it ships", "peer": "aedes, ajv, better-sqlite3"}
    rows = [["%s: %s" % (condition, name), flats.process(place, condition, variant),
             number(flats.median(place, condition, variant, "sustained")),
             flats.acks(place, condition, variant), flats.refused(place, condition, variant)]
            for condition in flat.PEERED for variant, name in names.items()
            if flats.of(place, condition, variant)]
    return table(["", "processor time a message", "messages a second, sustained",
                  "p50 / p99 / max of the acknowledgement, ms", "refused"], rows)


def tables(results):
    flats = Flats(results)
    text = ("**Flat out**: the processor's time of the whole broker, all threads, until the "
            "database has everything; 16\nconnections with 20 messages in flight at QoS 1 where "
            "nothing else is said, nothing pinned.\n")
    for place, version in flats.places:
        text += ("\nMosquitto %s. The load takes %s us a message of the same processors beside "
                 "stock, %s beside ours.\n\n" % (version, flats.load_us(place, "stock"),
                                                flats.load_us(place, "everything")))
        text += table(HEAD, [row(flats, place, condition) for condition in flats.conditions
                             if flats.of(place, condition, "stock")])
    if flats.peer:
        place, version = flats.places[0]
        text += "\n**A broker as a team would write it** (%s), in the same conditions.\n\n" % (
            flats.peer["packages"])
        text += peer_table(flats, place, version)
    return text


def short(results):
    """What the newest Mosquitto pays for a new order, in one sentence or two."""
    flats = Flats(results)
    place, version = flats.places[0]
    main = place, flat.MAIN
    text = ("In short: as fast as it goes, for %d s, a new order takes %s of processor time in "
            "Mosquitto %s as it is,\nand %s (%sx) with the plugin, all threads counted. %s a "
            "second are in its database (stock: %s a second\ntaken). Refused: %s. " % (
                flats.asked_s[main], flats.process(*main, "stock"), version,
                flats.process(*main, "everything"), number(flats.factor(*main)),
                number(flats.median(*main, "everything", "sustained")),
                number(flats.median(*main, "stock", "sustained")),
                flats.refused(*main, "everything")))
    if flats.of(*main, "peer"):
        text += "A broker of aedes, ajv and better-sqlite3: %s, %s a second.\n" % (
            flats.process(*main, "peer"), number(flats.median(*main, "peer", "sustained")))
    return text.rstrip() + "\n"


def for_readme(results):
    """New orders on the newest Mosquitto, and where the rest is."""
    flats = Flats(results)
    place, version = flats.places[0]
    machine = results["machine"]
    names = {"stock": "Mosquitto %s" % version, "everything": "with this plugin",
             "peer": "a broker of aedes, ajv and better-sqlite3"}
    rows = [[name, flats.process(place, flat.MAIN, variant),
             number(flats.median(place, flat.MAIN, variant, "sustained")),
             number(flats.ack_ms(place, flat.MAIN, variant, "p99")) + " ms",
             flats.refused(place, flat.MAIN, variant)]
            for variant, name in names.items() if flats.of(place, flat.MAIN, variant)]
    text = table(["new orders, QoS 1, as fast as they are taken", "processor time a message",
                  "a second, sustained", "p99 of the acknowledgement", "refused"], rows)
    return text + "\n%d cores (%s), the load on the same ones; `make bench%s`, %s.\n" % (
        machine["cores"], machine["processor"], " QUICK=1" if results["quick"] else "",
        machine["date"])


# ---- the bars ----


def bar(y, width, colour, at=LEFT):
    return '<rect x="%.1f" y="%d" width="%.1f" height="15" fill="%s"/>' % (at, y, width, colour)


def label(x, y, text, anchor="start"):
    return '<text x="%.1f" y="%d" text-anchor="%s">%s</text>' % (x, y + 12, anchor, escape(text))


def bars_of(flats, place, condition, variant, y, scale):
    """The process; ours in two parts, its first thread and the others."""
    whole = flats.median(place, condition, variant, "process_us")
    main = flats.median(place, condition, variant, "main_us")
    others = flats.median(place, condition, variant, "others_us")
    words = "%s us" % number(whole)
    if variant == "everything":
        words += ", %sx" % number(flats.factor(place, condition))
        first = whole * main / (main + others) if main + others else whole
        body = [bar(y, scale * first, OURS),
                bar(y, scale * (whole - first), OTHERS, LEFT + scale * first)]
    else:
        body = [bar(y, scale * whole, STOCK if variant == "stock" else PEER)]
    words += ", %s a second" % number(flats.median(place, condition, variant, "sustained"))
    return body + [label(LEFT + scale * whole + 6, y, words)]


def bars(results, y):
    """Lines of SVG from @y on, and where they end."""
    flats = Flats(results)
    place, version = flats.places[0]
    names = {"stock": "stock", "everything": "ours: broker's thread, others",
             "peer": "aedes, ajv, SQLite"}
    drawn = [(condition, variant) for condition in flats.conditions for variant in names
             if flats.of(place, condition, variant)]
    scale = WIDTH / max(flats.median(place, *each, "process_us") for each in drawn)
    body, last = [label(16, y, "Flat out, the whole process, Mosquitto %s" % version)], None
    y += 20
    for condition, variant in drawn:
        if condition != last:
            y += 8
            body.append('<g font-weight="bold">%s</g>' % label(16, y, condition))
            y += 18
        last = condition
        body.append(label(LEFT - 8, y, names[variant], "end"))
        body += bars_of(flats, place, condition, variant, y, scale)
        y += 18
    return body, y + 20
