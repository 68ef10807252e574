"""
docker/postgres/server.sh, the entry point of both PostgreSQL servers of compose.cluster.yaml: they
find out which one is the primary, and the one that was killed follows the one that was promoted.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

import pytest

import engines
import harness
import postgres

pytestmark = engines.needs_postgres()

SCRIPTS = os.path.join(harness.TOP, "docker", "postgres")
HOSTS = {"one": "127.0.0.2", "two": "127.0.0.3"}
PASSWORD = "secret"

# What PostgreSQL's image has under this name, as far as it matters here.
ENTRY_POINT = """#!/bin/bash
set -euo pipefail
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb -D "$PGDATA" -U "$POSTGRES_USER" -A scram-sha-256 --pwfile=<(echo "$POSTGRES_PASSWORD") >/dev/null
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    pg_ctl -s -w -D "$PGDATA" -o "-c listen_addresses=127.0.0.4 -c unix_socket_directories=''" start
    PGHOST=127.0.0.4 bash "$ROLES"
    pg_ctl -s -w -D "$PGDATA" -m fast stop
fi
exec "$@"
"""


class Pair:
    def __init__(self, folder):
        self.folder = folder
        self.port = postgres.free_port()
        self.processes = {}
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        entry = os.path.join(folder, "docker-entrypoint.sh")
        with open(entry, "w") as file:
            file.write(ENTRY_POINT)
        for name in ("server.sh", "roles.sh"):
            shutil.copy(os.path.join(SCRIPTS, name), folder)
        for name in ("", "docker-entrypoint.sh", "server.sh", "roles.sh"):
            os.chmod(os.path.join(folder, name), 0o755)
        if self.user:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)

    def data(self, name):
        return os.path.join(self.folder, name)

    def start(self, name):
        other = {"one": "two", "two": "one"}[name]
        environment = dict(
            os.environ, PATH=":".join((self.folder, postgres.programs(), os.environ["PATH"])),
            PGDATA=self.data(name), PGHOST=HOSTS[name], PGPORT=str(self.port), OTHER=HOSTS[other],
            BEGINS="1" if name == "one" else "", POSTGRES_USER="operator", LC_ALL="C",
            POSTGRES_PASSWORD=PASSWORD, ROLES=os.path.join(self.folder, "roles.sh"))
        who = {"user": self.user.pw_uid, "group": self.user.pw_gid,
               "extra_groups": []} if self.user else {}
        with open(self.data(name) + ".log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                [os.path.join(self.folder, "server.sh"), "-c", "listen_addresses=" + HOSTS[name],
                 "-c", "unix_socket_directories="], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, env=environment, start_new_session=True, **who)

    def kill(self, name):
        """As an engine does it: all of the container."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)

    def promote(self, name):
        command = [os.path.join(postgres.programs(), "pg_ctl"), "-s", "promote", "-D", self.data(name)]
        if self.user:
            command = ["setpriv", "--reuid=%d" % self.user.pw_uid, "--regid=%d" % self.user.pw_gid,
                       "--clear-groups", *command]
        subprocess.run(command, check=True, cwd=self.folder)

    def ask(self, name, sql, user="operator"):
        return postgres.ask("host=%s port=%d user=%s password=%s dbname=postgres" % (
            HOSTS[name], self.port, user, PASSWORD), sql)

    def is_so(self, name, sql):
        import psycopg2

        with contextlib.suppress(psycopg2.OperationalError):
            return self.ask(name, sql)[0][0]
        return False

    def wait(self, name, sql):
        def holds():
            with open(self.data(name) + ".log") as file:
                text = file.read()
            assert name not in self.processes or self.processes[name].poll() is None, text
            return self.is_so(name, sql)

        harness.until(holds, "%s: %s" % (name, sql), 240)

    def wait_for_both(self, primary, standby):
        """A commit of the primary waits for the standby."""
        self.wait(standby, "SELECT pg_is_in_recovery()")
        self.wait(primary, "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'quorum'")

    def close(self):
        for name in list(self.processes):
            self.kill(name)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def pair():
    # Where the user postgres may enter, which pytest's folders are not.
    made = Pair(tempfile.mkdtemp(prefix="petstore-pair-", dir="/var/tmp"))
    try:
        yield made
    finally:
        for name in HOSTS:
            with contextlib.suppress(OSError), open(made.data(name) + ".log") as file:
                print(name, file.read()[-4000:])
        made.close()


def test_the_killed_one_follows_the_promoted_one(pair):
    pair.start("two")  # it waits for the other one
    pair.start("one")
    pair.wait_for_both("one", "two")
    assert pair.ask("one", "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding) "
                           "FROM pg_database WHERE datname = 'petstore'") == [("petstore", "UTF8")]
    pair.ask("one", "CREATE TABLE kept AS SELECT 1 AS step")
    for primary, standby, step in (("one", "two", 2), ("two", "one", 3)):
        pair.kill(primary)
        pair.promote(standby)
        pair.wait(standby, "SELECT NOT pg_is_in_recovery()")
        # It waits for nobody.
        pair.ask(standby, "INSERT INTO kept VALUES (%d)" % step)
        pair.start(primary)
        pair.wait_for_both(standby, primary)
        assert pair.ask(primary, "SELECT array_agg(step ORDER BY step) FROM kept") == [
            (list(range(1, step + 1)),)]
        assert os.path.exists(pair.data(primary) + ".before")


def test_both_were_primaries_and_do_not_see_each_other(pair):
    """The one that was promoted last stays; the other one ends, and follows when it is started again."""
    pair.start("one")
    pair.start("two")
    pair.wait_for_both("one", "two")
    pair.kill("one")
    pair.promote("two")
    pair.wait("two", "SELECT NOT pg_is_in_recovery()")
    pair.ask("two", "CREATE TABLE kept AS SELECT 1 AS step")
    pair.kill("two")
    pair.start("one")
    pair.wait("one", "SELECT NOT pg_is_in_recovery()")
    pair.start("two")
    pair.wait("two", "SELECT NOT pg_is_in_recovery()")
    assert pair.processes["one"].wait(240) is not None
    pair.start("one")
    pair.wait_for_both("two", "one")
    assert pair.ask("one", "SELECT step FROM kept") == [(1,)]


def test_a_lost_disk_is_no_new_database(pair):
    """The one that makes the database waits where the standby has one, until that is promoted."""
    pair.start("one")
    pair.start("two")
    pair.wait_for_both("one", "two")
    pair.kill("one")
    shutil.rmtree(pair.data("one"))
    pair.start("one")
    pair.promote("two")
    pair.wait_for_both("two", "one")
