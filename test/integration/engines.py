"""
The database of a broker under test, on the engine that DATABASE names: sqlite (a file, as it is
without), or postgresql (a database of the broker's own, on a server of this run or the one of
PETSTORE_POSTGRES). Tests ask and disturb it by these functions only.
"""

import atexit
import contextlib
import functools
import itertools
import os
import re
import sqlite3
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import postgres

NAME = os.environ.get("DATABASE") or "sqlite"
assert NAME in ("sqlite", "postgresql"), "DATABASE is sqlite or postgresql"
IS_SQLITE = NAME == "sqlite"
# The column of a payload that is no text: of an event, and of a refusal.
EVENT_BYTES = "payload" if IS_SQLITE else "payload_bytes"
REFUSAL_BYTES = "payload" if IS_SQLITE else "payload_raw"
LOCK_SECONDS = 60  # that a broker may write on a busy machine before it leaves room
_numbers = itertools.count(1)


def sqlite_only(reason):
    """Marks a test, or a file's pytestmark, that is about the SQLite file and what it can do."""
    return pytest.mark.skipif(not IS_SQLITE, reason="SQLite's own: " + reason)


def needs_postgres():
    """Marks a test that has servers of its own, on whatever engine the others run."""
    reason = postgres.lacking()
    if not reason:
        try:
            import psycopg2  # noqa: F401: by postgres.ask()
        except ImportError:
            reason = "psycopg2 is not installed"
    return pytest.mark.skipif(bool(reason), reason=str(reason))


@functools.lru_cache(maxsize=1)
def shared_server():
    """The conninfo, without a database, of the server that all brokers of this run share."""
    given = os.environ.get("PETSTORE_POSTGRES")
    if given:
        return re.sub(r" ?dbname=\S+", "", given)
    servers = postgres.Servers()
    atexit.register(servers.close)
    return re.sub(r" ?dbname=\S+", "", servers.start().conninfo())


def _with_lines(text, lines):
    return re.sub(r"(?m)^plugin_opt_database .*$", lambda _: "\n".join(lines), text)


class Busy(Exception):
    """The database can't be locked: another one has it."""


class Sqlite:
    """@path: the file, in the broker's folder; `broker`: the broker's name, or None."""

    def __init__(self, path):
        self.path = self.place = path
        self.broker = None

    def configure(self, text):
        """The broker's configuration, with this database in it."""
        lines = ["plugin_opt_database " + self.path]
        lines += ["plugin_opt_broker " + self.broker] if self.broker else []
        return _with_lines(text, lines)

    def rows(self, sql, *values):
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % self.path, LOCK_SECONDS, uri=True)) as file:
            return file.execute(sql, values).fetchall()

    def change(self, sql, *values):
        """By another program."""
        with contextlib.closing(sqlite3.connect(self.path, timeout=LOCK_SECONDS)) as file:
            file.execute(sql, values)
            file.commit()

    @contextlib.contextmanager
    def locked(self):
        """By another program: it can be read, and not written."""
        with contextlib.closing(sqlite3.connect(self.path, timeout=LOCK_SECONDS)) as file:
            try:
                file.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as problem:
                raise Busy(str(problem)) from problem
            yield

    @contextlib.contextmanager
    def read(self, sql):
        """A transaction that has read this, and stays open."""
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % self.path, LOCK_SECONDS, uri=True)) as file:
            file.execute("BEGIN")
            file.execute(sql).fetchall()
            yield

    def numbers(self):
        """Of the events that came out of the journal: how many, and the last one's number."""
        return self.rows("SELECT count(*), coalesce(max(seq), 0) FROM events")[0]

    def is_sound(self):
        """What the engine says about its own pages and indexes."""
        return self.rows("PRAGMA integrity_check") == [("ok",)]

    def clear(self):
        """Nothing was ever stored; the broker is not there, nor are its files."""

    def drop(self):
        """The folder goes with the test."""


# Tests ask which answer there is, as with SQLite, and not how soon: what waits for the server may wait
# for as long as a busy machine takes.
PATIENT = ("plugin_opt_strict_ms 2000",)


