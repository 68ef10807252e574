"""
A database that is not as it should be: one clear line at the start or a refusal that says so, nothing
that was acknowledged is lost, and all goes on by itself once the operator has put it right.
"""
import itertools
import os
import re
import time

import pytest

import cluster
import engines
import harness
import messages
import postgres
from rawmqtt import Closed
from test_clock import clock, library  # noqa: F401: fixtures

pytestmark = engines.needs_postgres()
in_full = pytest.mark.skipif(not os.environ.get("FULL"), reason="takes long: FULL=1 runs it")
UNAVAILABLE = (0x97, 0x87)  # 2.1 says that it may be tried again, 2.0 has no such word


@pytest.fixture(scope="module")
def database():
    database = cluster.Database()
    yield database
    database.close()


class Shop:
    """One broker of that server, in a database of its own, as a role that is no superuser."""

    def __init__(self, new_broker, server, name, **options):
        self.server, self.name = server, name
        self.wire = postgres.Wire(server.port)
        server.ask("CREATE ROLE %s LOGIN PASSWORD 'right'" % name)
        server.ask("CREATE DATABASE %s OWNER %s TEMPLATE template0" % (name, name))
        server.ask("GRANT ALL ON SCHEMA public TO %s" % name, database=name)
        self.broker = new_broker(**options)
        self.use(self.conninfo())
        self.accepted, self.client = [], None

    def conninfo(self, password="right", more=""):
        return "host=127.0.0.1 port=%d user=%s dbname=%s password=%s%s" % (
            self.wire.port, self.name, self.name, password, more)

    def use(self, conninfo, broker="one"):
        self.broker.database = engines.Postgres(self.broker.path("petstore.db-journal.ring"), broker,
                                                conninfo)

    def ask(self, sql, *values):
        return self.server.ask(sql, *values, database=self.name)

    def place(self):
        """An order, by whoever is connected or comes anew; its code, or None where it was closed."""
        order = messages.unique("ord")
        try:
            self.client = self.client or self.broker.client("orders-service")
            code = self.client.publish(*messages.order(order), qos=1)
        except (Closed, OSError, AssertionError):
            self.client, code = None, None
            self.broker.assert_alive()
        if code in cluster.ACCEPTED:
            self.accepted.append(order)
        return code

    def place_until(self, codes, wait=120):
        return harness.until(lambda: self.place() in codes, "an answer of %s" % (codes,), wait)

    def places(self, count=5):
        for _ in range(count):
            self.place_until(cluster.ACCEPTED)

    def check(self):
        """Nothing that was acknowledged is lost."""
        harness.until(lambda: {row[0] for row in self.ask("SELECT id FROM orders")}
                      >= set(self.accepted), "all that was acknowledged", 120)
        twice = self.ask("SELECT topic FROM events GROUP BY topic HAVING count(*) > 1")
        assert twice == []

    def said(self, since=0):
        """What the plugin logged, refusals and what it always says left out."""
        return [line for line in re.findall(r"petstore: (.*)", self.broker.log(since))
                if not line.startswith("refused ")]

    def close(self):
        self.broker.stop()
        self.wire.close()


NUMBERS = itertools.count()  # of shops: all have the same servers


@pytest.fixture
def new_shop(new_broker, database):
    made = []

    def new(server=None, **options):
        name = "shop%d" % next(NUMBERS)
        made.append(Shop(new_broker, server or database.primary, name, **options))
        return made[-1]

    yield new
    for each in made:
        each.close()


def starts_or_says(shop, pattern):
    """
    One line names the trouble: the broker ends with it, or starts and says so. Is it up?
    """
    try:
        shop.broker.start()
    except harness.StartError as error:
        lines = [line for line in error.log.splitlines() if "petstore: " in line]
        assert len(lines) == 1 and re.search(pattern, lines[0]), error.log
        assert error.status > 0
        return False
    shop.broker.wait_log("petstore: .*" + pattern)
    return True


def recovers(shop, is_up):
    """By itself where it runs."""
    if not is_up:
        shop.broker.start()
    shop.places()
    shop.check()


