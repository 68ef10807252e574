"""
`make run-cluster`: brokers with one ledger, PostgreSQL with a standby, and HAProxy, which sends a
client to the same broker each time; what is killed is missed by nobody.
"""
import contextlib
import glob
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import urllib.request

import pytest

import harness
import messages
import rawmqtt

ACCEPTED = (0, 0x10)  # the latter: nobody has subscribed to it
PORTS = [1, 2, *range(11, 18), *range(21, 28)]  # behind the first one, of two brokers

pytestmark = pytest.mark.skipif(
    not (shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
         and glob.glob("/usr/lib/postgresql/*/bin/initdb")),
    reason="HAProxy or PostgreSQL's server is not installed")


def free_block():
    """The first of a hundred ports, of which those that are used are free."""
    while True:
        first = random.randrange(20000, 31900)
        try:
            for port in PORTS:
                with socket.socket() as probe:
                    probe.bind(("", first + port))
        except OSError:
            continue
        return first


def patient():
    """
    The shipped configuration, but for a busy machine: a broker that answers late is no dead one, whose
    clients go elsewhere. One that is dead refuses to be connected to, which HAProxy sees at once.
    """
    with open(os.path.join(harness.TOP, "docker", "haproxy.cfg"), encoding="utf-8") as file:
        text = file.read()
    for line, late in (("timeout connect 2s\n", "timeout connect 60s\n    timeout check 60s\n"),
                       ("inspect-delay 10s\n", "inspect-delay 60s\n")):
        assert text.count(line) == 1
        text = text.replace(line, late)
    return text


class Cluster:
    """`make run-cluster` in the background."""

    def __init__(self, folder, log):
        self.folder = folder
        self.log = log
        self.first = free_block()
        self.tls, self.wss, self.mtls = harness.free_ports(3)
        self.template = log + ".haproxy.cfg"
        with open(self.template, "w", encoding="utf-8") as file:
            file.write(patient())
        with open(log, "ab") as out:
            self.make = subprocess.Popen(
                ["make", "--no-print-directory", "run-cluster", "B=" + harness.BUILD, "BROKERS=2",
                 "CLUSTER_DIR=%s" % folder, "PORTS=%d" % self.first, "TLS_PORT=%d" % self.tls,
                 "WSS_PORT=%d" % self.wss, "MTLS_PORT=%d" % self.mtls],
                cwd=harness.TOP, stdout=out, stderr=out,
                env=dict({name: value for name, value in os.environ.items() if "MAKE" not in name},
                         PASSWORD_ROUNDS="101", HAPROXY_TEMPLATE=self.template))
        harness.until(lambda: "Ctrl-C stops" in self.text() or self.make.poll() is not None,
                      "the cluster", 300)
        assert self.make.poll() is None, self.text()

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_log(self, pattern, wait=harness.WAIT):
        return harness.until(lambda: re.search(pattern, self.text()), pattern, wait)

    def path(self, name):
        return os.path.join(self.folder, name)

    def port(self, broker):
        return self.first + {"broker-a": 11, "broker-b": 21}[broker]

    def pid(self, broker):
        with open(self.path(broker + "/mosquitto.pid")) as file:
            return int(file.read())

    def password(self, user):
        with open(self.path("credentials")) as file:
            return dict(line.split() for line in file)[user]

    def client(self, user, port, client_id, certificate=None, **options):
        """A raw client, logged in over TLS."""
        stream = rawmqtt.open_stream("mtls" if certificate else "tls", port, self.path("ca.crt"),
                                     certificate)
        client = rawmqtt.RawClient(stream, 5, client_id, user,
                                   self.password(user) if user else None, **options)
        assert client.code == 0, client.code
        return client

    def publish(self, message, *login, qos=1, **options):
        """
        Sends again until it is acknowledged, as clients do: nothing tells these brokers to wait longer
        for the database than they do, which a busy machine makes slow.
        """
        def is_accepted():
            with contextlib.suppress(OSError, rawmqtt.Closed, AssertionError):
                client = self.client(*login, **options)
                try:
                    return client.publish(*message, qos=qos) in ACCEPTED
                finally:
                    client.drop()
            return False

        harness.until(is_accepted, "%s to be accepted" % (message,), 120)

    def broker_of(self, client_id, times=1):
        """The names of the brokers that the client came to, and its address there, in order."""
        pattern = r"(broker-.)  \S+ New client connected from (\S+) as %s \(" % re.escape(client_id)

        def are_seen():
            found = re.findall(pattern, self.text())
            return len(found) >= times and found

        return harness.until(are_seen, "the log of " + client_id)

    def tool(self, *arguments):
        return subprocess.run([os.path.join(harness.BUILD, "petstorectl"), *arguments, "--config",
                               self.path("broker-b/mosquitto.conf")], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def pasted(self, program):
        """The printed commands that begin with @program."""
        return [line.strip() for line in self.text().splitlines()
                if line.strip().startswith(program)]

    def end(self, number=signal.SIGINT):
        """Ctrl-C reaches make and what it started."""
        if self.make.poll() is None:
            for child in children(self.make.pid):
                os.kill(child, number)
        return self.make.wait(120)


def children(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], text=True,
                           stdout=subprocess.PIPE).stdout.split()
    return [int(each) for each in found]


