"""Entities of large tables, latest change first: the pages are those of one plain question."""

import random

import pytest

from test_console_lookups import Asker

COUNT = 10600  # more than are sorted for each page
TIMES = 4000   # so that several rows have the same
STATUSES = ["PLACED"] * 3 + ["DELIVERED"] * 90 + ["SHIPPED", "CANCELLED", "RETIRED", None]
OWNERS = ["customer-a"] * 98 + ["customer-b", "eva"]
COLUMNS = ["id", "owner", "revision", "created_at", "updated_at"]


def text(value):
    return "NULL" if value is None else "'%s'" % value


def time_of(number):
    return "2026-01-01T%02d:%02d:%02d.%03dZ" % (number // 3600, number // 60 % 60, number % 60, number % 7)


def fill(broker, table, column, rows):
    """@rows: id, owner, time, and the value of @column. Nothing may be published afterwards."""
    for start in range(0, len(rows), 1000):
        broker.database.change("INSERT INTO %s (%s, %s) VALUES %s" % (
            table, ", ".join(COLUMNS), column,
            ", ".join("('%s', %s, 1, '%s', '%s', %s)" % (id, text(owner), time, time, text(value))
                      for id, owner, time, value in rows[start:start + 1000])))


def rows_of(randoms, kind):
    ids = ["%s-%d" % (kind, number) for number in range(COUNT)]
    randoms.shuffle(ids)
    return [(id, randoms.choice(OWNERS), time_of(randoms.randrange(TIMES))) for id in ids]


@pytest.fixture(scope="module")
def filled(broker):
    """The broker, which is asked only; its orders, pets and payments, latest change first, as dictionaries."""
    randoms = random.Random(21)
    orders = [(*row, randoms.choice(STATUSES)) for row in rows_of(randoms, "ord")]
    pets = [(*row, randoms.choice(["ADOPTED"] * 99 + ["PENDING"])) for row in rows_of(randoms, "pet")]
    owner = {id: owner for id, owner, *_ in orders}
    payments = [(id, None, time, "ord-%d" % randoms.randrange(COUNT))
                for id, _, time in rows_of(randoms, "pay")]
    for table, column, rows in (("orders", "status", orders), ("pets", "status", pets),
                                ("payments", "order_id", payments)):
        fill(broker, table, column, rows)
    return broker, {
        "order": newest([dict(zip(("id", "owner", "time", "status"), row)) for row in orders]),
        "pet": newest([dict(zip(("id", "owner", "time", "status"), row)) for row in pets]),
        "payment": newest([{"id": id, "time": time, "owner": owner[order]}
                           for id, _, time, order in payments])}


def newest(rows):
    return sorted(rows, key=lambda row: (row["time"], row["id"]), reverse=True)


QUESTIONS = [
    {}, {"status": "DELIVERED"}, {"status": "PLACED"}, {"status": "RETIRED"}, {"status": "none"},
    {"owner": "customer-a"}, {"owner": "customer-b"}, {"owner": "eva", "status": "DELIVERED"},
    {"owner": "customer-a", "status": "DELIVERED"}, {"owner": "customer-a", "status": "SHIPPED"},
    {"id": "ord-"}, {"id": "ord-1", "owner": "customer-a"}, {"id": "ord-77"},
]


def check(asker, kind, question, rows, randoms, more=()):
    """The first pages, the last one, and some behind any row that there is, or was."""
    wanted = [row for row in rows if row["id"].startswith(question.get("id", "")) and
              all(row[name] == question[name] for name in ("status", "owner") if name in question)]
    places = [None, *(randoms.choice(rows) for _ in range(4)), rows[-20], *more]
    for place in places:
        behind = wanted if place is None else \
            [row for row in wanted if (row["time"], row["id"]) < (place["time"], place["id"])]
        found, after = [], place and "%s %s" % (place["time"], place["id"])
        for limit in (1, 30, 7):
            page = asker.data("listEntities", entity=kind, limit=limit, **question,
                              **({"after": after} if after else {}))
            found += [row["id"] for row in page["rows"]]
            assert len(page["rows"]) == limit or page["next"] is None
            after = page["next"]
            if after is None:
                break
        assert found == [row["id"] for row in behind[:len(found)]], (question, place)
        assert after is not None or len(found) == len(behind), (question, place)


def test_pages_of_many_orders(filled):
    broker, rows = filled
    asker, randoms = Asker(broker, "backoffice"), random.Random(1)
    for question in QUESTIONS:
        check(asker, "order", question, rows["order"], randoms)


def test_pages_of_many_that_have_no_index_by_time(filled):
    broker, rows = filled
    asker, randoms = Asker(broker, "backoffice"), random.Random(2)
    for question in ({}, {"status": "ADOPTED"}, {"status": "PENDING"}, {"owner": "customer-a"},
                     {"owner": "customer-b", "status": "ADOPTED"}):
        check(asker, "pet", question, rows["pet"], randoms)


@pytest.mark.parametrize("user", ["customer-a", "customer-b"])
def test_pages_of_what_one_owns(filled, user):
    """One that owns nearly all of them, and one that owns few; a payment is its order's owner's."""
    broker, rows = filled
    asker, randoms = Asker(broker, user), random.Random(3)
    for kind, question in (("order", {}), ("order", {"status": "DELIVERED"}),
                           ("order", {"status": "SHIPPED"}), ("order", {"id": "ord-7"}),
                           ("payment", {})):
        check(asker, kind, question, [row for row in rows[kind] if row["owner"] == user], randoms)


def test_all_pages_in_turn(filled):
    """Each row once, whatever number of them have the same time."""
    broker, rows = filled
    for members in ({"status": "PLACED"}, {"owner": "customer-b"}):
        found = Asker(broker, "backoffice").pages("listEntities", entity="order", limit=60, **members)
        name, value = next(iter(members.items()))
        assert [row["id"] for row in found] == \
            [row["id"] for row in rows["order"] if row[name] == value]


def test_pages_of_what_came_at_once(new_broker):
    """An import gives all that it brings the same time; others are before it and behind."""
    broker = new_broker()
    broker.start()
    randoms = random.Random(5)
    orders = [(id, owner, time_of(2000), "DELIVERED") for id, owner, _ in rows_of(randoms, "ord")] + \
        [("new" + id, owner, time, randoms.choice(STATUSES))
         for id, owner, time in rows_of(randoms, "ord")[:400]]
    fill(broker, "orders", "status", orders)
    rows = newest([dict(zip(("id", "owner", "time", "status"), row)) for row in orders])
    among = [number for number, row in enumerate(rows) if row["time"] == time_of(2000)]
    asker = Asker(broker, "backoffice")
    for question in ({}, {"status": "DELIVERED"}, {"status": "PLACED"}, {"owner": "customer-b"},
                     {"owner": "customer-a"}):
        check(asker, "order", question, rows, randoms, [rows[among[0] - 5], rows[among[-1] - 5]])


def test_an_order_that_changes_comes_to_the_front(new_broker):
    """And is left out where it was, of pages that are read on."""
    broker = new_broker()
    broker.start()
    randoms = random.Random(4)
    fill(broker, "orders", "status", [(*row, randoms.choice(STATUSES)) for row in rows_of(randoms, "ord")])
    asker = Asker(broker, "backoffice")
    page = asker.data("listEntities", entity="order", limit=40)
    moved = asker.data("listEntities", entity="order", limit=40, after=page["next"])["rows"][20]["id"]
    broker.database.change("UPDATE orders SET status = 'SHIPPED', updated_at = "
                           "'2026-01-02T00:00:00.000Z' WHERE id = '%s'" % moved)
    rest = asker.data("listEntities", entity="order", limit=40, after=page["next"])
    assert moved not in [row["id"] for row in rest["rows"]] and len(rest["rows"]) == 40
    first = asker.data("listEntities", entity="order", limit=1)["rows"]
    assert [(row["id"], row["status"]) for row in first] == [(moved, "SHIPPED")]
