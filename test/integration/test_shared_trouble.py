"""
What keeps a broker from a PostgreSQL that brokers share: each says so in one line, without the
password, nothing that was accepted is lost, and all goes on without a restart once it is mended.
"""
import contextlib
import itertools
import os
import re
import subprocess
import time

import pytest

import engines
import harness
import messages
import postgres
import watched
from test_closed import TAKEN, answer

pytestmark = engines.needs_postgres()
PASSWORD = "very-secret-word"
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname"


@pytest.fixture(scope="module")
def server():
    with postgres.Servers() as servers:
        yield servers.start()


@pytest.fixture
def place(server, request):
    """A database of the test's own, for the user petstore."""
    name = "trouble_%d" % (abs(hash(request.node.name)) % 10**9)
    yield server.create(name)
    server.drop(name)


def shared(new_broker, place, name="one"):
    broker = new_broker()
    broker.database = engines.Postgres(broker.path("petstore.db-journal.ring"), name, place,
                                       settings=["plugin_opt_strict_ms 5000"])
    return broker


def order(broker):
    """The id of an order that was taken, or None."""
    name = messages.unique("ord")
    return name if answer(broker.client("orders-service"), messages.order(name), 1) in TAKEN else None


def payment(broker):
    """A strict step: a new payment's."""
    return answer(broker.client("payments-service"), messages.payment(messages.unique("pay")), 2) in TAKEN


def until_metric(path, line):
    def is_there():
        if not os.path.exists(path):
            return False
        with open(path) as file:
            return line in file.read().splitlines()
    harness.until(is_there, "%s in %s" % (line, path), 60)


def until_taken(broker):
    return harness.until(lambda: order(broker), "an order that is taken", 60)


def taken_while_away(broker, go_away, come_back):
    """
    An order that is taken without the database: once the broker has read which ids there are, a new
    one needs no read. Being away breaks that reading off, so that it is given twice as long after each.
    """
    pauses = itertools.count()

    def is_taken():
        go_away()
        name = order(broker)
        if not name:
            come_back()
            time.sleep(0.1 * 2 ** next(pauses))
        return name

    return harness.until(is_taken, "the ids to be read", 120)


def carried(place, name):
    return postgres.ask(place, "SELECT count(*) FROM orders WHERE id = %s", name) == [(1,)]


def until_carried(place, *names):
    for name in names:
        harness.until(lambda: carried(place, name), "order %s in the database" % name, 60)


def lines(broker, since=0):
    """What was said about the store, each once."""
    return re.findall(r"petstore: (the store .*)", broker.log(since))


@pytest.mark.parametrize("rest_s", [0, 3, 9])
def test_the_end_of_a_broker_whose_database_hangs(server, place, new_broker, rest_s):
    """
    Nothing comes from it any more, and no word that it is gone: the end takes some seconds, whatever
    waits for an answer by then, and loses nothing.
    """
    wire = postgres.Wire(server.port)
    broker = shared(new_broker, place.replace("port=%d" % server.port, "port=%d" % wire.port))
    broker.start()
    names = [until_taken(broker)]
    until_carried(place, *names)
    names.append(taken_while_away(broker, lambda: wire.set("hole"), lambda: wire.set("pass")))
    names += filter(None, [order(broker) for _ in range(2)])
    time.sleep(rest_s)
    began = time.monotonic()
    assert broker.stop() == 0
    assert time.monotonic() - began < 14  # 2 s, and a slow machine's; each wait took as much before
    wire.set("pass")
    broker._start()
    until_carried(place, *names)
    broker.stop()
    wire.close()


