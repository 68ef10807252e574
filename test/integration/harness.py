"""A real mosquitto with the plugin, made as `make run` makes it, on ports of its own."""

import contextlib
import filecmp
import functools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import weakref

import engines
import messages
import paho_shim
import postgres
import rawmqtt

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("B", os.path.join(TOP, "build"))
PLUGIN = os.environ.get("PLUGIN", os.path.join(BUILD, "mosquitto_petstore.so"))
PRELOAD = os.environ.get("BROKER_PRELOAD")  # libasan, where the plugin needs it
CONTRACT = "petstore.asyncapi.json"
ACCESS = os.path.join(TOP, "docker", "access.json")  # as it is shipped
WAIT = rawmqtt.WAIT
VERSION = [int(number) for number in re.search(r"version (\d+)\.(\d+)\.(\d+)", subprocess.run(
    ["mosquitto", "-h"], text=True, stdout=subprocess.PIPE, check=False).stdout).groups()]
IS_2_1 = VERSION >= [2, 1]
# Of a message that comes too soon 2.0 has to say that it is not authorized.
QUOTA_EXCEEDED = 0x97 if IS_2_1 else 0x87


class StartError(Exception):
    """The broker ended instead of serving; `log` is what it said."""

    def __init__(self, log, status):
        super().__init__("mosquitto ended with %s:\n%s" % (status, log))
        self.log = log
        self.status = status


def until(condition, what, wait=WAIT):
    """Asks until the answer is true, and returns it."""
    deadline = time.monotonic() + wait
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, "waited in vain for %s" % what
        time.sleep(0.02)


def can_wait():
    """Can a login be answered later? Not by 2.0, and up to 2.1.2 not without harm."""
    return VERSION > [2, 1, 2]


class Shell:
    """
    Shell commands, with a line's worth of buffering and a time limit: whatever they started
    ends with them.
    """

    def __init__(self, script, wait=300, **options):
        self.process = subprocess.Popen(["stdbuf", "-oL", "bash", "-c", script], text=True,
                                        start_new_session=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, **options)
        self.timer = threading.Timer(wait, self.kill)
        self.timer.daemon = True
        self.timer.start()

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def line(self):
        return self.process.stdout.readline()

    def line_with(self, text):
        """Reads up to the first line that contains @text."""
        seen = ""
        for line in self.process.stdout:
            seen += line
            if text in line:
                return line
        raise AssertionError("no %r in:\n%s" % (text, seen))

    def finish(self):
        """(exit status, the rest of the output)"""
        rest = self.process.stdout.read()
        status = self.process.wait()
        self.timer.cancel()
        return status, rest


def broker_environment(preload=None, **more):
    """With libasan in front, where the plugin was built for it, and @preload behind it."""
    libraries = " ".join(filter(None, (PRELOAD, preload)))
    if libraries:
        more["LD_PRELOAD"] = libraries
    if PRELOAD:
        more.update(ASAN_OPTIONS="detect_leaks=0", UBSAN_OPTIONS="print_stacktrace=1")
    return dict(os.environ, **more)


def free_ports(count):
    """Below the range that outgoing connections take theirs from."""
    ports = []
    while len(ports) < count:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
        if postgres.claim(port):
            ports.append(port)
    return ports