def test_connection_string(new_shop):
    """What can never connect ends the start; a file is named once, and may be mended meanwhile."""
    shop = new_shop()
    shop.use(shop.conninfo().replace(" user=", " sslmod=require user="))
    assert not starts_or_says(shop, 'knows no key "sslmod"')
    shop.use(shop.conninfo(more=" sslmode=verify_full"))
    assert not starts_or_says(shop, "plugin_opt_database: sslmode: expected one of disable, .*")
    passfile = shop.broker.path("pgpass")
    with open(passfile, "w") as file:
        file.write("*:*:*:*:right\n")
    os.chmod(passfile, 0o644)
    shop.use(shop.conninfo().replace("password=right", "passfile=%s" % passfile))
    is_up = starts_or_says(shop, "passfile %s: .*expected a file of mode 0600" % passfile)
    os.chmod(passfile, 0o600)
    recovers(shop, is_up)
    assert shop.broker.log().count("expected a file of mode 0600") == 1


def test_wrong_password(new_shop):
    shop = new_shop()
    shop.use(shop.conninfo("a-wrong-one"))
    is_up = starts_or_says(shop, "password")
    assert "a-wrong-one" not in shop.broker.log()
    if is_up:
        assert shop.place() in (*UNAVAILABLE, None)
    shop.server.ask("ALTER ROLE %s PASSWORD 'a-wrong-one'" % shop.name)
    recovers(shop, is_up)
    assert "a-wrong-one" not in shop.broker.log()


@in_full
def test_password_changed_while_it_runs(new_shop):
    shop = new_shop()
    shop.broker.start()
    shop.places()
    before = shop.broker.mark()
    shop.server.ask("ALTER ROLE %s PASSWORD 'another'" % shop.name)
    shop.server.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
                    shop.name)
    shop.broker.wait_log("petstore: .*password", before)
    lines = [line for line in shop.said(before) if "password" in line]
    assert len(lines) == 1 and "right" not in lines[0].split("password", 1)[1]
    shop.server.ask("ALTER ROLE %s PASSWORD 'right'" % shop.name)
    recovers(shop, True)


def test_unreachable(new_shop):
    """At the start: all is served but what must be kept."""
    shop = new_shop()
    shop.wire.set("cut")
    is_up = starts_or_says(shop, "host=127.0.0.1 port=%d" % shop.wire.port)
    assert is_up, "a database that is away for a moment keeps no broker from starting"
    assert shop.place() in (*UNAVAILABLE, None)
    shop.wire.set("pass")
    recovers(shop, True)


@pytest.mark.parametrize("mode", ["cut", pytest.param("drop", marks=in_full),
                                  pytest.param("hole", marks=in_full)])
def test_away_for_a_while(new_shop, mode):
    """While it runs: the journal takes what comes, and the database has it later, once."""
    shop = new_shop()
    shop.broker.start()
    shop.places()
    shop.wire.set(mode)
    begin = time.monotonic()
    while time.monotonic() < begin + 3:
        shop.place()
    shop.broker.assert_alive()
    shop.wire.set("pass")
    recovers(shop, True)


@in_full
def test_server_starts_anew(new_shop):
    shop = new_shop()
    shop.broker.start()
    shop.places()
    shop.server.restart()
    recovers(shop, True)


def test_standby(new_shop, database):
    """It takes no writes; once it is promoted it does."""
    shop = new_shop()
    standby = database.servers.follow(database.primary)
    try:
        shop.wire.redirect(standby.port)
        is_up = starts_or_says(shop, "read-only|standby|recovery")
        if is_up:
            assert shop.place() in (*UNAVAILABLE, None)
        standby.promote()
        shop.server = standby
        recovers(shop, is_up)
    finally:
        shop.broker.stop()
        standby.stop()


def test_another_programs_tables(new_shop):
    """They are left alone."""
    shop = new_shop()
    shop.ask("CREATE TABLE orders (number INTEGER PRIMARY KEY, shoes TEXT)")
    shop.ask("INSERT INTO orders VALUES (1, 'brown')")
    assert not starts_or_says(shop, "orders|another program|not ")
    assert shop.ask("SELECT * FROM orders") == [(1, "brown")]


