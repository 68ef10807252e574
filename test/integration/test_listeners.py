"""
Servers of a document and the broker's listeners: whose security, channels and x-enforce hold for a
client. Mosquitto 2.1 shows a plugin the listener's port; on 2.0 a client may be any server's.
"""
import json
import os
import time

import pytest

import harness
import messages
import rawmqtt
from proofs import Key, token
from rawmqtt import NOT_AUTHORIZED
from test_scram import Scram, put_keys

SCRAM = "SCRAM-SHA-256"
TAKEN = (0, 0x10)
USER, PLAIN_USER = "backoffice", "customer-a"  # with and without the scope
DEVICE = "collar-7"  # has a certificate as well, and logs in as nobody else beside it
SCHEMES = {
    "password": {"type": "userPassword"},
    "certificate": {"type": "X509"},
    "scram": {"type": "scramSha256"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "rights": {"type": "oauth2", "flows": {"clientCredentials": {
        "tokenUrl": "https://id.example/token", "availableScopes": {"write:jobs": "Write"}}},
        "scopes": ["write:jobs"]},
    "connect": {"type": "openIdConnect", "openIdConnectUrl": "https://id.example"},
}
METHOD = {"bearer": "token", "connect": "token"}  # the login that meets a scheme; else its name
# By the listener's name in the harness: protocol, security.
SERVERS = {
    "tcp": ("mqtt", ["password"]),
    "mtls": ("secure-mqtt", ["certificate"]),
    "tls": ("mqtts", ["bearer", "scram"]),
    "wss": ("wss", []),
}
# Address: servers (all where there are none), and the security of its operations.
CHANNELS = {
    "anywhere": ([], []),
    "scoped": ([], ["rights"]),
    "proved": ([], ["connect", "certificate"]),
    "fleet": (["mtls"], []),
    "staff": (["tcp", "tls"], ["password", "scram"]),
    "office": (["tcp"], ["rights"]),
    "vault": (["mtls"], ["password"]),  # both proofs
}
LOGINS = [(listener, method) for listener in SERVERS for method in ("password", "token", "scram")
          if listener != "mtls"]
LOGINS += [("mtls", "certificate"), ("mtls", "both"), ("mtls", "scram")]


def schemes(names):
    return [{"$ref": "#/components/securitySchemes/" + name} for name in names]


def server(broker, listener, security=(), **more):
    protocol = SERVERS[listener][0]
    bindings = {"mqtt": {}} if protocol == "wss" else {}
    return {"host": "localhost:%d" % broker.port(listener), "protocol": protocol,
            "security": schemes(security), "bindings": bindings, **more}


def document(servers, channels):
    """With an operation of each action on each channel."""
    return {
        "asyncapi": "3.0.0", "x-perspective": "client", "info": {"title": "Listeners", "version": "1"}, "servers": servers,
        "channels": {name: {"address": name, "messages": {"job": {"payload": {"type": "integer"}}},
                            "servers": [{"$ref": "#/servers/" + each} for each in named]}
                     for name, (named, _) in channels.items()},
        "operations": {action + name: {"action": action, "security": schemes(security),
                                       "channel": {"$ref": "#/channels/" + name}}
                       for name, (_, security) in channels.items()
                       for action in ("send", "receive")},
        "components": {"securitySchemes": SCHEMES},
    }


class Listeners:
    """A broker whose contract has the ports that its listeners get. @make: from it to a document."""

    def __init__(self, folder, template, make):
        self.key = Key(str(folder), "HS256")
        access = {
            "roles": {"worker": {"scopes": ["write:jobs"]}},
            "users": {USER: {"roles": ["worker"]}, PLAIN_USER: {"roles": []},
                      DEVICE: {"roles": ["worker"]}},
            "certificates": [{"match": {"cn": "collar-*"}, "principal": "{cn}",
                              "roles": ["worker"]}],
            "issuers": [{"issuer": "https://id.example", "audience": "jobs", "principal": "{sub}",
                         "algorithms": ["HS256"], "keys": "keys.json", "scopes": ["write:jobs"]}],
        }
        path = folder / "access.json"
        path.write_text(json.dumps(access))
        contract = folder / "contract" / "listeners.asyncapi.json"
        contract.parent.mkdir()
        contract.write_text("{}")
        self.broker = harness.Broker(folder / "run", template, contract=str(contract),
                                     access=str(path))
        self.write("keys.json", json.dumps({"keys": [self.key.jwk()]}))
        for user in (USER, PLAIN_USER, DEVICE):
            put_keys(self.broker, user, "pencil")
        self.make = make
        self.broker.edits.append(self.configure)

    def write(self, name, text):
        with open(os.open(self.broker.path(name), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)

    def configure(self, text):
        with open(self.broker.contract, "w") as file:
            json.dump(self.make(self.broker), file)
        return text.replace("#plugin_opt_scram_file /etc/mosquitto/petstore",
                            "plugin_opt_scram_file " + self.broker.folder)

    def come(self, listener, method, user=USER, scope="write:jobs", **options):
        """A client on @listener that is let in."""
        client = self.try_client(listener, method, user, scope, **options)
        assert client.code == 0, (listener, method)
        return client

    def try_client(self, listener, method, user=USER, scope="write:jobs", **options):
        options.update(transport=listener, client_id=messages.unique(method))
        if listener == "mtls":
            user = DEVICE
            options["certificate"] = [self.broker.path("clients/%s.%s" % (DEVICE, end))
                                      for end in ("crt", "key")]
        if method == "certificate":
            return self.broker.try_client(None, None, **options)
        if method == "scram":
            scram = Scram(user, "pencil")
            auth = (SCRAM, scram.begin(), scram.answer)
            return self.broker.try_client(None, None, auth=auth, **options)
        secret = self.broker.password(user) if method in ("password", "both") else token(self.key, {
            "iss": "https://id.example", "aud": "jobs", "sub": user, "scope": scope,
            "exp": int(time.time()) + 600})
        return self.broker.try_client(user, secret, **options)


# ---- security -------------------------------------------------------------------------------


def is_met(security, method, has_scope):
    proofs = ["certificate", "password"] if method == "both" else [method]
    return not security or any(has_scope if each == "rights" else METHOD.get(each, each) in proofs
                               for each in security)


def is_open(name, listener, method, has_scope=True):
    """Is the channel open to such a client?"""
    named, security = CHANNELS[name]
    named = named or list(SERVERS)
    mine = [listener] if harness.IS_2_1 else list(SERVERS)
    return any(is_met(SERVERS[each][1], method, has_scope) for each in named if each in mine) and \
        is_met(security, method, has_scope)


@pytest.fixture(scope="module")
def at(tmp_path_factory, template):
    def make(broker):
        return document({each: server(broker, each, security)
                         for each, (_, security) in SERVERS.items()}, CHANNELS)

    listeners = Listeners(tmp_path_factory.mktemp("listeners"), template, make)
    with harness.running(listeners.broker):
        yield listeners


def opened(client):
    """(channels that it may publish on, channels that it may subscribe to)"""
    sent = {name for name in CHANNELS if client.publish(name, "1", 1) in TAKEN}
    answers = client.subscribe(*CHANNELS)
    return sent, {name for name, code in zip(CHANNELS, answers) if code < 0x80}


@pytest.mark.parametrize("listener, method, name, text", [
    ("tcp", "token", "anywhere", "needs a login by password, which"),
    ("tcp", "token", "fleet", "is on other servers than that of port"),
    ("wss", "password", "proved", "needs a login by token, which"),
])
def test_what_a_refusal_says(at, listener, method, name, text):
    if is_open(name, listener, method):
        pytest.skip("2.0 does not show the listener")
    before = at.broker.mark()
    assert at.come(listener, method).publish(name, "1", 1) == NOT_AUTHORIZED
    if harness.IS_2_1 or name == "proved":
        at.broker.wait_log(text, before)


@pytest.mark.parametrize("listener, method", LOGINS)
def test_security(at, listener, method):
    """The operation's, and that of the server whose listener it is."""
    expected = {name for name in CHANNELS if is_open(name, listener, method)}
    assert opened(at.come(listener, method)) == (expected, expected)


@pytest.mark.parametrize("listener, method", [("wss", "token"), ("tls", "token"), ("tcp", "password"),
                                              ("tls", "scram")])
def test_without_the_scope(at, listener, method):
    expected = {name for name in CHANNELS if is_open(name, listener, method, False)}
    client = at.come(listener, method, user=PLAIN_USER, scope="")
    assert opened(client) == (expected, expected)


def test_a_token_with_the_scope_of_a_user_without(at):
    """What counts is the token's scope."""
    client = at.come("wss", "token", user=PLAIN_USER)
    assert client.publish("scoped", "1", 1) in TAKEN


def test_deliveries(at):
    """After a reload they are judged by the listener as well."""
    staff, web = at.come("tcp", "password"), at.come("wss", "password")
    for client in (staff, web):
        assert client.subscribe("anywhere") == [2]
    at.broker.reload()
    at.come("tcp", "password").publish("anywhere", "7", 1)
    assert staff.message().payload == web.message().payload == b"7"


# ---- x-enforce ------------------------------------------------------------------------------


def strict(broker, listener, **binding):
    return server(broker, listener, bindings={"mqtt": binding}, **{"x-enforce": True})


@pytest.fixture(scope="module")
def strict_at(tmp_path_factory, template):
    """Two servers with rules of their own, and listeners that are no server's."""
    def make(broker):
        return document({"slow": strict(broker, "tcp", keepAlive=90),
                         "fast": strict(broker, "tls", keepAlive=30, cleanSession=True)},
                        {"anywhere": ([], [])})

    listeners = Listeners(tmp_path_factory.mktemp("strict"), template, make)
    with harness.running(listeners.broker):
        yield listeners


@pytest.mark.parametrize("listener, keepalive, clean, allowed_2_1, allowed_2_0", [
    ("tcp", 90, True, True, True),
    ("tcp", 91, True, False, False),
    ("tcp", 0, True, False, False),
    ("tcp", 30, False, True, True),
    ("tls", 30, True, True, True),
    ("tls", 31, True, False, True),
    ("tls", 30, False, False, True),
    ("tls", 91, False, False, False),
    ("wss", 90, False, True, True),
    ("wss", 91, True, False, False),
])
def test_enforced(strict_at, listener, keepalive, clean, allowed_2_1, allowed_2_0):
    before = strict_at.broker.mark()
    is_allowed = allowed_2_1 if harness.IS_2_1 else allowed_2_0
    client = strict_at.try_client(listener, "password", keepalive=keepalive, clean=clean)
    assert client.code == (0 if is_allowed else rawmqtt.NOT_AUTHORIZED)
    if not is_allowed:
        strict_at.broker.wait_log("not as the contract's servers want it: ", before)


def test_enforced_by_one_server(tmp_path, template):
    """The others' clients are free; where the listener is not shown, all are."""
    def make(broker):
        return document({"free": server(broker, "tcp"),
                         "fast": strict(broker, "tls", keepAlive=30)}, {"anywhere": ([], [])})

    listeners = Listeners(tmp_path, template, make)
    with harness.running(listeners.broker):
        listeners.broker.wait_log("x-enforce")
        assert listeners.come("tcp", "password", keepalive=600)
        client = listeners.try_client("tls", "password", keepalive=600)
        assert client.code == (rawmqtt.NOT_AUTHORIZED if harness.IS_2_1 else 0)
        assert listeners.come("tls", "password", keepalive=30)
