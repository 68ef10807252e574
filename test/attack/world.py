"""Who there is in a run of the attacker: accounts, what they may do, and how each proves itself.

The access file is the run's own. Three kinds of accounts: bystanders, who keep to the contract
and must not notice anything; insiders, whose credentials the attacker has; and fickle ones,
which the operator takes away, gives back and changes the password of, and whose credentials
the attacker has as well. What an account may do is said twice, once for the broker and once in
Python for the oracle: `Rights`.
"""

import base64
import fnmatch
import hashlib
import hmac
import json
import os
import ssl
import subprocess
import time

import harness
import proofs
from proofs import CN

ROUNDS = 400  # of PBKDF2: a login's cost is not what is attacked here
METHOD = "SCRAM-SHA-256"
CONTROL = "$CONTROL/petstore/v1"
ISSUER = "https://badge.example"
KINDS = ("pets", "orders", "payments", "inventory")
TOPICS = {
    "pets": ("availability", "status"), "orders": ("status", "payment"),
    "payments": ("status",), "inventory": ("stock",),
}
PARAMETER = {"pets": "petId", "orders": "orderId", "payments": "paymentId",
             "inventory": "productId"}

INSIDERS = 24
FICKLE = 6
GUESTS = 8
# What a role may read, in full or of its own, and write: (kind, pattern of the topic's id).
ROLES = {
    "operator": ("pets orders payments inventory refusals alerts sys control", "", ()),
    "stock-feed": ("inventory", "", (("inventory", "stream"),)),
    "order-feed": ("orders", "", (("orders", "s-*"),)),
    "reader": ("pets inventory", "", ()),
    "crew": ("orders", "", ()),
    "customer": ("pets inventory", "orders payments", ()),
    "vandal": ("pets", "", (("pets", "*"), ("inventory", "junk-*"))),
    "forger": ("orders payments", "", (("orders", "f-*"), ("payments", "f-*"))),
    "snoop": ("sys inventory", "", ()),
}
PLAYED = ("customer", "vandal", "forger", "snoop", "customer", "vandal", "forger", "customer")
BYSTANDERS = {"op": "operator", "stock-feed": "stock-feed", "order-feed": "order-feed",
              "reader-tls": "reader", "reader-wss": "reader", "watch-1": "reader",
              "badge-1": "reader", "buyer-a": "customer", "buyer-b": "customer",
              "crew-1": "crew", "crew-2": "crew"}
SCRAM_USERS = ("buyer-a", "guest-0", "in00", "in01", "in02")


class Rights:
    def __init__(self, role):
        reads, own, writes = ROLES[role]
        self.reads, self.own, self.writes = set(reads.split()), set(own.split()), writes

    def may_write(self, topic):
        parts = topic.split("/")
        return (len(parts) == 3 and parts[2] in TOPICS.get(parts[0], ()) and
                any(kind == parts[0] and fnmatch.fnmatchcase(parts[1], pattern)
                    for kind, pattern in self.writes))


def kind_of(topic):
    head = topic.split("/")[0]
    if head == "$CONTROL":
        return "control"
    return "sys" if head == "$SYS" else head


class Account:
    """`history`: (since, passwords that may be good, is it there), the newest last."""

    def __init__(self, name, role, is_bound, password=None):
        self.name, self.role, self.is_bound, self.password = name, role, is_bound, password
        self.rights = Rights(role)
        self.is_there = True
        self.history = [(0, frozenset([password] if password else ()), True)]
        self.away_since = None  # when it was known to be taken away, and not given back

    def change(self, passwords, may_be_there):
        self.history.append((time.monotonic(), frozenset(passwords), may_be_there))

    def _during(self, since, until):
        for at, (begin, passwords, is_there) in enumerate(self.history):
            end = self.history[at + 1][0] if at + 1 < len(self.history) else float("inf")
            if begin <= until and end >= since and is_there:
                yield passwords

    def was_there(self, since, until):
        return any(True for _ in self._during(since, until))

    def was_good(self, password, since, until):
        return any(password in passwords for passwords in self._during(since, until))

    def takes(self, client_id):
        """Is the client id one that the account is bound to? The broker's own ("") is."""
        return (not self.is_bound or client_id in ("", self.name) or
                client_id.startswith(self.name + "-"))