class Postgres:
    """
    A database of a server that is there. @journal: the journal's file; @broker: the broker's name
    in it; @place: its conninfo, else a new one is made where it is asked for; @settings: lines of
    the broker's configuration.
    """

    def __init__(self, journal, broker="one", place=None, settings=()):
        self.journal, self.broker, self.settings = journal, broker, settings
        self._place, self._name, self._connection = place, None, None

    @property
    def place(self):
        if not self._place:
            self._name = "t%d_%d" % (os.getpid(), next(_numbers))
            postgres.ask(shared_server() + " dbname=postgres",
                         'CREATE DATABASE "%s" TEMPLATE template0' % self._name)
            self._place = "%s dbname=%s" % (shared_server(), self._name)
        return self._place

    def configure(self, text):
        lines = ["plugin_opt_database " + self.place, "plugin_opt_broker " + self.broker,
                 "plugin_opt_journal " + self.journal, *self.settings]
        return _with_lines(text, lines)

    def _cursor(self):
        if self._connection is None or self._connection.closed:
            self._connection = postgres.connect(self.place)
        return self._connection.cursor()

    def _run(self, sql, values):
        with self._cursor() as cursor:
            cursor.execute(postgres_sql(sql), values)
            rows = cursor.fetchall() if cursor.description else []
        return [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
                for row in rows]

    def rows(self, sql, *values):
        try:
            return self._run(sql, values)
        except Exception as problem:
            # The server was restarted, or another one has its place now.
            if self._connection is None or not self._connection.closed:
                raise problem
            return self._run(sql, values)

    change = rows

    @contextlib.contextmanager
    def locked(self):
        """The same: SHARE ROW EXCLUSIVE lets readers pass, and nobody who writes."""
        with contextlib.closing(postgres.connect(self.place)) as connection:
            connection.autocommit = False
            deadline = time.monotonic() + LOCK_SECONDS
            while not self._lock(connection, deadline):
                pass
            yield

    @staticmethod
    def _lock(connection, deadline):
        """False: it is to be tried again, for each waited for the other."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT table_name FROM information_schema.tables "
                           "WHERE table_schema = 'public' ORDER BY 1")
            tables = ", ".join('"%s"' % name for name, in cursor.fetchall())
            try:
                cursor.execute("SET lock_timeout = '%ds'; LOCK TABLE %s IN SHARE ROW EXCLUSIVE "
                               "MODE" % (LOCK_SECONDS, tables))
            except Exception as problem:  # psycopg2's, which is not loaded for SQLite
                is_deadlock = problem.pgcode == "40P01"
                if not is_deadlock or time.monotonic() > deadline:
                    raise Busy(str(problem)) from problem
                connection.rollback()
                return False
        return True

    @contextlib.contextmanager
    def read(self, sql):
        """The same; it sees the database as it was then."""
        with contextlib.closing(postgres.connect(self.place)) as connection:
            connection.autocommit = False
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute(sql)
            yield

    def numbers(self):
        """The same: those of strict steps count down from -1, and seq is of all brokers."""
        return self.rows("SELECT count(*), coalesce(max(origin_seq), 0) FROM events "
                         "WHERE origin_seq > 0")[0]

    def is_sound(self):
        """Of each index that is to be unique it is so, which its table tells."""
        return self.rows("SELECT count(*) FROM (SELECT origin, origin_seq FROM events "
                         "GROUP BY 1, 2 HAVING count(*) > 1) twice") == [(0,)]

    def clear(self):
        """The same."""
        name = self._name
        self.drop()
        postgres.ask(shared_server() + " dbname=postgres",
                     'CREATE DATABASE "%s" TEMPLATE template0' % name)

    def drop(self):
        if self._connection is not None:
            self._connection.close()
        if self._name:
            with contextlib.suppress(Exception):  # the server may be gone before
                postgres.ask(shared_server() + " dbname=postgres",
                             'DROP DATABASE IF EXISTS "%s" WITH (FORCE)' % self._name)


def postgres_sql(sql):
    """SQLite's placeholders, and the few words that tests use which SQLite has of its own."""
    sql = sql.replace("%", "%%").replace("?", "%s")
    sql = re.sub(r"CAST\(payload AS BLOB\)", "convert_to(payload, 'UTF8')", sql)
    sql = re.sub(r"json_extract\(payload, '\$\.(\w+)'\)", r"(payload::json ->> '\1')::int", sql)
    return re.sub(r"payload ->> '\$\.(\w+)'", r"payload::json ->> '\1'", sql)


def publishers_own(properties):
    """
    Of a delivered message's @properties those that its publisher gave: behind them brokers that
    share a database say who kept it, which 2.0 delivers to everybody.
    """
    return properties.split(b"\x26\x00\x0fpetstore-origin")[0]


def database_of(folder):
    """A new one for the broker in @folder."""
    return Sqlite(os.path.join(folder, "petstore.db")) if IS_SQLITE else postgres_of(folder)


def postgres_of(folder):
    """The same, on PostgreSQL."""
    return Postgres(os.path.join(folder, "petstore.db-journal.ring"),
                    settings=PATIENT)