def test_a_wrong_password(server, place, new_broker):
    server.ask("CREATE ROLE weak LOGIN PASSWORD 'another-word'")
    server.ask("GRANT CREATE ON SCHEMA public TO weak", database=place.rpartition("=")[2])
    broker = shared(new_broker, "%s user=weak password=%s" % (place, PASSWORD))
    broker.start()
    broker.wait_log("the store takes no writes: .*password authentication failed for user")
    assert order(broker) is None
    time.sleep(1.5)
    assert len(lines(broker)) == 1
    assert PASSWORD not in broker.log()
    server.ask("ALTER ROLE weak PASSWORD '%s'" % PASSWORD)
    broker.wait_log("the store takes writes again")
    until_carried(place, until_taken(broker))
    broker.stop()
    server.ask("REASSIGN OWNED BY weak TO petstore; DROP OWNED BY weak; DROP ROLE weak",
               database=place.rpartition("=")[2])


def test_a_server_that_is_away(server, place, new_broker):
    """At the start; and later, when what is accepted waits in the journal."""
    server.stop()
    broker = shared(new_broker, place)
    metrics = broker.path("metrics.prom")
    broker.edits.append(watched.options(metrics_file=metrics, metrics_interval=1))
    broker.start()
    broker.wait_log("the store takes no writes: .*cannot connect: .*Connection refused")
    assert order(broker) is None
    until_metric(metrics, "petstore_database_away 1")
    server.spawn().wait()
    broker.wait_log("the store takes writes again")
    until_metric(metrics, "petstore_database_away 0")
    first = until_taken(broker)
    until_carried(place, first)
    before = 0

    def go_away():
        nonlocal before
        before = broker.mark()
        server.kill()
        broker.wait_log("the store takes no writes: ", before)  # though nobody writes

    def come_back():
        server.spawn().wait()
        broker.wait_log("the store takes writes again", before)

    names = [taken_while_away(broker, go_away, come_back)]
    names += filter(None, [order(broker) for _ in range(4)])
    come_back()
    until_carried(place, *names)
    assert len(lines(broker, before)) == 2


def test_a_database_that_is_read_only(server, place, new_broker):
    """As a standby is, which was promoted too late."""
    name = place.rpartition("=")[2]
    server.ask('ALTER DATABASE "%s" SET default_transaction_read_only = on' % name)
    broker = shared(new_broker, place)
    broker.start()
    broker.wait_log("the store takes no writes: .*a standby, or a database that is read-only")
    server.ask('ALTER DATABASE "%s" RESET default_transaction_read_only' % name)
    broker.wait_log("the store takes writes again")
    until_carried(place, until_taken(broker))


def test_a_right_that_is_revoked(server, place, new_broker):
    """While the broker runs: what is accepted waits in the journal until it is granted again."""
    name = place.rpartition("=")[2]
    server.ask("CREATE ROLE granted LOGIN PASSWORD '%s'" % PASSWORD)
    server.ask("GRANT CREATE ON SCHEMA public TO granted", database=name)
    broker = shared(new_broker, "%s user=granted password=%s" % (place, PASSWORD))
    broker.start()
    until_carried(place, until_taken(broker))
    before = broker.mark()
    server.ask("REVOKE INSERT ON events FROM granted", database=name)
    names = [order(broker)]
    broker.wait_log("the store takes no writes: .*permission denied for table events", before)
    server.ask("GRANT INSERT ON events TO granted", database=name)
    broker.wait_log("the store takes writes again", before)
    until_carried(place, *filter(None, names), until_taken(broker))
    broker.stop()
    server.ask("REASSIGN OWNED BY granted TO petstore; DROP OWNED BY granted; DROP ROLE granted",
               database=name)


@pytest.mark.parametrize("sql, says", [
    ("CREATE TABLE events (what text)", "another program's table, or view, has a name that"),
    ("CREATE TABLE store (item text)", "table store is another program's"),
    ("CREATE TABLE store (one bigint, program text, identity text, version bigint, least bigint); "
     "INSERT INTO store VALUES (1, 'mosquitto_petstore', '', 99, 98)",
     "schema version 99 of a newer plugin, which plugins from version 98 on may use"),
    ("CREATE TABLE orders (id text PRIMARY KEY)",
     "orders: another program's table, or view, has a name that the ledger needs"),
    ("CREATE VIEW pets AS SELECT 1 AS one",
     "pets: another program's table, or view, has a name that the ledger needs"),
])
def test_tables_that_are_not_ours_stop_the_start(place, new_broker, sql, says):
    """Nothing is made beside them."""
    postgres.ask(place, sql)
    there = postgres.ask(place, TABLES)
    broker = shared(new_broker, place)
    with pytest.raises(harness.StartError) as error:
        broker.start()
    assert len([line for line in error.value.log.split("\n") if says in line]) == 1
    assert postgres.ask(place, TABLES) == there