def hashed(password):
    salt = os.urandom(12)
    derived = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS, 64)
    return "$7$%d$%s$%s" % (ROUNDS, base64.b64encode(salt).decode(),
                            base64.b64encode(derived).decode())


class World:
    def __init__(self, folder, template):
        self.folder = str(folder)
        self.accounts = {}
        for name, role in BYSTANDERS.items():
            self._account(name, role, True)
        for number in range(GUESTS):
            self._account("guest-%d" % number, "customer", True)
        for name in ("watch-2", "badge-2"):
            self._account(name, "reader", True)
        self._account("collar-7", "vandal", False)
        for number in range(INSIDERS):
            self._account("in%02d" % number, PLAYED[number % len(PLAYED)], number % 3 == 0)
        for number in range(FICKLE):
            self._account("fi%d" % number, PLAYED[number % len(PLAYED)], number % 2 == 0)
        self.insiders = [name for name in self.accounts if name.startswith("in")]
        self.fickle = [name for name in self.accounts if name.startswith("fi")]
        self.guests = [name for name in self.accounts if name.startswith("guest")]
        self.victims = list(BYSTANDERS) + self.guests
        self.hashes = {}
        self.key = proofs.Key(self.folder, "HS256")
        self.other_key = proofs.Key(self.folder, "HS256")
        self.broker = harness.Broker(os.path.join(self.folder, "run"), template)
        self._write_files()
        self.broker.edits.append(self._configure)
        self._make_contexts()

    def _account(self, name, role, is_bound):
        self.accounts[name] = Account(name, role, is_bound, "secret of " + name)

    # ---- files ----

    def _configure(self, text):
        return text.replace("\nplugin_opt_contract", (
            # A fast machine has innocents come back more often than a user may.
            "\nplugin_opt_connects_per_minute 0"
            # A busy machine takes long for the passwords of all who arrive at once.
            "\nplugin_opt_derivation_share 100"
            "\nplugin_opt_scram_file %s\nplugin_opt_monitor %s\nplugin_opt_contract"
            % (self.broker.path("scram"), self.broker.path("monitor.json"))), 1)

    def _write_files(self):
        self.write_accounts()
        self.write("secret.json", json.dumps({"keys": [self.key.jwk()]}))
        # Who is refused on and on is banned for a moment, so that there are bans to lift.
        self.write("monitor.json", json.dumps({
            "refusal-streak": {"threshold": 15, "response": "ban", "seconds": 3}}))
        for user in SCRAM_USERS:
            subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "passwd", "--hash",
                            "scram", "--iterations", "4096", "set", self.broker.path("scram"),
                            user], input=self.accounts[user].password + "\n", text=True,
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def write(self, name, text):
        """Whole or not at all, as an operator's editor does it."""
        path = self.broker.path(name)
        with open(path + ".new", "w") as file:
            file.write(text)
        os.chmod(path + ".new", 0o600)
        os.replace(path + ".new", path)

    def write_accounts(self):
        self.write("access.json", json.dumps(self._access()))
        self.write("passwords", "".join(
            "%s:%s\n" % (account.name, self._hashed(account.password))
            for account in self.accounts.values()))

    def _hashed(self, password):
        if password not in self.hashes:
            self.hashes[password] = hashed(password)
        return self.hashes[password]

    def _access(self):
        roles = {"bound": {"clientIds": ["{name}", "{name}-*"]}}
        for role, (reads, own, writes) in ROLES.items():
            scopes = ["read:" + kind for kind in reads.split() if kind != "control"]
            if "control" in reads.split():
                scopes.append("control:*")
            roles[role] = {"scopes": scopes + ["read:%s:own" % kind for kind in own.split()]}
            for kind, pattern in writes:
                tied = {"scopes": ["write:" + kind]}
                if pattern != "*":
                    tied["where"] = {PARAMETER[kind]: pattern}
                roles["%s-%s" % (role, kind)] = tied
        users = {account.name: {"roles": self._roles(account)}
                 for account in self.accounts.values() if account.is_there}
        return {
            "roles": roles,
            "users": users,
            "certificates": [
                {"match": {"cn": pattern}, "principal": "{cn}", "roles": []}
                for pattern in ("watch-*", "collar-*")],
            "issuers": [{"issuer": ISSUER, "audience": "petstore", "algorithms": ["HS256"],
                         "keys": "secret.json", "principal": "badge-{sub}", "clockSkew": 0,
                         "scopes": ["read:pets", "read:inventory"]}],
        }

    @staticmethod
    def _roles(account):
        roles = [account.role] + ["%s-%s" % (account.role, kind)
                                  for kind, _ in ROLES[account.role][2]]
        return roles + (["bound"] if account.is_bound else [])

    # ---- proofs ----

    def _make_contexts(self):
        self.context = ssl.create_default_context(cafile=self.broker.authority)
        self.shown = {}
        foreign = os.path.join(self.folder, "foreign.key")
        proofs.openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
                       "ec_paramgen_curve:prime256v1", "-out", foreign)
        made = {
            "watch-1": self._certificate("watch-1"), "watch-2": self._certificate("watch-2"),
            "nobody": self._certificate("nobody"),  # no rule knows it
            "forged": self._certificate("watch-1", key=foreign),
            "over": self._certificate("watch-1", days=(-3, -1)),
        }
        for device in ("collar-7", "collar-8"):  # the second is revoked
            made[device] = tuple(self.broker.path("clients/%s.%s" % (device, kind))
                                 for kind in ("crt", "key"))
        for name, files in made.items():
            context = ssl.create_default_context(cafile=self.broker.authority)
            context.load_cert_chain(*files)
            self.shown[name] = context

    def _certificate(self, name, **options):
        return proofs.certificate(self.broker.folder, [(CN, name)], **options)

    def token(self, name, key=None, seconds=3600, **more):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": "petstore", "sub": name.replace("badge-", "", 1),
                  "iat": now, "exp": now + seconds, "scope": "read:pets read:inventory"}
        claims.update(more)
        return proofs.token(key or self.key, claims)


