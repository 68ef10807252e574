"""
Several brokers with one PostgreSQL behind them and bridges between all of them, on one machine:

    each broker reaches each server, and each bridge its far end, over a wire of its own, which
    can be cut, delayed, or made to lose what comes back (postgres.Wire);
    a primary has as many standbys as are asked for, one of which has each commit;
    a client that a broker was lost to goes on at another one (Front).
"""
import contextlib
import json
import os
import time
import zlib

import bridges
import engines
import harness
import messages
import postgres

NAMES = ("a", "b", "c")
TOPICS = ("orders/#", "pets/#", "payments/#", "inventory/#")
ACCEPTED = (0, 0x10)  # the latter: nobody has subscribed to it
PATIENT = engines.PATIENT


class Database:
    """A primary and its standbys; which is which changes."""

    def __init__(self, standbys=0, is_synced=False, settings=""):
        self.servers = postgres.Servers()
        self.primary = self.servers.start(is_synced, settings)
        self.standbys = [self.servers.follow(self.primary) for _ in range(standbys)]
        self.lost = []
        if standbys:
            self.primary.keep_with(*self.standbys)

    @property
    def all(self):
        return self.servers.servers

    def fail_over(self):
        """kill -9 of the primary; the standby that has most of it takes its place, once asked."""
        self.primary.kill()
        self.lost.append(self.primary)
        self.primary = max(self.standbys, key=lambda standby: standby.received())
        self.standbys.remove(self.primary)
        self.primary.promote()
        for standby in self.standbys:
            standby.follow_now(self.primary)
        self.primary.keep_with(*self.standbys)

    def heal(self):
        """What was lost comes back as a standby."""
        while self.lost:
            server = self.lost.pop()
            server.copy(self.primary)
            self.standbys.append(server.start())
        if self.standbys:
            self.primary.keep_with(*self.standbys)

    def close(self):
        self.servers.close()