def test_a_row_that_another_session_has_locked(place, new_broker):
    """
    An operator's transaction that was left open. The broker's journal waits behind the step that
    needs the row, and strict steps of other entities go on.
    """
    broker = shared(new_broker, place)
    broker.start()
    held = until_taken(broker)
    until_carried(place, held)
    time.sleep(2)  # it has read by then which ids there are, so that a new one needs no read
    before = broker.mark()
    client = broker.client("orders-service")
    with contextlib.closing(postgres.connect(place)) as operator, operator.cursor() as cursor:
        operator.autocommit = False
        cursor.execute("UPDATE orders SET updated_at = updated_at WHERE id = %s", (held,))
        assert answer(client, messages.order(held, "APPROVED"), 1) in TAKEN
        broker.wait_log("the store takes no writes: .*lock", before)
        names = [order(broker) for _ in range(3)]
        assert None not in names
        assert payment(broker)
        time.sleep(5)  # in which nothing else is said
        assert len(lines(broker, before)) == 1
        assert not carried(place, names[0])
        operator.rollback()
    broker.wait_log("the store takes writes again", before)
    until_carried(place, *names)
    assert postgres.ask(place, "SELECT status FROM orders WHERE id = %s", held) == [("APPROVED",)]
    assert len(lines(broker, before)) == 2


def listed(place, *arguments):
    return brokers(place, *arguments).stdout


def brokers(place, *arguments):
    return subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "brokers", "--database", place,
                           *arguments], text=True, stdout=subprocess.PIPE)


def test_a_broker_that_is_late_with_its_sign(server, place, new_broker):
    """What it says of its lag is as old as its last sign, and that is said."""
    wire = postgres.Wire(server.port)
    broker = shared(new_broker, place.replace("port=%d" % server.port, "port=%d" % wire.port))
    broker.start()
    until_carried(place, until_taken(broker))
    harness.until(lambda: re.search(r"one +alive +\d+ +0 +\S+ s +0$", listed(place), re.M), "a sign of now")

    def is_late():
        """Seen before it is silent, which a busy machine may miss: then from the beginning."""
        wire.set("hole")
        said = harness.until(lambda: re.search(r"one +(silent|alive +\d+ +0 +\S+ s +0 +[2-9] s ago$)",
                                               listed(place), re.M), "a sign that is late")
        if said.group(1) != "silent":
            return True
        wire.set("pass")
        harness.until(lambda: re.search(r"one +alive +\d+ +0 +\S+ s +0$", listed(place), re.M), "a sign of now")
        return False

    harness.until(is_late, "a sign that is late")
    harness.until(lambda: re.search(r"one +silent .* 20\d\d-", listed(place)), "silence")
    wire.set("pass")
    broker.stop()
    wire.close()


def test_two_brokers_of_one_name(place, new_broker):
    """The second waits; it takes over when the first is gone."""
    first, second = shared(new_broker, place), shared(new_broker, place)
    first.start()
    taken = until_taken(first)
    until_carried(place, taken)
    second.start()
    second.wait_log("two brokers are called one: another process has this name, on host ")
    assert order(second) is None
    assert order(first)
    first.stop()
    second.wait_log("the store takes writes again")
    assert until_taken(second)


def test_a_killed_broker_starts_at_once(place, new_broker):
    broker = shared(new_broker, place)
    broker.start()
    until_carried(place, until_taken(broker))
    broker.kill()
    broker.start()
    until_taken(broker)
    assert "two brokers" not in broker.log()  # nor did it wait for the lease's end