class Scram:
    """The client's side of RFC 5802. @nonce: text of the client's."""

    def __init__(self, user, password, nonce):
        self.password = password.encode()
        self.first = "n=%s,r=%s" % (user, nonce)

    def begin(self):
        return "n,," + self.first

    def answer(self, server_first):
        """The client-final message, or None where the server's makes no sense."""
        try:
            text = server_first.decode()
            facts = dict(part.split("=", 1) for part in text.split(","))
            salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(facts["s"]),
                                         int(facts["i"]))
            unproved = "c=biws,r=" + facts["r"]
        except (ValueError, KeyError):
            return None
        whole = ",".join((self.first, text, unproved)).encode()
        key = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
        signature = hmac.new(hashlib.sha256(key).digest(), whole, hashlib.sha256).digest()
        proof = bytes(a ^ b for a, b in zip(key, signature))
        return "%s,p=%s" % (unproved, base64.b64encode(proof).decode())


class Claim:
    """
    What one CONNECT brings to prove itself. `proved`: names that a certificate, a token or
    SCRAM prove beside the password.
    """

    def __init__(self, user=None, password=None, auth=None, shown=None, proved=(), scram=None,
                 until=None, note=""):
        self.user, self.password, self.auth, self.shown = user, password, auth, shown
        self.proved, self.scram, self.until, self.note = proved, scram, until, note

    def principals(self, world, client_id, since, until):
        """Those that the broker may take it for, were it answered at any time in between."""
        names = set()
        account = world.accounts.get(self.user)
        if account and self.password and account.was_good(self.password, since, until):
            names.add(account.name)
        for name in self.proved:
            if world.accounts[name].was_there(since, until) and \
                    (self.until is None or since <= self.until):
                names.add(name)
        return {name for name in names if world.accounts[name].takes(client_id)}


def scram_claim(world, rng, user, note):
    scram = Scram(user, world.accounts[user].password, "%016x" % rng.getrandbits(64))
    return Claim(auth=(METHOD, scram.begin()), proved=(user,), scram=scram, note=note)
