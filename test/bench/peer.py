"""
A broker as a team might write it (test/bench/peer/server.js), running like one of brokers.py's:
npm's packages are installed once into B/bench/peer, outside of the tree.
"""

import hashlib
import json
import os
import shutil
import subprocess

import brokers
from brokers import harness, messages, rawmqtt

SOURCES = os.path.join(brokers.HERE, "peer")
INSTALLED = os.path.join(harness.BUILD, "bench", "peer")
FILES = ("package.json", "package-lock.json", "server.js")
HEADERS = "/usr/include/node"  # Debian's: what an addon without a ready-made build is compiled with
INSTALL_S = 400


def install():
    """Nothing where it is there already, as package-lock.json says. Brings server.js along."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise brokers.Unavailable("a broker on npm's packages: no %s (scripts/deps.sh docs)" %
                                      program)
    os.makedirs(INSTALLED, exist_ok=True)
    marker = os.path.join(INSTALLED, "installed")
    with open(os.path.join(SOURCES, "package-lock.json")) as file:
        wanted = file.read()
    for name in FILES:
        shutil.copy(os.path.join(SOURCES, name), INSTALLED)
    if os.path.exists(marker) and open(marker).read() == wanted:
        return
    environment = dict(os.environ)
    if os.path.isdir(HEADERS):
        environment["npm_config_nodedir"] = os.path.dirname(os.path.dirname(HEADERS))
    try:
        done = subprocess.run(["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund"],
                              cwd=INSTALLED, env=environment, text=True, timeout=INSTALL_S,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired:
        raise brokers.Unavailable("a broker on npm's packages: npm took more than %d s" % INSTALL_S)
    if done.returncode:
        lines = done.stdout.splitlines()
        why = [line for line in lines if "Error:" in line] or \
            [line for line in lines if line.startswith("npm error")] or ["npm ci failed"]
        raise brokers.Unavailable("a broker on npm's packages: %s" % why[0].strip()[-200:])
    with open(marker, "w") as file:
        file.write(wanted)


def versions():
    """"aedes 1.2.0, ...", as installed."""
    with open(os.path.join(INSTALLED, "package.json")) as file:
        names = json.load(file)["dependencies"]
    return ", ".join("%s %s" % pair for pair in names.items())


class Peer(brokers.Running):
    """One that runs, with the accounts and the contract of a folder that `make run` made."""

    def __init__(self, place, name="peer"):
        super().__init__(place, "peer", place.local_folder(name), is_pinned=False)
        [self.plain] = harness.free_ports(1)
        self._start(["node", os.path.join(INSTALLED, "server.js"), self._configuration()], "ready")

    def path(self, name):
        return self.folder + "/" + name  # never in a chroot

    def _users(self):
        with open(self.path("access.json")) as file:
            access = json.load(file)
        for name, user in access["users"].items():
            if name in self.passwords:
                salt = os.urandom(16)
                key = hashlib.scrypt(self.passwords[name].encode(), salt=salt, n=1024, r=8, p=1,
                                     dklen=32)
                yield name, {"salt": salt.hex(), "key": key.hex(), "scopes": sorted({
                    scope for role in user["roles"] for scope in access["roles"][role]["scopes"]})}

    def _configuration(self):
        path = self.path("peer.json")
        with open(path, "w") as file:
            json.dump({"port": self.plain, "database": self.path("petstore.db"),
                       "contract": os.path.join(harness.TOP, "schemas", harness.CONTRACT),
                       "users": dict(self._users())}, file)
        return path

    def is_taken(self, user, topic, payload):
        """Does the publish get an acknowledgement? Otherwise the connection is closed."""
        client = rawmqtt.RawClient(rawmqtt.open_stream("tcp", self.plain), 4,
                                   messages.unique(user + "/probe"), user, self.passwords[user])
        try:
            client.publish(topic, payload, qos=1)
            client.drop()
            return True
        except rawmqtt.Closed:
            return False

    def check(self):
        """It refuses what Mosquitto with the plugin does; see brokers.py."""
        order = messages.unique("order")
        for user, message, expected in (
                ("customer-a", messages.order(order), False),
                ("orders-service", messages.order(order), True),
                ("orders-service", messages.order(order, "LOST"), False),
                ("orders-service", messages.order(order, "DELIVERED"), False)):
            assert self.is_taken(user, *message) == expected, "the peer: %s, %s" % (user, message)