def move(server, old, new):
    """The database gets another name; its sessions end."""
    server.ask('ALTER DATABASE "%s" WITH ALLOW_CONNECTIONS false' % old)
    server.ask("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", old)
    server.ask('ALTER DATABASE "%s" RENAME TO "%s"' % (old, new))
    server.ask('ALTER DATABASE "%s" WITH ALLOW_CONNECTIONS true' % new)


def swap(server, old, new):
    """The database @new takes @old's place. In between it lets nobody in, and then there is none."""
    move(server, old, old + "_gone")
    server.ask('ALTER DATABASE "%s" RENAME TO "%s"' % (new, old))


def dropped(server, broker, name):
    server.create(name + "_new")
    with watched.at_once(broker):  # between the old and the new it sees no part
        swap(server, name, name + "_new")


def put_back(server, name):
    server.drop(name)
    move(server, name + "_gone", name)


def emptied(server, broker, name):
    """Under the connections, which last."""
    server.ask("ALTER SCHEMA public RENAME TO gone; CREATE SCHEMA public", database=name)


def filled(server, name):
    server.ask("DROP SCHEMA public; ALTER SCHEMA gone RENAME TO public", database=name)


@pytest.mark.parametrize("empty, mend", [(dropped, put_back), (emptied, filled)])
def test_a_database_made_anew(server, place, new_broker, empty, mend):
    """Noticed, counted and named, once; nothing is made in it, and all goes on with the right one."""
    name = place.rpartition("=")[2]
    broker = shared(new_broker, place)
    broker.start()
    names = [until_taken(broker) for _ in range(3)]
    until_carried(place, *names)
    harness.until(lambda: postgres.ask(place, "SELECT applied_seq FROM brokers") == [(3,)],
                  "all to be carried")
    before = broker.mark()
    empty(server, broker, name)
    broker.wait_log("an empty database, or one that does not know this broker: of broker one it ends "
                    "at write 0, and lacks 3 that were committed, and 0 strict ones", before)
    broker.wait_log("is empty, and its journal is at write 4: put the database back", before)
    assert order(broker) is None
    time.sleep(2)  # in which nothing else is said
    assert len(lines(broker, before)) == 2
    assert broker.log(before).count("could not be asked what other brokers did") <= 1
    assert postgres.ask(place, TABLES) == []
    mend(server, name)
    broker.wait_log("the store takes writes again", before)
    until_carried(place, *names, until_taken(broker))
    assert len(lines(broker, before)) == 3
    assert broker.log(before).count("could not be asked what other brokers did") <= 2


def restored(broker):
    """What petstorectl says."""
    return subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "restored", "--config",
                           broker.path("mosquitto.conf")], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT).stdout


def test_a_database_of_yesterday(server, place, new_broker):
    """While the broker runs: it is noticed, counted and named; the operator decides."""
    name = place.rpartition("=")[2]
    broker = shared(new_broker, place)
    metrics = broker.path("petstore.prom")
    broker.edits.append(watched.options(metrics_file=metrics, metrics_interval=1))
    broker.start()
    first = until_taken(broker)
    until_carried(place, first)
    broker.stop()
    server.create(name + "_copy", name)
    broker._start()
    lost = [until_taken(broker) for _ in range(3)]
    until_metric(metrics, 'petstore_broker_alive{broker="one"} 1')
    until_carried(place, *lost)
    harness.until(lambda: postgres.ask(place, "SELECT applied_seq >= 4 FROM brokers") == [(True,)],
                  "all to be carried")
    before = broker.mark()
    with watched.at_once(broker):  # between the old and the new it sees no part
        swap(server, name, name + "_copy")
    broker.wait_log("an older copy of the database, or a standby that had not got all: of broker one "
                    "it ends at write 1, and lacks 3 that were committed, and 0 strict ones", before)
    broker.wait_log("begins at write 5 but .* ends at 1 of broker one: an older copy of the database, "
                    "or a standby that lacked them; put the right one back, or go on without the 3 "
                    "writes between: petstorectl restored", before)
    assert order(broker) is None

    def says_so():
        said = brokers(place)
        return said.returncode == 1 and re.search("one +refuses ", said.stdout)

    harness.until(says_so, "petstorectl to say so")
    until_metric(metrics, 'petstore_broker_alive{broker="one"} 0')
    with open(metrics) as file:
        assert "petstore_broker_silent_seconds{" not in file.read()
    broker.kill()
    assert "goes on from write 1; the 3 writes after it, up to 4, are not in it" in restored(broker)
    broker._start()
    until_carried(place, until_taken(broker))
    assert brokers(place).returncode == 0
    server.ask('DROP DATABASE "%s_gone"' % name)


