#!/usr/bin/python3
"""PostgreSQL servers for tests, in a temporary folder, on loopback, on free ports.

    postgres.py run COMMAND...    runs it with PETSTORE_POSTGRES, the conninfo of a server of its
                                  own, and ends the server afterwards. Where PETSTORE_POSTGRES is
                                  set already, or no server is installed, the command runs as it is.

As a module: with postgres.Servers() as servers: servers.start() makes one, servers.follow(first)
a standby of it. initdb runs once, what it made is copied. The servers are an unprivileged
user's: postgres' where we are root. They end when this process does, however it ends, and
their folder goes with them. `Wire` is a TCP proxy between a client and a server, with faults.
"""
import asyncio
import collections
import contextlib
import glob
import os
import pwd
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

USER = "petstore"
WAIT = 120.0
CLAIMS_MAX = 100  # ports that a process keeps for itself until something is bound there

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 32MB
max_wal_senders = 8
wal_keep_size = 256MB
hot_standby = on
wal_receiver_timeout = 5s
wal_sender_timeout = 5s
wal_retrieve_retry_interval = 200ms
log_line_prefix = '%m [%p] %a '
autovacuum_naptime = 10s
"""


def programs():
    """The folder of the newest server's programs, or None."""
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    found.sort(key=lambda path: int(re.search(r"/(\d+)/", path).group(1)))
    if found:
        return os.path.dirname(found[-1])
    path = shutil.which("postgres")
    return os.path.dirname(os.path.realpath(path)) if path else None


def lacking():
    """Why there can be no server here, or None."""
    if not programs():
        return "no PostgreSQL server is installed (Debian: postgresql)"
    if os.geteuid() == 0 and not _unprivileged():
        return "PostgreSQL does not run as root, and there is no user postgres or nobody"
    return None


def _unprivileged():
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    return None


def claim(port):
    """
    False: another process of tests has found @port to be free before, and binds it soon. The kernel
    keeps the names, and drops them with their process.
    """
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind("\0petstore-test-port-%d" % port)
    except OSError:
        held.close()
        return False
    claim.held.append(held)
    if len(claim.held) > CLAIMS_MAX:
        claim.held.popleft().close()
    return True


claim.held = collections.deque()


def free_port():
    """
    Not in the range that outgoing connections take theirs from, nor in that of the brokers. Several
    test runs look at once, and a server comes some time after its port was found: no order.
    """
    for _ in range(10000):
        port = random.SystemRandom().randrange(15000, 20000)
        if port in free_port.given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if not claim(port):
            continue
        free_port.given.add(port)
        return port
    raise OSError("no free port")


free_port.given = set()


def connect(conninfo, **options):
    """A connection of psycopg2's, which is loaded where it is needed only; each statement commits."""
    import psycopg2

    connection = psycopg2.connect(conninfo, connect_timeout=5, **options)
    connection.autocommit = True
    return connection


def ask(conninfo, sql, *values):
    """Rows, as tuples."""
    with contextlib.closing(connect(conninfo)) as connection, connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall() if cursor.description else []