def processes(folder):
    """Those whose command line names the folder."""
    return [line for line in subprocess.run(["ps", "-eo", "args"], text=True,
                                            stdout=subprocess.PIPE).stdout.splitlines()
            if folder + "/" in line]


@pytest.fixture(scope="module")
def cluster():
    # Where the user postgres may enter, which pytest's folders are not.
    folder = "/var/tmp/petstore-cluster.%d" % os.getpid()
    log = folder + ".log"
    try:
        one = Cluster(folder, log)
        yield one
        one.end()
    finally:
        if os.path.exists(log):
            print(open(log).read()[-6000:])
            os.remove(log)
        with contextlib.suppress(OSError):
            os.remove(log + ".haproxy.cfg")
        shutil.rmtree(folder, ignore_errors=True)


def test_files_for_containers(tmp_path):
    """What compose.cluster.yaml's first service makes: lint and HAProxy find no fault in it."""
    folder = str(tmp_path / "config")
    subprocess.run([os.path.join(harness.TOP, "scripts", "cluster.sh"), "prepare"], check=True,
                   env=dict(os.environ, CLUSTER_DIR=folder, IN_CONTAINERS="1", PASSWORD_ROUNDS="101",
                            POSTGRES_HOSTS="postgres-one,postgres-two", POSTGRES_PASSWORD="secret",
                            PLUGIN=harness.PLUGIN))
    for name in ("broker-a", "broker-b", "broker-c"):
        done = subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "lint", "--config",
                               os.path.join(folder, name, "mosquitto.conf")], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert "0 errors" in done.stdout, done.stdout
        with open(os.path.join(folder, name, "mosquitto.conf")) as file:
            text = file.read()
        # At QoS 2 Mosquitto's bridge stands still after 20 messages that were refused over there.
        assert set(re.findall(r"^topic \S+ both (\d)", text, re.M)) <= {"1"}
        assert len(re.findall("^http_dir ", text, re.M)) == (name == "broker-a")
    with open(os.path.join(harness.TOP, "docker", "haproxy.cfg")) as file:
        text = re.sub(r"(server \S+) broker-.:", r"\1 127.0.0.1:", file.read())
    (tmp_path / "haproxy.cfg").write_text(text)
    subprocess.run(["haproxy", "-c", "-f", str(tmp_path / "haproxy.cfg")], check=True,
                   cwd=os.path.join(folder, "haproxy"),
                   env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))


def test_console(cluster):
    """The address that is printed shows it, and it knows each broker's websockets."""
    (address,) = re.findall(r"http://127\.0\.0\.1:\d+/", cluster.text())
    with urllib.request.urlopen(address, timeout=10) as answer, \
            open(os.path.join(harness.TOP, "web", "console.html"), "rb") as file:
        assert answer.read() == file.read()
    with urllib.request.urlopen(address + "brokers.json", timeout=10) as answer:
        listed = json.load(answer)["brokers"]
    brokers = {each["name"]: each["url"] for each in listed}
    assert len({each["mqtt"] for each in listed}) == len(listed) and all(each["ca"] for each in listed)
    assert sorted(brokers) == ["broker-a", "broker-b"]
    for name, url in brokers.items():
        stream = rawmqtt.WebsocketStream(("127.0.0.1", int(url.split(":")[2].strip("/"))), None)
        client = rawmqtt.RawClient(stream, 5, "backoffice/" + name, "backoffice",
                                   cluster.password("backoffice"))
        assert client.code == 0
        client.disconnect()