def test_newer_version(new_shop):
    shop = new_shop()
    shop.broker.start()
    shop.places()
    shop.broker.stop()
    before = shop.ask("SELECT version, least FROM store")[0]
    shop.ask("UPDATE store SET version = 999, least = 999")
    mark = shop.broker._log_size()
    with pytest.raises(harness.StartError) as error:
        shop.broker._start()
    lines = [line for line in error.value.log.splitlines() if "petstore: " in line]
    assert len(lines) == 1 and "999" in lines[0], shop.broker.log(mark)
    shop.ask("UPDATE store SET version = %s, least = %s", before[0] + 1, before[0])
    shop.broker._start()  # one version newer, which says that this one may still use it
    shop.places()
    shop.check()
    assert shop.ask("SELECT version FROM store") == [(before[0] + 1,)]


def test_revoked_right(new_shop):
    """It comes back by itself with the right."""
    shop = new_shop()
    shop.broker.start()
    shop.places()
    before = shop.broker.mark()
    shop.ask("REVOKE INSERT, UPDATE ON events, orders FROM " + shop.name)
    begin = time.monotonic()
    while time.monotonic() < begin + 3:
        shop.place()
    shop.broker.wait_log("petstore: .*permission denied", before)
    lines = [line for line in shop.said(before) if "permission denied" in line]
    assert len(lines) == 1, lines
    shop.ask("GRANT INSERT, UPDATE ON events, orders TO " + shop.name)
    recovers(shop, True)


@pytest.fixture
def new_rival(new_broker):
    """Another broker of the same name, over the server's own port."""
    def new(shop):
        rival = new_broker()
        place = shop.conninfo().replace("port=%d" % shop.wire.port, "port=%d" % shop.server.port)
        rival.database = engines.Postgres(rival.path("petstore.db-journal.ring"), "one", place)
        return rival.start()
    return new


def refuses(broker, line):
    """One line says why, and nothing is taken."""
    broker.wait_log("petstore: the store takes no writes: .*" + line)
    assert len(re.findall("petstore: the store takes no writes", broker.log())) <= 2  # once a log
    try:
        code = broker.client("orders-service").publish(*messages.order(messages.unique("ord")), qos=1)
    except Closed:
        return
    assert code in UNAVAILABLE


def test_two_of_one_name(new_shop, new_rival):
    """The second one takes nothing while the first one lives, who is none the worse."""
    shop = new_shop()
    shop.broker.start()
    shop.places()
    refuses(new_rival(shop), "two brokers are called one: another process has this name, on host")
    recovers(shop, True)


@in_full
def test_a_name_whose_broker_is_cut_off(new_shop, new_rival):
    """Its name is free after some seconds, and its writes are in its journal: nobody else goes on."""
    shop = new_shop()
    shop.broker.start()
    shop.places()
    shop.check()
    shop.wire.set("hole")
    time.sleep(6)
    refuses(new_rival(shop), "journal.ring: is missing")
    shop.wire.set("pass")
    recovers(shop, True)


def test_restored_to_yesterday(new_shop):
    """Noticed at the start; what is gone is counted, and nothing is written over it unasked."""
    shop = new_shop()
    shop.broker.start()
    shop.places()
    shop.check()
    shop.broker.stop()
    backup = shop.name + "_backup"
    shop.server.ask("CREATE DATABASE %s OWNER %s TEMPLATE %s" % (backup, shop.name, shop.name))
    shop.broker._start()
    shop.client = None
    yesterday, shop.accepted = shop.accepted, []
    shop.places(7)
    shop.check()
    shop.broker.stop()
    shop.server.drop(shop.name)
    shop.server.ask("ALTER DATABASE %s RENAME TO %s" % (backup, shop.name))
    mark, shop.client = shop.broker._log_size(), None
    try:
        shop.broker._start()
    except harness.StartError:
        pass
    shop.broker.wait_log("petstore: .*(older|restored|yesterday|gone|missing|behind)", mark)
    assert set(yesterday) <= {row[0] for row in shop.ask("SELECT id FROM orders")}


@in_full
def test_wrong_clock(clock, new_shop):
    """A broker whose clock is days off says so, and removes no rows for their age by it."""
    clock.set(-3)
    shop = new_shop()
    assert starts_or_says(shop, "clock")
    shop.places()
    shop.check()
    clock.set(0)
    shop.broker.wait_log("petstore: .*the clock is back|petstore: .*clock.*again")
    shop.places()
    shop.check()