@pytest.mark.parametrize("is_running", [True, False])
@pytest.mark.parametrize("rest_s", [0, 2])
def test_strict_steps_of_yesterday(server, place, new_broker, is_running, rest_s):
    """
    They are in no journal, which has noted that there were some: also where the broker was down
    meanwhile, or gave no sign since.
    """
    name = place.rpartition("=")[2]
    broker = shared(new_broker, place)
    broker.start()
    until_taken(broker)
    harness.until(lambda: payment(broker), "a payment that is taken")
    broker.stop()
    server.create(name + "_copy", name)
    broker._start()
    harness.until(lambda: order(broker), "the store")
    for _ in range(3):
        assert payment(broker)
    harness.until(lambda: postgres.ask(place, "SELECT count(*) FROM events WHERE origin_seq > 0") == [(2,)],
                  "the order to be carried")
    time.sleep(rest_s)
    before = broker.mark()
    if is_running:
        with watched.at_once(broker):  # between the old and the new it sees no part
            swap(server, name, name + "_copy")
        broker.wait_log("of broker one it ends at write 1, and lacks 1 that were committed, and at most 3 "
                        "strict ones", before)
    else:
        broker.kill()
        swap(server, name, name + "_copy")
        postgres.ask(place, "UPDATE brokers SET applied_seq = 2")  # else that is what is said
        broker._start()
        broker.wait_log("lacks at most 3 strict writes of broker one, which ends at 1: an older copy of the "
                        "database, or a standby that lacked them; put the right one back, or go on without "
                        "them: petstorectl restored", before)
    assert order(broker) is None and not payment(broker)
    time.sleep(1)
    assert len(lines(broker, before)) == (2 if is_running else 1)
    broker.kill()
    assert "goes on from write %d" % (1 if is_running else 2) in restored(broker)
    broker._start()
    harness.until(lambda: payment(broker), "a payment that is taken")
    server.ask('DROP DATABASE "%s_gone"' % name)


def test_no_strict_step_is_missed_where_all_old_events_are_gone(place, new_broker):
    """What was removed for its age is no loss, however little is kept."""
    broker = shared(new_broker, place)
    broker.edits.append(lambda text: text + "\nplugin_opt_events_keep_rows 1\n")
    broker.start()
    until_taken(broker)
    for _ in range(3):
        assert payment(broker)
        until_carried(place, until_taken(broker))
    postgres.ask(place, "DELETE FROM events")
    broker.kill()
    broker._start()
    assert until_taken(broker)


@pytest.mark.parametrize("revision", [0, -5, 2**63 - 1])
def test_a_row_that_somebody_changed(new_broker, place, revision):
    """Whatever number it has: the row is there, and what was accepted is carried."""
    broker = shared(new_broker, place).start()
    name = order(broker)
    harness.until(lambda: carried(place, name), "the order")
    postgres.ask(place, "UPDATE orders SET revision = %s WHERE id = %s", revision, name)
    step = messages.order(name, "APPROVED")
    assert answer(broker.client("orders-service"), step, 1) in TAKEN
    harness.until(lambda: postgres.ask(place, "SELECT status FROM orders WHERE id = %s", name) ==
                  [("APPROVED",)], "its step", 60)
    assert "the store takes no writes" not in broker.log()
