"""petstorectl copy: a whole ledger goes to another database, of either engine, or nothing does."""
import contextlib
import glob
import itertools
import json
import os
import re
import sqlite3
import subprocess
import sys

import pytest

import engines
import harness
import messages
import postgres
from rawmqtt import NOT_AUTHORIZED
from test_closed import TAKEN

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import ctl

pytestmark = engines.needs_postgres()
TABLES = ("store_names", "events", "retained", "refusals", "store_letters", "alerts", "orders", "pays")
MADE = {"origin", "origin_seq", "overruled"}  # what a shared database has in addition
numbers = itertools.count(1)


def petstorectl(*arguments):
    tool = os.path.join(harness.BUILD, "petstorectl")
    done = subprocess.run([tool, *arguments], text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300,
                          errors="backslashreplace")
    return done.returncode, done.stdout, done.stderr


def copy(source, target, *arguments):
    status, out, error = petstorectl("copy", source, target, "--json", *arguments)
    assert status == 0, error
    return {row["table"]: row for row in json.loads(out)}


def refused(source, target, *arguments):
    status, out, error = petstorectl("copy", source, target, *arguments)
    assert (status, out) == (2, "")
    assert error.count("\n") == 1
    return error


@pytest.fixture
def place():
    """Makes PostgreSQL databases; gives their conninfo."""
    made = []

    def new():
        made.append("copy%d_%d" % (os.getpid(), next(numbers)))
        postgres.ask(engines.shared_server() + " dbname=postgres",
                     'CREATE DATABASE "%s" TEMPLATE template0' % made[-1])
        return "%s dbname=%s" % (engines.shared_server(), made[-1])

    yield new
    for name in made:
        postgres.ask(engines.shared_server() + " dbname=postgres",
                     'DROP DATABASE "%s" WITH (FORCE)' % name)


def change(path, *statements):
    with contextlib.closing(sqlite3.connect(path)) as database:
        for sql in statements:
            database.execute(sql)
        database.commit()


@pytest.fixture
def ledger(tmp_path):
    """What the other tests of petstorectl read, and a value of each kind."""
    path = str(tmp_path / "petstore.db")
    ctl.make_database(path)
    change(path, "PRAGMA user_version = 16", "ALTER TABLE orders RENAME TO made",
           "CREATE TABLE orders (id TEXT NOT NULL PRIMARY KEY, owner TEXT, revision INTEGER NOT NULL, "
           "created_at TEXT NOT NULL, updated_at TEXT NOT NULL, adopted_at TEXT, status TEXT) "
           "WITHOUT ROWID",
           "INSERT INTO orders SELECT id, owner, revision, created_at, updated_at, NULL, status "
           "FROM made", "DROP TABLE made",
           "UPDATE events SET origin = 'till'",
           "UPDATE events SET payload = x'ff0001' WHERE seq = 3",
           "UPDATE events SET digest = -77, unique_key = 9223372036854775807, origin = NULL "
           "WHERE seq = 1",
           "INSERT INTO retained VALUES ('notes/monday', '\"closed\"', 0, '2026-01-15', 'bob', "
           "x'0100', 3), ('notes/x', NULL, 0, '2026-01-15', 'bob', NULL, 3), "
           "('notes/y', x'fe00', 1, '2026-01-15', 'bob', NULL, 3)",
           "INSERT INTO store_letters VALUES ('06c5w3z8m4k00001', 'user bob', 1100, x'7b7d', x'')",
           "CREATE TABLE pays (id TEXT NOT NULL PRIMARY KEY, owner TEXT, revision INTEGER NOT NULL, "
           "created_at TEXT NOT NULL, updated_at TEXT NOT NULL, adopted_at TEXT, amount REAL, "
           "n INTEGER, order_id TEXT) WITHOUT ROWID",
           "INSERT INTO store_names VALUES (3, 'pays', ''), (5, 'pays', 'amount'), "
           "(7, 'pays', 'n'), (8, 'pays', 'order_id')",
           "INSERT INTO pays VALUES ('p\u00e9', NULL, 1, 'a', 'b', NULL, 0.1, -5, 'x'), "
           "('q', NULL, 1, 'a', 'c', NULL, 3.0, NULL, '')")
    return path