def test_client_id_decides(cluster):
    """Where HAProxy ends TLS: each client at the same broker each time, and they share them."""
    ids = ["orders-service/%d" % number for number in range(12)]
    for client_id in ids * 2:
        cluster.client("orders-service", cluster.tls, client_id).disconnect()
    seen = {client_id: [broker for broker, _ in cluster.broker_of(client_id, 2)]
            for client_id in ids}
    assert all(len(brokers) == 2 and len(set(brokers)) == 1 for brokers in seen.values()), seen
    assert len({brokers[0] for brokers in seen.values()}) == 2, seen


def test_address(cluster):
    """2.1 learns the client's address by the PROXY protocol; 2.0 sees HAProxy's."""
    client = cluster.client("orders-service", cluster.tls, "orders-service/address")
    mine = "127.0.0.1:%d" % client.stream.socket.getsockname()[1]
    ((_, address),) = cluster.broker_of("orders-service/address")
    assert (address == mine) == harness.IS_2_1, (address, mine)


def test_any_connect(cluster):
    """A client without an id, and one whose CONNECT is larger than HAProxy's usual buffer."""
    cluster.client("orders-service", cluster.tls, "")
    cluster.client("orders-service", cluster.tls, "orders-service/large",
                   will=("orders/large/status", b"x" * 60000, 1, False)).disconnect()


def test_source_address_decides(cluster):
    """Where TLS passes through, clients show their certificates to the broker."""
    certificate = (cluster.path("clients/collar-7.crt"), cluster.path("clients/collar-7.key"))
    for number in range(3):
        cluster.publish(messages.availability("collar-7"), None, cluster.mtls, "collar-7/%d" % number,
                        certificate)
    brokers = {cluster.broker_of("collar-7/%d" % number)[0][0] for number in range(3)}
    assert len(brokers) == 1


def test_one_broker_for_each(cluster):
    """What is published through HAProxy is read at each broker, once, and so is the ledger."""
    cluster.broker_of("broker-a")  # the bridge is there
    readers = [cluster.client("backoffice", cluster.port(broker), "backoffice/reader")
               for broker in ("broker-a", "broker-b")]
    for reader in readers:
        reader.subscribe("orders/#", "inventory/#")
    orders = [messages.unique("order") for _ in range(6)]
    for order in orders:
        cluster.publish(messages.order(order), "orders-service", cluster.tls, "orders-service/" + order)
    stock = messages.stock(messages.unique("last"))
    for broker in ("broker-a", "broker-b"):
        client = cluster.client("inventory-service", cluster.port(broker), "inventory-service/last")
        client.publish(*stock, qos=1)
        client.disconnect()
    for reader in readers:
        seen = [each.topic for each in reader.until(stock[0]) + reader.until(stock[0])]
        assert sorted(seen) == sorted("orders/%s/status" % order for order in orders)
        reader.disconnect()

    def are_there():
        shown = cluster.tool("orders", "--json").stdout
        return all('"%s"' % order in shown for order in orders)

    harness.until(are_there, "the orders")


def test_printed_commands(cluster):
    """They do what the text says: an order is placed, approved, shipped, and delivered or cancelled."""
    reader = harness.Shell(cluster.pasted("mosquitto_sub")[0] + " -d", cwd=harness.TOP)
    reader.line_with("SUBACK")
    *steps, both = cluster.pasted("mosquitto_pub")
    for command, status in zip(steps, ("PLACED", "APPROVED", "SHIPPED")):
        subprocess.run(command, shell=True, cwd=harness.TOP, check=True)
        reader.line_with(status)
    subprocess.run(both, shell=True, cwd=harness.TOP, stderr=subprocess.DEVNULL)
    reader.kill()
    for command in cluster.pasted("build/petstorectl"):
        command = command.replace("build/", harness.BUILD + "/", 1)
        done = subprocess.run(command, shell=True, cwd=harness.TOP, text=True,
                              stdout=subprocess.PIPE)
        assert done.returncode == 0 and ("ord-1" in done.stdout or "broker-b" in done.stdout)