class Servers:
    """Those of one test run; the first call of start() runs initdb. To be closed."""

    def __init__(self):
        reason = lacking()
        if reason:
            raise OSError(reason)
        self.programs = programs()
        self.owner = _unprivileged() if os.geteuid() == 0 else None
        self.folder = tempfile.mkdtemp(prefix="petstore-postgres-")
        if self.owner:
            os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        self.servers = []
        self.count = 0
        # Ends the servers when our end of its input is closed, whatever ended us.
        self.keeper = subprocess.Popen([sys.executable, os.path.abspath(__file__), "keep",
                                        self.folder], stdin=subprocess.PIPE, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.keeper.stdin.close()
        self.keeper.wait(60)
        for server in self.servers:
            server.reap()

    def program(self, name, *arguments):
        """Runs one of the server's programs to its end."""
        done = subprocess.run([os.path.join(self.programs, name), *arguments], cwd=self.folder,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, **self.identity())
        if done.returncode:
            raise OSError(f"{name}: {done.stdout}")

    def identity(self):
        """What makes a process the unprivileged user's."""
        if not self.owner:
            return {}
        return {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []}

    def _new_folder(self):
        self.count += 1
        return os.path.join(self.folder, f"server{self.count}")

    def _template(self):
        made = os.path.join(self.folder, "initial")
        if not os.path.isdir(made):
            self.program("initdb", "-D", made, "-U", USER, "-A", "trust", "-E", "UTF8",
                         "--locale=C.UTF-8", "--no-sync", "--no-instructions")
            with open(os.path.join(made, "pg_hba.conf"), "w", encoding="ascii") as file:
                file.write("host all petstore 127.0.0.1/32 trust\n"
                           "host replication petstore 127.0.0.1/32 trust\n"
                           "host all all 127.0.0.1/32 scram-sha-256\n")
        return made

    def start(self, is_synced=False, settings=""):
        """
        A new server that runs. @is_synced: with fsync, which measures need; a server that is
        killed keeps all without, only a machine that loses its power does not.
        """
        folder = self._new_folder()
        subprocess.run(["cp", "-a", "--reflink=auto", self._template(), folder], check=True)
        server = Server(self, folder, f"s{self.count}", is_synced, settings)
        self.servers.append(server)
        return server.start()

    def follow(self, primary):
        """A new standby of @primary, which streams from it."""
        server = Server(self, self._new_folder(), f"s{self.count}", primary.is_synced,
                        primary.settings)
        server.copy(primary)
        self.servers.append(server)
        return server.start()


class Server:
    """One server: a folder, a port, a process and its children."""

    def __init__(self, servers, folder, name, is_synced, settings):
        self.servers, self.folder, self.name = servers, folder, name
        self.is_synced, self.settings = is_synced, settings
        self.port = free_port()
        self.process = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def conninfo(self, database="postgres", user=USER, port=None):
        return f"host=127.0.0.1 port={port or self.port} user={user} dbname={database}"

    # ---- life ----

    def start(self):
        with open(self.path("postgresql.conf"), "a", encoding="ascii") as file:
            file.write(f"{SETTINGS}port = {self.port}\nfsync = {'on' if self.is_synced else 'off'}\n"
                       f"{self.settings}\n")
        self.spawn()
        return self.wait()

    def spawn(self):
        """Without waiting until it serves."""
        with open(self.folder + ".log", "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(self.servers.programs, "postgres"), "-D", self.folder],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.servers.folder,
                start_new_session=True, **self.servers.identity())
        return self

    def wait(self, seconds=WAIT):
        """Until it answers."""
        deadline = time.monotonic() + seconds
        while not self.serves():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise OSError(f"PostgreSQL does not start:\n{self.log()[-2000:]}")
            time.sleep(0.02)
        return self

    def serves(self):
        """postmaster.pid says it, in its last line (pidfile.h), of this process."""
        try:
            with open(self.path("postmaster.pid"), encoding="ascii") as file:
                lines = file.read().split("\n")
        except OSError:
            return False
        return lines[0] == str(self.process.pid) and len(lines) > 7 and \
            lines[7].strip() in ("ready", "standby")

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        with open(self.folder + ".log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        """In good order: sessions end, all is written."""
        if self.is_alive():
            self.process.send_signal(signal.SIGINT)
            self.process.wait(WAIT)
        self.process = None

    def kill(self):
        """kill -9 of the server's process and of each of its children, as if the machine were gone."""
        if self.is_alive():
            pids = [self.process.pid, *children(self.process.pid)]
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait(WAIT)
            deadline = time.monotonic() + WAIT
            while any(map(_runs, pids[1:])) and time.monotonic() < deadline:
                time.sleep(0.005)
        self.process = None

    def pause(self):
        """All of its processes stand still: connections live, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        for pid in [self.process.pid, *children(self.process.pid)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def restart(self):
        """Again, in the same folder and on the same port."""
        self.stop()
        return self.spawn().wait()

    def reap(self):
        if self.process is not None:
            self.process.wait(WAIT)

    # ---- databases ----

    def ask(self, sql, *values, database="postgres"):
        return ask(self.conninfo(database), sql, *values)

    def create(self, name, template="template0"):
        """A new database; its conninfo."""
        self.ask(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.conninfo(name)

    def drop(self, name):
        self.ask(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def set(self, **settings):
        """Settings that a reload takes up, until they are set again."""
        with contextlib.closing(connect(self.conninfo())) as connection, \
                connection.cursor() as cursor:
            for name, value in settings.items():
                cursor.execute(f"ALTER SYSTEM SET {name} = %s", (value,))
            cursor.execute("SELECT pg_reload_conf()")

    # ---- standbys ----

    def copy(self, primary):
        """Fills the folder with what @primary has, so that the server is its standby."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.servers.program("pg_basebackup", "-D", self.folder, "-d", primary.conninfo(), "-R",
                             "-c", "fast", "-X", "stream", "--no-sync")
        # ALTER SYSTEM's settings are the primary's own.
        with open(self.path("postgresql.auto.conf"), "w", encoding="ascii") as file:
            file.write("primary_conninfo = '%s application_name=%s'\n"
                       % (primary.conninfo("replication"), self.name))

    def keep_with(self, *standbys):
        """
        A commit waits until one of @standbys has it on its disk; without any, it waits for none.
        """
        names = ", ".join(standby.name for standby in standbys)
        self.set(synchronous_standby_names=f"ANY 1 ({names})" if standbys else "")
        self.wait_for(lambda: not standbys or self.ask(
            "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'quorum'"))

    def follow_now(self, primary):
        """A standby that runs follows another primary from now on."""
        self.set(primary_conninfo=f"{primary.conninfo('replication')} application_name={self.name}")

    def received(self):
        """How far a standby is, in bytes of the log."""
        return int(self.ask("SELECT pg_wal_lsn_diff(COALESCE(pg_last_wal_receive_lsn(), "
                            "pg_last_wal_replay_lsn()), '0/0')")[0][0])

    def promote(self):
        """A standby becomes a primary; returns when it takes writes."""
        self.ask("SELECT pg_promote(false)")
        self.wait_for(lambda: not self.ask("SELECT pg_is_in_recovery()")[0][0])
        return self

    def wait_for(self, condition, seconds=WAIT):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise OSError(f"waited in vain for PostgreSQL:\n{self.log()[-2000:]}")
            time.sleep(0.005)


def children(pid):
    """Those of @pid; a server's have none of their own."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _runs(pid):
    """Zombies of a dead parent are gone as soon as somebody waits for them."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def keep(folder):
    """Waits for the end of its input, then ends the servers in @folder and removes it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    pids = []
    for path in glob.glob(os.path.join(folder, "*", "postmaster.pid")):
        with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as file:
            pid = int(file.readline())
            if os.readlink(f"/proc/{pid}/exe").endswith("/postgres"):
                pids += [pid, *children(pid)]
    for number in (signal.SIGCONT, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
    while any(map(_runs, pids)):
        time.sleep(0.01)
    shutil.rmtree(folder, ignore_errors=True)


# ---- the network ------------------------------------------------------------------------


class Wire:
    """
    A TCP proxy on a port of its own to @port. Its mode may change at any time:

        "pass"    what comes is passed on, after `delay` seconds
        "drop"    what comes back is thrown away: what was asked for happens, unheard
        "hole"    nothing passes; it waits, and passes when the hole ends
        "cut"     connections are reset, new ones too

    A connection that lost bytes is reset when its mode ends. All runs in a thread of its own.
    """

    def __init__(self, port):
        self.target, self.mode, self.delay = port, "pass", 0.0
        self.pairs = set()
        self.loop = asyncio.new_event_loop()
        self.listener = socket.create_server(("127.0.0.1", free_port()), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.opened = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def set(self, mode, delay=0.0):
        """The mode holds for all connections when this returns."""
        self._call(self._set, mode, delay)

    def redirect(self, port):
        """New connections go to @port; those that are there are reset."""
        self._call(self._redirect, port)

    def close(self):
        with contextlib.suppress(RuntimeError):
            self._call(self._cut, False)
            self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.listener.close()

    def _call(self, function, *arguments):
        done = threading.Event()

        def run():
            try:
                function(*arguments)
            finally:
                done.set()

        self.loop.call_soon_threadsafe(run)
        done.wait(5)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.opened = asyncio.Event()
        self.opened.set()
        self.loop.run_until_complete(asyncio.start_server(self._serve, sock=self.listener))
        self.loop.run_forever()

    def _set(self, mode, delay):
        was, self.mode, self.delay = self.mode, mode, delay
        if mode == "hole":
            self.opened.clear()
        else:
            self.opened.set()
        if mode == "cut" or was == "drop":
            self._cut(was == "drop" and mode != "cut")

    def _redirect(self, port):
        self.target = port
        self._cut(False)

    def _cut(self, only_lossy):
        for pair in list(self.pairs):
            if pair.is_lossy or not only_lossy:
                pair.reset()

    async def _serve(self, reader, writer):
        pair = _Pair(writer)
        self.pairs.add(pair)
        try:
            await self.opened.wait()
            if self.mode == "cut":
                return
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            pair.writers.append(back)
            await asyncio.wait([self.loop.create_task(self._pump(reader, back, pair, False)),
                                self.loop.create_task(self._pump(there, writer, pair, True))],
                               return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass
        finally:
            self.pairs.discard(pair)
            pair.reset()

    async def _pump(self, reader, writer, pair, is_back):
        """One direction, to its end."""
        due = 0.0
        with contextlib.suppress(OSError):
            while True:
                data = await reader.read(65536)
                await self.opened.wait()
                if not data:
                    return
                if self.mode == "drop" and is_back:
                    pair.is_lossy = True
                elif self.delay or due > self.loop.time():
                    due = max(due, self.loop.time() + self.delay)
                    self.loop.call_at(due, writer.write, data)
                else:
                    writer.write(data)
                    await writer.drain()


class _Pair:
    """The two ends of one connection through a proxy."""

    def __init__(self, writer):
        self.writers, self.is_lossy = [writer], False

    def reset(self):
        """At once, with RST: what a machine says that knows of no such connection."""
        for writer in self.writers:
            with contextlib.suppress(OSError, AttributeError):
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


# ---- the command ------------------------------------------------------------------------


def run(command):
    """Its status."""
    if os.environ.get("PETSTORE_POSTGRES"):
        return subprocess.call(command)
    reason = lacking()
    if reason:
        print(f"postgres: what needs a server is skipped: {reason}", flush=True)
        return subprocess.call(command)
    with Servers() as servers:
        conninfo = servers.start().conninfo()
        with contextlib.suppress(KeyboardInterrupt):
            return subprocess.call(command, env=dict(os.environ, PETSTORE_POSTGRES=conninfo))
    return 130


def main(arguments):
    if arguments[:1] == ["keep"] and len(arguments) == 2:
        return keep(arguments[1])
    if arguments[:1] == ["run"] and len(arguments) > 1:
        return run(arguments[1:])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