def prepare(folder, **settings):
    """What `make run` makes, without the broker. @settings: demo.sh's variables."""
    # Few rounds, so that no test waits for a check or uses up what checks may take.
    environment = dict(os.environ, RUN_DIR=str(folder), PLUGIN=PLUGIN, PASSWORD_ROUNDS="101")
    environment.update({name: str(value) for name, value in settings.items()})
    done = subprocess.run([os.path.join(TOP, "scripts", "demo.sh"), "prepare"], text=True,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


class Template:
    """A prepared folder, whose copies need no certificates and no accounts made."""

    def __init__(self, folder):
        self.folder = folder
        self.files = {name: self._look(os.path.join(folder, name)) for name in (
            "ca.crt", "ca.key", "ca.crl", "server.crt", "server.key", "server.names", "clients",
            "credentials", "passwords", "extra.conf")}
        with open(os.path.join(folder, "mosquitto.conf"), encoding="utf-8") as file:
            self.text = file.read()
        self.contract = re.search(r"(?m)^plugin_opt_contract (.*)", self.text).group(1)

    @staticmethod
    def _look(path):
        """None where it is not there."""
        with contextlib.suppress(OSError):
            if os.path.isdir(path):
                return {name: Template._look(os.path.join(path, name)) for name in os.listdir(path)}
            status = os.stat(path)
            return status.st_size, status.st_mtime_ns
        return None

    def is_copied(self, folder):
        """Is all that demo.sh looks at as it was here?"""
        return all(self._look(os.path.join(folder, name)) == there
                   for name, there in self.files.items())

    def configuration(self, folder, contract, tls, wss, mtls, plain):
        """What demo.sh makes of such a copy, which takes it some time."""
        text = self.text.replace("plugin_opt_contract " + self.contract,
                                 "plugin_opt_contract " + contract).replace(self.folder, folder)
        for usual, port in ((8883, tls), (8084, wss), (8884, mtls), (1883, plain)):
            assert text.count("\nlistener %d" % usual) == 1
            text = text.replace("\nlistener %d" % usual, "\nlistener :%d" % port)
        return text.replace("\nlistener :", "\nlistener ")


template_at = functools.lru_cache(maxsize=None)(Template)


def unbound(text):
    """The shipped access file with client ids that belong to nobody, and collars for any pet."""
    for line, loose in (('  "clientIds": ["{name}", "{name}/*"],\n', ""),
                        ('"scopes": ["write:pets:own", ', '"scopes": ["write:pets", ')):
        assert text.count(line) == 1
        text = text.replace(line, loose)
    return text


class Broker:
    """
    @folder is the broker's own and need not exist; @template, a prepared folder, spares
    making certificates again. @contract and @access stand in for the shipped ones; without
    @access it is the shipped file, but for what binds client ids and collars: ACCESS is the
    whole of it.
    """

    def __init__(self, folder, template=None, contract=None, access=None):
        self.folder = str(folder)
        self.template = template and template_at(str(template))
        if template:
            shutil.copytree(template, self.folder, dirs_exist_ok=True)
        source = os.path.dirname(contract) if contract else os.path.join(TOP, "schemas")
        self.schemas = os.path.join(self.folder, "schemas")
        shutil.copytree(source, self.schemas, dirs_exist_ok=True)
        name = os.path.basename(contract) if contract else CONTRACT
        self.contract = os.path.join(self.schemas, name)
        self.settings = {"CONTRACT": self.contract}
        self.is_bound = access == ACCESS
        self.settings["ACCESS"] = access or self._unbound_access()
        self._take_access()
        self.database = engines.database_of(self.folder)
        weakref.finalize(self, self.database.drop).atexit = False
        self.process = None
        self.edits = []  # functions from configuration text to configuration text
        self.environment = {}  # arguments of broker_environment()

    def path(self, name):
        return os.path.join(self.folder, name)

    def _take_access(self):
        for name in ("access.json", ".access.shipped"):
            shutil.copy(self.settings["ACCESS"], self.path(name))

    def _unbound_access(self):
        with open(ACCESS) as file:
            text = unbound(file.read())
        with open(self.path("access.unbound.json"), "w") as file:
            file.write(text)
        return file.name

    def without_power(self):
        """
        No payment of the shipped contract is synced before it is acknowledged: else each is refused,
        and its client closed, while the disk is slow (docs/faults.md), which many syncs beside each
        other make it.
        """
        with open(self.contract) as file:
            text = file.read()
        power = '      "x-durability": "power",\n'
        assert power in text
        with open(self.contract, "w") as file:
            file.write(text.replace(power, ""))

    # ---- life ----

    def configure(self):
        self.tls, self.wss, self.mtls, self.plain = free_ports(4)
        text = self._prepared()
        # Files of a test run are kept for a while, and all of a journal is allocated.
        text = text.replace("#plugin_opt_journal_max 268435456", "plugin_opt_journal_max 33554432")
        text = self.database.configure(text)
        for edit in self.edits:
            text = edit(text)
        with open(self.path("mosquitto.conf"), "w") as file:
            file.write(text)

    def _prepared(self):
        """The configuration that demo.sh makes, by it or as it would."""
        if self.template and set(self.settings) == {"CONTRACT", "ACCESS"} and \
                self.settings["ACCESS"].endswith(".json") and self.template.is_copied(self.folder):
            if filecmp.cmp(self.path("access.json"), self.path(".access.shipped"), shallow=False):
                self._take_access()
            return self.template.configuration(self.folder, self.settings["CONTRACT"], self.tls,
                                               self.wss, self.mtls, self.plain)
        prepare(self.folder, TLS_PORT=self.tls, WSS_PORT=self.wss, MTLS_PORT=self.mtls,
                PLAIN_PORT=self.plain, **self.settings)
        with open(self.path("mosquitto.conf")) as file:
            return file.read()

    def start(self):
        for _ in range(5):
            self.configure()
            try:
                return self._start()
            except StartError as error:
                # 2.0 says the latter of a websocket's.
                if not re.search("Address already in use|Unable to create websockets listener",
                                 error.log):
                    raise
        raise AssertionError("no free ports")

    def _start(self):
        before = self.mark()
        self.spawn()

        def is_up():
            if self.process.poll() is not None:
                raise StartError(self.log(before), self.process.returncode)
            return re.search(r"mosquitto version \S+ running", self.log(before))

        until(is_up, "the broker to start", 120)
        return self

    def spawn(self):
        """Without waiting until it is up."""
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(["mosquitto", "-c", self.path("mosquitto.conf")],
                                            stdout=log, stderr=log, cwd=self.folder,
                                            env=broker_environment(**self.environment))

    def assert_alive(self):
        assert self.process.poll() is None, "the broker died:\n" + self.log()[-4000:]

    def stop(self):
        """As the service manager does it. The exit status."""
        return self._end(signal.SIGTERM)

    def kill(self):
        return self._end(signal.SIGKILL)

    def _end(self, number):
        if self.process is None:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(number)
        try:
            status = process.wait(15)
        except subprocess.TimeoutExpired:
            # Mosquitto says that it runs, and only then sets the word that its handler clears: a
            # signal that comes between is forgotten.
            process.send_signal(number)
            status = process.wait(WAIT)
        fault = re.search(r".*(?:Sanitizer|runtime error): .*", self.log())
        assert not fault, fault.group()
        return status

    def restart(self):
        """Again, on the same ports."""
        self.stop()
        return self._start()

    def reload(self):
        """SIGHUP; returns what the broker said meanwhile."""
        before = self.mark()
        self.process.send_signal(signal.SIGHUP)
        self.wait_log("Reloading config", before)
        # The reload is over before the next connection is served.
        rawmqtt.open_stream("tcp", self.plain).close()
        self.client("backoffice").disconnect()
        return self.log(before)

    # ---- the log ----

    def mark(self):
        """
        Where the log ends now. Waits where the plugin might hold back lines about refusals to come:
        it logs 50 a second, half of them at most of one account or of strangers, and 6 where they
        wanted more in the second before.
        """
        until(lambda: self._refused_lately() < 12, "the log to calm down")
        return self._log_size()

    def _log_size(self):
        try:
            return os.path.getsize(self.path("log"))
        except OSError:
            return 0

    def _refused_lately(self):
        now = time.time()
        lately = [time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now - back))
                  for back in (-1, 0, 1, 2)]
        log = self.log(max(self._log_size() - 20000, 0))
        return len(re.findall("(?:%s): petstore: refused" % "|".join(lately), log))

    def log(self, since=0):
        try:
            with open(self.path("log"), "rb") as file:
                file.seek(since)
                return file.read().decode("utf-8", "backslashreplace")
        except OSError:
            return ""

    def wait_log(self, pattern, since=0):
        return until(lambda: re.search(pattern, self.log(since)), "the log line %r" % pattern)

    def refusals(self, since=0):
        """[(topic, user, client, reason)] of the refused publishes on the log."""
        return re.findall(
            r"petstore: refused publish (\S+) by (\S+) \(client ([^)]*)\): ([a-z-]+): .",
            self.log(since))

    # ---- clients ----

    def password(self, user):
        with open(self.path("credentials")) as file:
            return dict(line.split() for line in file)[user]

    @property
    def authority(self):
        return self.path("ca.crt")

    def port(self, transport):
        return {"tcp": self.plain, "tls": self.tls, "wss": self.wss,
                "mtls": self.mtls}[transport]

    def _client_id(self, user):
        """One that nobody else uses; where the access file binds ids, one that fits."""
        return messages.unique(user + "/client" if self.is_bound else user)

    def client(self, user, version=5, transport="tcp", client_id=None, **options):
        """
        A raw client, logged in; again where a busy machine has spent on other passwords' checks
        the time that there is for them in a second.
        """
        name = client_id or self._client_id(user)

        def come():
            before = self._log_size()
            client = self.try_client(user, self.password(user), version, transport, name, **options)
            is_busy = client.code != 0 and "too many passwords to check at once" in self.log(before)
            return None if is_busy else client

        client = until(come, "time for a password's check")
        assert client.code == 0, "CONNACK 0x%02x for %s" % (client.code, user)
        return client

    def try_client(self, user, password, version=5, transport="tcp", client_id="",
                   certificate=None, source=None, **options):
        """
        A raw client with whatever code CONNACK has. @certificate: (file, key file). @source: the
        address that it comes from.
        """
        stream = rawmqtt.open_stream(transport, self.port(transport), self.authority, certificate,
                                     source)
        return rawmqtt.RawClient(stream, version, client_id, user, password, **options)

    def paho(self, user, client_id=None, **options):
        """A paho client with credentials and TLS set; not connected yet."""
        client = paho_shim.new(client_id or self._client_id(user), **options)
        client.username_pw_set(user, self.password(user))
        return paho_shim.tls(client, self.authority)

    def barrier(self, subscriber):
        """
        What @subscriber got of all that was published until now: sends a message that it
        may read, and returns what came before it, notices of refusals left out.
        @subscriber must have subscribed to inventory/# or more.
        """
        topic, payload = messages.stock(messages.unique("barrier"))
        publisher = self.client("backoffice")
        publisher.publish(topic, payload, qos=1)
        publisher.disconnect()
        return [each for each in subscriber.until(topic)
                if not each.topic.startswith("refusals/")]

    # ---- the database ----

    def rows(self, sql, *values):
        return self.database.rows(sql, *values)

    def wait_rows(self, expected, sql, *values):
        """The rows come in a moment after the acknowledgement."""
        found = []

        def are_there():
            found[:] = self.rows(sql, *values)
            return found == expected

        try:
            until(are_there, "rows")
        except AssertionError:
            assert found == expected


@contextlib.contextmanager
def running(broker):
    """Starts it; it must live until the end, and is stopped there."""
    try:
        broker.start()
        yield
        broker.assert_alive()
    finally:
        broker.stop()
