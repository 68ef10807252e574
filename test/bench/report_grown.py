"""The tables of what grows beside rules and ledger: idle connections, and a large database."""

from report_flat import NEITHER, number, table


def a_connection(rows, name):
    """KiB from the fewest connections to the most."""
    first, last = rows[0], rows[-1]
    return (last[name] - first[name]) / (last["size"] - first["size"])


def crowd(data):
    stock, ours = data["stock"], data["everything"]
    rows = [["{:,} idle connections".format(each["size"])] +
            [number(row["idle_kib"] / 1024) + " MiB" for row in (each, mine)] +
            [number(row["published_kib"] / 1024) + " MiB" for row in (each, mine)] + [NEITHER]
            for each, mine in zip(stock, ours)]
    if len(stock) > 1:
        taken = [[a_connection(which, name) for which in (stock, ours)]
                 for name in ("idle_kib", "published_kib")]
        rows.append(["a connection"] + [number(each) + " KiB" for pair in taken for each in pair] +
                    ["%+.2f KiB" % (taken[0][1] - taken[0][0])])
    return table(["each its own user", "stock", "ours", "after an order on each, stock", "ours",
                  "ours beside stock's"], rows)


def database(data):
    names = (("empty", "an empty database"),
             ("full", "{:,} orders, {:,} events, {} bytes an order".format(
                 data["orders"], data["events"], number(data["bytes"] / data["orders"]))))
    text = table(["start", "until it runs", "until it accepted an order"],
                 [[words] + [number(data["starts"][name][what]) + " ms"
                             for what in ("up_ms", "first_ms")] for name, words in names])
    trimming = data["trimming"]
    rows = [[words, "%s / %s" % (number(trimming[name]["p50_us"] / 1000),
                                 number(trimming[name]["p99_us"] / 1000)),
             number(max(0, trimming[name]["gone_per_s"])),
             number(trimming[name]["wal_bytes"] / 1048576) + " MiB"]
            for name, words in (("kept", "all events stay"),
                                ("trimmed", "of {:,} events {:,} are to stay".format(
                                    data["events"], trimming["keep"])))]
    rows.append(["the one of the other", "p99 %s times" % number(trimming["p99_ratio"]), NEITHER,
                 NEITHER])
    return text + "\n" + table(
        ["{:,} new orders a second".format(trimming["rate"]), "p50 / p99 of the acknowledgement, ms",
         "old events removed a second", "`-wal` at most"], rows)


def tables(data):
    """Of results["scale"]."""
    text = ""
    if data.get("crowd"):
        text += "\n" + crowd(data["crowd"])
    if data.get("grown"):
        text += "\n" + database(data["grown"])
    return text
