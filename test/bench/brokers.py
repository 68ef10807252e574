"""
The brokers that are compared: each Mosquitto that is here, without a plugin, with its own
dynamic security, and with ours in stages. All have the shipped configuration but for the
plugin's lines, two listeners that nothing is measured on, and what EXCEPT says.
"""

import base64
import glob
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
os.environ["PATH"] += ":/usr/sbin"

import harness
import messages
import rawmqtt

# 2.0.11 counts queued messages upwards only, and drops what must wait from the 10,000th on.
EXCEPT = ("max_queued_messages 10000", "max_queued_messages 100000000")
CHROOTS = os.environ.get("CHROOTS", os.path.join(harness.TOP, "build", "chroot"))
INSIDE = "/tmp/petstore-bench"  # the place in a chroot; what was built there stays
# The process stays the same one, so that its id is the broker's.
ENTER = 'mount -t proc proc "$0/proc"; exec chroot "$0" "$@"'
PROGRAMS = ["bench_gate", "bench_schema", "bench_ledger", "bench_monitor", "bench_scale"]
DYNSEC = "mosquitto_dynamic_security.so"
# A busy load and a busy broker that share a processor push each other off it, some times in ten
# messages, and it is the broker that pays: it has the first processor to itself.
CPUS = sorted(os.sched_getaffinity(0))
OTHERS = CPUS[1:] or CPUS  # for the rest
PAUSE_US = 100  # how long the load looks away (test/bench/load/load.c); it has much in flight
KINDS = json.load(open(os.path.join(harness.TOP, "schemas", "monitor.schema.json")))["properties"]

# What each one refuses of the three bad publishes that it is tried with, and what it is called:
# by a role without the scope, of a status that does not exist, of a step that may not follow.
SCOPE, SCHEMA, TRANSITION = "scope", "schema", "step"
VARIANTS = {
    "stock": ("no plugin", []),
    "dynsec": ("Mosquitto's dynamic security", [SCOPE]),
    "permission": ("ours, permission only", [SCOPE]),
    "schema": ("ours, and the schema", [SCOPE, SCHEMA]),
    "ledger": ("ours, and the ledger", [SCOPE, SCHEMA, TRANSITION]),
    "everything": ("ours, as it ships", [SCOPE, SCHEMA, TRANSITION]),
}


class Unavailable(Exception):
    """Not on this machine, and why."""


def allow_files(count):
    """Raises what may be open, for us and who we start; how many it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        soft = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


# ---- where a broker lives ----


class Place:
    """This machine, or a chroot of the matrix. Paths "inside" are those that its broker sees."""

    def __init__(self, name, root=""):
        self.name = name
        self.root = root
        self.enter = ["unshare", "--mount", "sh", "-ec", ENTER, root] if root else []
        self.sources = INSIDE + "/src" if root else harness.TOP
        self.folder = None
        self.version = self._version()

    def _version(self):
        done = self.run(["mosquitto", "-h"])
        found = re.search(r"version (\S+)", done.stdout)
        if not found:
            raise Unavailable("%s: no mosquitto: %s" % (self.name, done.stdout.strip()[-200:]))
        return found.group(1)

    def run(self, command):
        """In the place's sources, once they are there."""
        into = ["sh", "-c", "cd \"$0\" 2>/dev/null; exec \"$@\"", self.sources]
        return subprocess.run(self.enter + into + command, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=900)

    def outside(self, path):
        return self.root + path

    def program(self, name):
        """Where something that was built lies, inside."""
        return os.path.join(INSIDE, "src/build", name) if self.root else \
            os.path.join(harness.BUILD, name)

    def _build(self):
        """With this place's libraries; here make has done it."""
        if not self.root:
            return
        copied = subprocess.run([os.path.join(harness.TOP, "test", "chroot.sh"), "sources",
                                 self.outside(INSIDE)])
        done = self.run(["make", "-s", "-C", self.sources, "-j2", "B=build"] +
                        ["build/" + name for name in ["mosquitto_petstore.so"] + PROGRAMS])
        if copied.returncode or done.returncode:
            raise Unavailable("%s: %s" % (self.name, done.stdout.strip()[-200:]))

    def open(self, template):
        self._build()
        self.plugin = self.program("mosquitto_petstore.so")
        self.template = template
        inside = (INSIDE if self.root else template) + "/run-%d" % os.getpid()
        self.folder = inside
        os.makedirs(self.outside(inside))

    def dynsec(self):
        for found in glob.glob(self.outside("/usr/lib/*/" + DYNSEC)) + \
                glob.glob(self.outside("/usr/lib*/" + DYNSEC)):
            return found[len(self.root):]
        raise Unavailable("%s: no %s" % (self.name, DYNSEC))

    def local_folder(self, name):
        """For a process that runs on this machine, whatever the place."""
        return os.path.join(self.template, name)

    def close(self):
        if self.folder:
            shutil.rmtree(self.outside(self.folder), ignore_errors=True)