def rows_of(path, table):
    """As dictionaries, in any order."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        return sorted((dict(row) for row in database.execute("SELECT * FROM " + table)), key=repr)


def sorted_by_name(rows):
    return sorted((dict(sorted(row.items())) for row in rows), key=repr)


def test_there_and_back(ledger, place, tmp_path):
    first, second, back = place(), place(), str(tmp_path / "back.db")
    there = copy(ledger, first)
    assert {name: there[name]["rows"] for name in TABLES} == {
        name: len(rows_of(ledger, name)) for name in TABLES}
    between = copy(first, second)
    assert {name: between[name]["digest"] for name in TABLES if name != "store_letters"} == {
        name: there[name]["digest"] for name in TABLES if name != "store_letters"}
    copy(second, back)
    for name in TABLES:
        expected = rows_of(ledger, name)
        for row in expected if name == "events" else []:
            row["origin"] = row["origin"] or "till"
        assert sorted_by_name(rows_of(back, name)) == sorted_by_name(expected), name
    store = rows_of(back, "store")[0]
    assert store == dict(rows_of(ledger, "store")[0], ring="")
    # What the broker will go on from.
    assert postgres.ask(second, "SELECT name, applied_seq, ring FROM brokers") == [("till", 5, "")]
    assert postgres.ask(second, "SELECT origin, origin_seq FROM events ORDER BY seq") == [
        ("till", n) for n in range(1, 6)]
    assert postgres.ask(second, "SELECT nextval(pg_get_serial_sequence('events', 'seq'))") == [(6,)]


def test_the_lists_say_the_same_on_both_engines(ledger, place):
    database = place()
    copy(ledger, database)
    change(ledger, "UPDATE events SET origin = 'till'")  # as the copy has it
    for line in ("orders", "pays", "events", "refusals", "alerts", "orders --status SENT",
                 "orders o-1", "orders --where revision=2", "orders --where revision=two",
                 "pays --where amount=0.1", "pays --where n=-5", "orders --owner ann",
                 "events --topic orders/ --limit 2", "events --topic orders/o_1",
                 "events --where qos=1", "events --since 2026-01-15T10:00:03.000Z",
                 "events --until 2026-01-15T10:00:03.000Z", "events --limit 0", "events --user bob",
                 "refusals --reason payload-not-json", "list refusals --where observed=1",
                 "list alerts --status raised --user bob", "refusals --by principal",
                 "refusals --by reason", "orders --where nothing=1", "orders o-9"):
        forms = ("--json", "--color=never") if line in ("orders", "pays", "orders o-1") else ("--json",)
        for form in forms:
            answers = []
            for at in (ledger, database):
                status, out, error = petstorectl(*line.split(), form, "--database", at)
                if form == "--json" and out:
                    rows = json.loads(out)
                    for row in rows if isinstance(rows, list) else [rows]:
                        for name in MADE:
                            row.pop(name, None)
                    out = rows
                answers.append((status, out, error.replace(at, "DB")
                                .replace(database.replace(" user=petstore", ""), "DB")))
            assert answers[0] == answers[1], line


def test_overruled_events_have_no_place_in_an_embedded_one(ledger, place, tmp_path):
    database = place()
    copy(ledger, database)
    postgres.ask(database, "UPDATE events SET overruled = 1 WHERE seq = 4")
    done = copy(database, str(tmp_path / "back.db"))
    assert (done["events"]["rows"], done["events"]["leftOut"]) == (4, 1)
    assert copy(database, place())["events"]["rows"] == 5


def test_only_an_empty_target_is_filled(ledger, place, tmp_path):
    database, full = place(), str(tmp_path / "full.db")
    copy(ledger, database)
    copy(ledger, full)
    assert "table brokers has rows" in refused(ledger, database)
    assert "table events has rows" in refused(database, full)
    assert "table events has rows" in refused(ledger, ledger)
    before = rows_of(full, "events")
    change(full, "DELETE FROM events")
    assert "has rows: only an empty database is filled" in refused(database, full)
    assert len(before) == 5


def test_a_value_that_has_no_place_stops_all(ledger, place):
    database = place()
    change(ledger, "UPDATE orders SET owner = 'a' || char(0) || 'b' WHERE id = 'o-2'")
    assert "table orders, id o-2: the value of column owner has no place" in refused(ledger, database)
    assert postgres.ask(database, "SELECT count(*) FROM events") == [(0,)]
    change(ledger, "UPDATE orders SET owner = 'ab' WHERE id = 'o-2'")
    copy(ledger, database)


def test_whose_broker_it_is_must_be_known(ledger, place):
    change(ledger, "UPDATE events SET origin = NULL")
    database = place()
    assert "--broker NAME" in refused(ledger, database)
    copy(ledger, database, "--broker", "north")
    assert postgres.ask(database, "SELECT DISTINCT origin FROM events") == [("north",)]


def test_nothing_is_copied_while_a_broker_may_write(ledger, place, tmp_path):
    database, back = place(), str(tmp_path / "back.db")
    copy(ledger, database)
    now = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
    postgres.ask(database, "UPDATE brokers SET seen_at = 4000 + " + now)
    assert "broker till uses it" in refused(database, back)
    postgres.ask(database, "UPDATE brokers SET seen_at = 0, ring = '00000000000000aa'")
    assert "broker till was not stopped" in refused(database, back)
    postgres.ask(database, "UPDATE brokers SET ring = '', waiting = 3")
    assert "broker till was not stopped" in refused(database, back)
    change(ledger, "UPDATE store SET ring = '00000000000000aa'")
    assert "was in use with another journal" in refused(ledger, place())
    assert not os.path.exists(back)


def test_other_programs_databases(place, tmp_path):
    database = place()
    error = refused(database, str(tmp_path / "back.db"))
    assert "no database of this plugin" in error
    postgres.ask(database, "CREATE TABLE store (number bigint)")
    assert "no database of this plugin" in refused(database, str(tmp_path / "back.db"))
    status, _, error = petstorectl("events", "--database", database)
    assert status == 2 and "no database of this plugin" in error


def test_a_table_of_another_program_stays_alone(ledger, place):
    database = place()
    postgres.ask(database, "CREATE TABLE orders (id text PRIMARY KEY)")
    assert "orders: another program's table, or view, has a name" in refused(
        ledger, database, "--broker", "till")
    assert postgres.ask(database, "SELECT relname FROM pg_class WHERE relkind = 'r' AND "
                        "relnamespace = 'public'::regnamespace") == [("orders",)]


def test_a_broker_moves_over_and_back(new_broker, place):
    """What it took stands, and is known where it is sent again; nobody copies while it runs."""
    broker, there, order = new_broker(), place(), messages.unique("ord")

    def step(status):
        client = broker.client("orders-service", client_id="till")
        return client.publish(*messages.order(order, status), qos=1)

    def move(status, source, target, *arguments):
        broker.start()
        assert step(status) in TAKEN
        assert re.search("in use: stop the broker first|broker north uses it", refused(source, target))
        broker.stop()
        return copy(source, target, *arguments)

    file = broker.path("petstore.db")
    broker.database = engines.Sqlite(file)
    move("PLACED", file, there, "--broker", "north")
    broker.database = engines.Postgres(broker.path("north.ring"), "north", there, engines.PATIENT)
    assert move("APPROVED", there, broker.path("back.db"))["events"]["rows"] == 2
    # One database's numbers go on in the other.
    assert broker.rows("SELECT seq, origin_seq FROM events ORDER BY seq") == [(1, 1), (2, 2)]
    assert broker.rows("SELECT status, revision FROM orders") == [("APPROVED", 2)]
    for name in glob.glob(file + "*"):
        os.unlink(name)
    os.rename(broker.path("back.db"), file)
    broker.database = engines.Sqlite(file)
    broker.start()
    assert step("PLACED") in TAKEN  # it was accepted two databases ago
    assert broker.rows("SELECT status, revision FROM orders") == [("APPROVED", 2)]
    assert step("DELIVERED") == NOT_AUTHORIZED
    assert step("SHIPPED") in TAKEN
    broker.wait_rows([(1,), (2,), (3,)], "SELECT seq FROM events ORDER BY seq")


def test_what_was_overruled_is_shown_and_not_replayed(ledger, place, tmp_path):
    data = os.path.join(harness.TOP, "test", "data", "ctl")
    contract = os.path.join(data, "shop-1.asyncapi.json")
    database = place()
    copy(ledger, database)

    def replayed():
        status, out, error = petstorectl("replay", contract, "--access",
                                         os.path.join(data, "access-1.json"), "--events", database,
                                         "--json")
        assert status in (0, 1), error
        return json.loads(out)["events"]

    def learned():
        status, out, error = petstorectl("init", "--learn", database, "--out",
                                         str(tmp_path / ("learned%d" % next(numbers))))
        assert status == 0, error
        return int(re.search(r"from (\d+) messages", out + error).group(1))

    def history():
        return petstorectl("orders", "o-1", "--contract", contract, "--database", database)[1]

    before = replayed(), learned()
    assert "overruled" not in history()
    postgres.ask(database, "UPDATE events SET overruled = 1 WHERE seq = 4")
    assert (replayed(), learned()) == (before[0] - 1, before[1] - 1)
    assert re.search(r"payload +overruled\n(.*\n)*.*SENT.* 1\n", history())