def peers_access(folder, names):
    """The shipped access file, and a peer's account for each broker."""
    with open(harness.ACCESS, encoding="utf-8") as file:
        access = json.loads(harness.unbound(file.read()))
    access["roles"]["peer"] = {"peer": True, "trust": list(TOPICS),
                               "scopes": ["read:*", "write:*"], "deny": []}
    access["users"].update({"peer-" + name: {"roles": ["peer"]} for name in names})
    path = os.path.join(folder, "access.cluster.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(access, file)
    return path


def set_consistency(contract, **channels):
    """
    {channel: "strict" or "eventual"}; another channel whose state machine fills the same column
    says the same.
    """
    with open(contract, encoding="utf-8") as file:
        document = json.load(file)
    for name, word in channels.items():
        document["channels"][name]["x-consistency"] = word
    with open(contract, "w", encoding="utf-8") as file:
        json.dump(document, file)


class Member(harness.Broker):
    """A broker of a cluster; @wires: to the servers, in their order."""

    def __init__(self, cluster, name, access):
        super().__init__(os.path.join(cluster.folder, name), cluster.template, access=access)
        self.cluster, self.name = cluster, name
        self.wires = [postgres.Wire(port) for port in cluster.ports]
        self.bridges = {}  # name of the other -> wire
        place = cluster.place_over(self.wires)
        self.database = engines.Postgres(self.path("petstore.db-journal.ring"), name, place)
        self.edits.append(self._edit)

    def _edit(self, text):
        bridges.add_users(self.path("passwords"), *["peer-" + name for name in self.cluster.names])
        at = text.index("\nlistener ")
        head = ["plugin_opt_say_publisher 1", *self.cluster.settings]
        return "%s\n%s\n%s\n%s\n" % (text[:at], "\n".join(head), text[at:],
                                     "\n".join(self._bridges()))

    def _bridges(self):
        """To each broker that started before: each pair has one, which carries both ways."""
        lines = []
        for other in self.cluster.brokers:
            if other.name <= self.name:
                continue
            self.bridges[other.name] = postgres.Wire(other.plain)
            lines += ["connection %s-%s" % (self.name, other.name),
                      "address 127.0.0.1:%d" % self.bridges[other.name].port,
                      "remote_clientid bridge-%s" % self.name,
                      "local_clientid bridge-%s.local" % other.name,
                      "remote_username peer-" + self.name, "remote_password " + bridges.PASSWORD,
                      "local_username peer-" + other.name, "bridge_protocol_version mqttv50",
                      "restart_timeout 1", "cleansession false", "notifications false",
                      "keepalive_interval 5", *["topic %s both 1" % topic for topic in TOPICS]]
        return lines

    def set_wires(self, mode, delay=0.0):
        """How the database is reached from here."""
        for wire in self.wires:
            wire.set(mode, delay)

    def close(self):
        self.stop()
        for wire in [*self.wires, *self.bridges.values()]:
            wire.close()


class Cluster:
    """
    @count brokers in folders below @folder. @database: a Database of its own, else a database on
    the server that all tests share. @channels: their consistency, as set_consistency() has them.
    @settings: more lines of each configuration, in place of PATIENT.
    """

    def __init__(self, folder, template, count=2, database=None, channels=None, settings=PATIENT):
        self.folder, self.template = str(folder), template
        self.names, self.settings = NAMES[:count], list(settings)
        self.servers = database
        self._own = None if database else engines.Postgres("")
        if database:
            database.primary.create("petstore")
        os.makedirs(self.folder, exist_ok=True)
        access = peers_access(self.folder, self.names)
        self.brokers = [Member(self, name, access) for name in self.names]
        for broker in self.brokers:
            set_consistency(broker.contract, **(channels or {}))

    @property
    def ports(self):
        if self.servers:
            return [server.port for server in self.servers.all]
        return [int(self._own.place.partition("port=")[2].split()[0])]

    def place_over(self, wires):
        """The conninfo of the database over @wires."""
        if not self.servers:
            return self._own.place.replace("port=%d" % self.ports[0], "port=%d" % wires[0].port)
        return "host=%s port=%s user=%s dbname=petstore target_session_attrs=read-write" % (
            ",".join(["127.0.0.1"] * len(wires)), ",".join(str(wire.port) for wire in wires),
            postgres.USER)

    def rows(self, sql, *values):
        """Of the database, over no wire."""
        if self._own:
            return self._own.rows(sql, *values)
        return engines.Postgres("", place=self.servers.primary.conninfo("petstore")).rows(
            sql, *values)

    def broker(self, name):
        return self.brokers[self.names.index(name)]

    def start(self):
        """The last one first: the others' bridges lead to it."""
        for broker in reversed(self.brokers):
            broker.start()
        self.wait_bridges()
        return self

    def wait_bridges(self, wait=120):
        """What is said at one is heard at each other one."""
        for here in self.brokers:
            for there in self.brokers:
                if here is not there:
                    self._wait_heard(here, there, wait)

    @staticmethod
    def _wait_heard(here, there, wait):
        reader, writer = there.client("backoffice"), here.client("backoffice")
        reader.subscribe("inventory/#")

        def is_heard():
            topic, payload = messages.stock(messages.unique("probe"))
            assert writer.publish(topic, payload, qos=1) in ACCEPTED
            reader.ping()
            return reader.inbox

        harness.until(is_heard, "the bridge from %s to %s" % (here.name, there.name), wait)
        writer.disconnect()
        reader.disconnect()

    def wait_carried(self, wait=120):
        """
        All journals are in the database, as each broker says it, once a second. One that can't
        write there says nothing, so that only what it says from now on counts.
        """
        now = self.rows("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)")[0][0]
        names = [broker.name for broker in self.brokers if broker.process]
        harness.until(lambda: self.rows("SELECT count(*) FROM brokers WHERE waiting > 0 OR "
                                        "(seen_at <= ? AND name = ANY(?))", now, names) == [(0,)],
                      "the journals to be carried", wait)

    def close(self):
        for broker in self.brokers:
            with contextlib.suppress(Exception):
                broker.close()
        if self._own:
            self._own.drop()


class Front:
    """
    What a proxy in front of the brokers does: a client comes to the broker that its id leads to,
    and to the next one where that is not there. Clients take it for a broker.
    """

    def __init__(self, cluster):
        self.cluster = cluster

    def password(self, user):
        return self.cluster.brokers[0].password(user)

    def home(self, client_id):
        return zlib.crc32(client_id.encode()) % len(self.cluster.brokers)

    def try_client(self, user, password, version=5, transport="tcp", client_id="", **options):
        first = self.home(client_id)
        problem = None
        for broker in self.cluster.brokers[first:] + self.cluster.brokers[:first]:
            try:
                return broker.try_client(user, password, version, transport, client_id, **options)
            except OSError as refused:
                problem = refused
        raise problem

    def client(self, user, version=5, client_id=None, **options):
        client = self.try_client(user, self.password(user), version,
                                 client_id=client_id or messages.unique(user), **options)
        assert client.code == 0, client.code
        return client


# ---- what all agree on ------------------------------------------------------------------


def standing(broker, pattern, seconds=30):
    """{topic: payload} of the retained messages under @pattern, as a new subscriber gets them."""
    reader = broker.client("backoffice")
    reader.subscribe(pattern, qos=0)
    # Answered in order: this comes behind all of them.
    topic, payload = messages.stock(messages.unique("barrier"))
    reader.subscribe(topic, qos=0)
    writer = broker.client("backoffice")
    assert writer.publish(topic, payload, qos=1) in ACCEPTED
    found = {each.topic: each.payload for each in reader.until(topic, seconds) if each.retain}
    writer.disconnect()
    reader.disconnect()
    return found


def statuses(retained):
    return {topic.split("/")[1]: json.loads(payload)["status"]
            for topic, payload in retained.items() if payload}


def disagreements(cluster, table, pattern):
    """
    [(id, in the database, at each broker)] where these are not all one status.
    """
    kept = dict(cluster.rows("SELECT id, status FROM %s" % table))
    seen = [statuses(standing(broker, pattern)) for broker in cluster.brokers]
    ids = set(kept).union(*seen)
    return [(each, kept.get(each), *[found.get(each) for found in seen]) for each in sorted(ids)
            if len({kept.get(each), *[found.get(each) for found in seen]}) != 1]


def wait_agreed(cluster, table, pattern, wait=120):
    """Seconds until all agree; what they differ in is asserted to be nothing."""
    begin, found = time.monotonic(), None
    while time.monotonic() < begin + wait:
        found = disagreements(cluster, table, pattern)
        if not found:
            return time.monotonic() - begin
        time.sleep(0.05)
    assert not found, "%d differ: %s" % (len(found), found[:5])
    return wait