def places(is_quick):
    """[Place], the newest Mosquitto last, and [why one is not there]."""
    found, missing = [], []
    for name in ("", "trixie", "sid"):
        root = os.path.join(os.path.realpath(CHROOTS), name) if name else ""
        try:
            if root and not os.path.exists(os.path.join(root, "usr/sbin/mosquitto")):
                raise Unavailable("Debian %s: no %s (make matrix makes it)" %
                                  (name, os.path.join(CHROOTS, name)))
            if root and os.geteuid() != 0:
                raise Unavailable("Debian %s: needs root to enter its folder" % name)
            found.append(Place("Debian " + name if name else "this machine", root))
        except Unavailable as why:
            missing.append(str(why))
    return (found[-1:] if is_quick else found), missing


# ---- what is in force ----

# What a channel says that makes sense only where something of it is kept.
OF_WHAT_IS_KEPT = ("x-entity", "x-durability", "x-consistency")


def contract(text, stage):
    """The shipped contract, with what the stage leaves out taken out."""
    if stage == "everything":
        return text
    document = json.loads(text)
    is_kept = stage == "ledger"
    document["x-mode"] = {"permission": "enforce", "limits": "off",
                          "schema": "off" if stage == "permission" else "enforce",
                          "transition": "enforce" if is_kept else "off"}
    published = {operation["channel"]["$ref"] for operation in document["operations"].values()
                 if operation["action"] == "send"}
    for name, channel in document["channels"].items():
        channel.pop("x-time", None)
        is_published = "#/channels/" + name in published
        if is_published and not is_kept:
            for member in OF_WHAT_IS_KEPT:
                channel.pop(member, None)
            channel["x-record"] = False
    if not is_kept:
        for member in ("x-entities", "x-state-machines"):
            document.pop(member, None)
    return json.dumps(document, indent=2)


def dynsec_file(passwords, roles, users):
    """What access.json grants, in the words of dynamic security."""
    topics = {"orders": ["orders/+/status", "orders/+/payment"], "pets": ["pets/+/status"],
              "payments": ["payments/+/status"], "inventory": ["inventory/+/stock"]}
    kinds = {"write": ["publishClientSend"], "read": ["publishClientReceive", "subscribePattern"]}

    def acls(scopes):
        pairs = [scope.split(":")[:2] for scope in scopes]
        return [{"acltype": kind, "topic": topic, "priority": 0, "allow": True}
                for verb, what in pairs for kind in kinds.get(verb, [])
                for topic in topics.get(what, [])]

    def client(name, password):
        salt = os.urandom(12)
        key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
        return {"username": name, "password": base64.b64encode(key).decode(),
                "salt": base64.b64encode(salt).decode(), "iterations": 101,
                "roles": [{"rolename": role, "priority": 0} for role in users[name]["roles"]]}

    return {"defaultACLAccess": {"publishClientSend": False, "publishClientReceive": False,
                                 "subscribe": False, "unsubscribe": True},
            "clients": [client(*each) for each in passwords.items() if each[0] in users],
            "roles": [{"rolename": name, "acls": acls(role["scopes"])}
                      for name, role in roles.items()]}


def paragraphs(text):
    """The shipped configuration without comments, a list of lines a paragraph."""
    parts = [[line for line in part.split("\n") if line and not line.startswith("#")]
             for part in text.split("\n\n")]
    return [part for part in parts if part]