def test_metrics(cluster):
    """The file has what the dashboard asks about brokers."""
    with open(os.path.join(harness.TOP, "docker", "grafana", "petstore.json")) as file:
        asked = set(re.findall(r"petstore_(?:broker|strict|database)_\w+", file.read()))

    def are_there():
        try:
            with open(cluster.path("broker-a/metrics.prom")) as file:
                there = {re.split("[{ ]", line)[0]: line for line in file if line[0] != "#"}
        except OSError:
            return False
        return asked and asked <= set(there) and 'broker="broker-b"' in there["petstore_broker_alive"]

    harness.until(are_there, "the metrics", 120)


def test_a_broker_is_killed(cluster):
    """Its clients go on at the other; it is silent in the list, and comes back by the command."""
    lost = cluster.client("orders-service", cluster.tls, "orders-service/goes-on")
    broker = cluster.broker_of("orders-service/goes-on")[0][0]
    os.kill(cluster.pid(broker), signal.SIGKILL)
    cluster.wait_log(broker + " has ended")
    lost.wait_closed()

    order = messages.unique("order")
    cluster.publish(messages.order(order), "orders-service", cluster.tls, "orders-service/goes-on")
    assert cluster.broker_of("orders-service/goes-on", 2)[-1][0] != broker
    harness.until(lambda: re.search(broker + " +silent", cluster.tool("brokers").stdout),
                  "the broker to be silent")
    (command,) = {line.replace("broker-a", broker) for line in cluster.pasted("mosquitto -c")}
    back = harness.Shell("exec " + command, cwd=harness.TOP)
    try:
        back.line_with(" running\n")
        harness.until(lambda: cluster.tool("brokers").returncode == 0, "the broker to be back")
        cluster.publish(messages.order(order, "APPROVED"), "orders-service", cluster.port(broker),
                        "orders-service/at-home")
        (reload,) = cluster.pasted("kill -HUP")
        assert cluster.pid(broker) == back.process.pid
        subprocess.run(reload, shell=True, cwd=harness.TOP, check=True)
        back.line_with("eload")
    finally:
        back.process.terminate()
        back.finish()


def test_the_primary_is_killed(cluster):
    """The standby that is promoted in its place has all, and strict steps go on."""
    survivor = "broker-a" if alive(cluster.pid("broker-a")) else "broker-b"
    payer = "payments-service", cluster.port(survivor), "payments-service/one"
    before, behind = messages.unique("payment"), messages.unique("payment")
    cluster.publish(messages.payment(before), *payer, qos=2)
    (kill,) = cluster.pasted("kill -9")
    (promote,) = [line.strip() for line in cluster.text().splitlines() if " promote -D " in line]
    for command in (kill, promote):
        subprocess.run(command, shell=True, cwd=harness.TOP, check=True, stdout=subprocess.DEVNULL)
    cluster.publish(messages.payment(behind), *payer, qos=2)
    for payment in (before, behind):
        assert cluster.tool("list", "payments", payment).returncode == 0
    # The killed one follows the new primary.
    (back,) = [line.strip() for line in cluster.text().splitlines() if "pg_basebackup" in line]
    done = subprocess.run(back, shell=True, cwd=harness.TOP, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout
    first = kill.split("/postmaster.pid")[0].split("/")[-1]
    with open(cluster.path("postgres/%s/postmaster.pid" % first)) as file:
        os.kill(int(file.readline()), 0)
    assert os.path.exists(cluster.path("postgres/%s/standby.signal" % first))

    def is_following():
        with open(cluster.path("postgres/%s.log" % first)) as file:
            since = file.read().split("entering standby mode")[-1]
        return "started streaming WAL from primary" in since

    harness.until(is_following, "the new standby to follow")


def test_all_end(cluster):
    """Ctrl-C ends all that was started."""
    cluster.end()
    assert processes(cluster.folder) == []


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
