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

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import postgres

NAME = os.environ.get("DATABASE") or "sqlite"
assert NAME in ("sqlite", "postgresql"), "DATABASE is sqlite or postgresql"
IS_SQLITE = NAME == "sqlite"
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


class Busy(Exception):
    """The database can't be locked: another one has it."""


class Sqlite:
    """@path: the file, in the broker's folder."""

    def __init__(self, path):
        self.path = self.place = path

    def configure(self, text):
        """The broker's configuration, with this database in it."""
        return text

    def rows(self, sql, *values):
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % self.path, uri=True)) as file:
            return file.execute(sql, values).fetchall()

    def change(self, sql, *values):
        """By another program."""
        with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as file:
            file.execute(sql, values)
            file.commit()

    @contextlib.contextmanager
    def locked(self):
        """By another program: it can be read, and not written."""
        with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as file:
            try:
                file.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as problem:
                raise Busy(str(problem)) from problem
            yield

    @contextlib.contextmanager
    def read(self, sql):
        """A transaction that has read this, and stays open."""
        with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % self.path, uri=True)) as file:
            file.execute("BEGIN")
            file.execute(sql).fetchall()
            yield

    def is_sound(self):
        """What the engine says about its own pages and indexes."""
        return self.rows("PRAGMA integrity_check") == [("ok",)]

    def drop(self):
        """The folder goes with the test."""


class Postgres:
    """
    A database of a server that is there. @journal: the journal's file; @broker: the broker's name
    in it; @place: its conninfo, else a new one is made where it is asked for.
    """

    def __init__(self, journal, broker="one", place=None):
        self.journal, self.broker = journal, broker
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
        return re.sub(r"(?m)^plugin_opt_database .*$",
                      lambda _: "plugin_opt_database %s\nplugin_opt_broker %s\nplugin_opt_journal %s"
                      % (self.place, self.broker, self.journal), text)

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
            with connection.cursor() as cursor:
                cursor.execute("SELECT table_name FROM information_schema.tables "
                               "WHERE table_schema = 'public' ORDER BY 1")
                tables = ", ".join('"%s"' % name for name, in cursor.fetchall())
                try:
                    cursor.execute("SET lock_timeout = '10s'; LOCK TABLE %s IN SHARE ROW EXCLUSIVE "
                                   "MODE" % tables)
                except Exception as problem:  # psycopg2's, which is not loaded for SQLite
                    raise Busy(str(problem)) from problem
            yield

    @contextlib.contextmanager
    def read(self, sql):
        """The same; it sees the database as it was then."""
        with contextlib.closing(postgres.connect(self.place)) as connection:
            connection.autocommit = False
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute(sql)
            yield

    def is_sound(self):
        """Of each index that is to be unique it is so, which its table tells."""
        return self.rows("SELECT count(*) FROM (SELECT origin, origin_seq FROM events "
                         "GROUP BY 1, 2 HAVING count(*) > 1) twice") == [(0,)]

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
    path = os.path.join(folder, "petstore.db")
    return Sqlite(path) if IS_SQLITE else Postgres(path + "-journal.ring")