class Running:
    """
    A process that clients connect to. Pinned: its first thread has a processor to itself, and the
    load the others; otherwise they run where the kernel puts them.
    """

    def __init__(self, place, variant, folder, is_pinned):
        self.place = place
        self.variant = variant
        self.folder = folder
        self.is_pinned = is_pinned
        shutil.copytree(os.path.join(place.template, "made"), self.path(""))
        with open(self.path("credentials")) as file:
            self.passwords = dict(line.split() for line in file)

    def _start(self, command, sign):
        """Until a line of its log has @sign, a pattern."""
        with open(self.path("log"), "w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

        def is_up():
            with open(self.path("log"), errors="replace") as log:
                text = log.read()
            if self.process.poll() is not None:
                raise RuntimeError("%s, %s:\n%s" % (self.place.name, self.variant, text))
            return re.search(sign, text)

        harness.until(is_up, "the broker to start", 30)
        if self.is_pinned:
            self._pin()

    def _pin(self):
        for thread in os.listdir("/proc/%d/task" % self.process.pid):
            is_main = int(thread) == self.process.pid
            os.sched_setaffinity(int(thread), CPUS[:1] if is_main else OTHERS)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def remove(self):
        """Its files, the database among them."""
        remove(self.path(""))


class Broker(Running):
    """One variant of Mosquitto in one place, running."""

    def __init__(self, place, variant, name=None, is_pinned=True):
        super().__init__(place, variant, place.folder + "/" + (name or variant), is_pinned)
        shutil.copytree(place.outside(os.path.join(place.sources, "schemas")),
                        self.path("schemas"))
        self.plain, self.tls = harness.free_ports(2)
        with open(self.path("bench.conf"), "w") as file:
            file.write(self._configuration())
        self._start(place.enter + ["mosquitto", "-c", self.folder + "/bench.conf"],
                    r"mosquitto version \S+ running")

    def path(self, name):
        return self.place.outside(self.folder + "/" + name)

    def _plugin(self):
        if self.variant == "stock":
            return ["password_file %s/passwords" % self.folder]
        if self.variant == "dynsec":
            with open(self.path("access.json")) as file:
                access = json.load(file)
            with open(self.path("dynsec.json"), "w") as file:
                json.dump(dynsec_file(self.passwords, access["roles"], access["users"]), file)
            return ["plugin " + self.place.dynsec(),
                    "plugin_opt_config_file %s/dynsec.json" % self.folder]
        with open(self.path("schemas/" + harness.CONTRACT)) as file:
            shipped = file.read()
        with open(self.path("schemas/" + harness.CONTRACT), "w") as file:
            file.write(contract(shipped, self.variant))
        lines = ["plugin " + self.place.plugin,
                 "plugin_opt_contract %s/schemas/%s" % (self.folder, harness.CONTRACT),
                 "plugin_opt_access %s/access.json" % self.folder,
                 "plugin_opt_password_file %s/passwords" % self.folder]
        if self.variant in ("ledger", "everything"):
            lines.append("plugin_opt_database %s/petstore.db" % self.folder)
        if self.variant != "everything":
            with open(self.path("monitor.json"), "w") as file:
                json.dump({kind: {"enabled": False} for kind in KINDS}, file)
            lines += ["plugin_opt_monitor %s/monitor.json" % self.folder,
                      "plugin_opt_sys_interval 0", "plugin_opt_notices_per_second 0"]
        return lines

    def _configuration(self):
        with open(self.path("mosquitto.conf")) as file:
            text = file.read()
        lines = self._plugin()
        for part in paragraphs(text):
            words = " ".join(part)
            if "websockets" in words or "require_certificate" in words:
                continue
            lines += [line for line in part if not line.startswith(("plugin", "log_dest"))]
        text = "\n".join(lines) + "\nlog_dest stderr\n"
        ports = {"listener 8883": "listener %d 127.0.0.1" % self.tls,
                 "listener 1883 127.0.0.1": "listener %d 127.0.0.1" % self.plain,
                 EXCEPT[0]: EXCEPT[1]}
        for old, new in ports.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return text.replace(os.path.join(self.place.template, "made"), self.folder)

    def client(self, user):
        stream = rawmqtt.open_stream("tcp", self.plain)
        client = rawmqtt.RawClient(stream, 5, messages.unique(user + "/probe"), user,
                                   self.passwords[user])
        assert client.code == 0, "%s: not let in" % self.variant
        return client

    def check(self):
        """It refuses what it should and takes the rest; a figure without this says nothing."""
        customer, service = self.client("customer-a"), self.client("orders-service")
        order = messages.unique("order")
        tried = [(customer, messages.order(order), SCOPE),
                 (service, messages.order(order), None),
                 (service, messages.order(order, "LOST"), SCHEMA),
                 (service, messages.order(order, "DELIVERED"), TRANSITION)]
        for client, (topic, payload), why in tried:
            code = client.publish(topic, payload, qos=1)
            expected = why in VARIANTS[self.variant][1]
            assert (code >= 0x80) == expected, "%s, %s: %s is answered with 0x%02x" % (
                self.place.name, self.variant, why or "a good one", code)
        customer.drop()
        service.drop()


def load(broker, transport="plain", may_refuse=False, **options):
    """
    Runs the load against @broker; what it says. Options are the load's own. A broker that
    refuses, or closes a connection, is a fault where it may not.
    """
    options.setdefault("pause", PAUSE_US)
    user = options.pop("user", "inventory-service" if options.get("work") == "stock"
                       else "orders-service")
    command = [os.path.join(harness.BUILD, "load"), "--pid", str(broker.process.pid),
               "--user", user, "--password", broker.passwords[user],
               "--client-id", user + "/load"]
    if transport == "tls":
        command += ["--port", str(broker.tls), "--tls", broker.path("ca.crt")]
    else:
        command += ["--port", str(broker.plain)]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    cpus = OTHERS if broker.is_pinned else CPUS
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=300 + options.get("seconds", 0),
                          preexec_fn=lambda: os.sched_setaffinity(0, cpus))
    if done.returncode:
        raise RuntimeError("%s, %s: %s" % (broker.place.name, broker.variant,
                                           done.stdout + done.stderr))
    result = json.loads(done.stdout)
    if not may_refuse and result["refused"] + result["closed"] and options.get("work") != "bad":
        raise RuntimeError("%s, %s: refused %s messages, closed %d connections" % (
            broker.place.name, broker.variant, result["refused_by"], result["closed"]))
    return result


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
