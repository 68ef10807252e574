"""SCRAM-SHA-256 over MQTT 5's enhanced authentication: the password never crosses the wire."""

import base64
import hashlib
import hmac
import os
import subprocess

import pytest

import harness
import messages
import rawmqtt
import watched

METHOD = "SCRAM-SHA-256"
REFUSED = rawmqtt.NOT_AUTHORIZED
BAD_METHOD = 0x8C
USERS = {"customer-a": "pencil", "customer-b": "eraser", "orders-service": "ruler"}


def put_keys(broker, user, password):
    subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "passwd", "--hash", "scram",
                    "--iterations", "4096", "set", broker.path("scram"), user],
                   input=password + "\n", text=True, check=True, stdout=subprocess.PIPE)


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("scram") / "run", template)
    for user, password in USERS.items():
        put_keys(broker, user, password)
    broker.edits.append(lambda text: text.replace(
        "#plugin_opt_scram_file /etc/mosquitto/petstore",
        "plugin_opt_scram_file " + broker.folder))
    with harness.running(broker):
        yield broker


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


class Scram:
    """The client's side (RFC 5802); what it sends can be changed on the way."""

    def __init__(self, user, password):
        self.password = password.encode()
        self.first = "n=%s,r=%s" % (user, base64.b64encode(os.urandom(18)).decode())
        self.edit = lambda final: final
        self.signature = None

    def begin(self):
        return "n,," + self.first

    def answer(self, server_first):
        text = server_first.decode()
        facts = dict(part.split("=", 1) for part in text.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(facts["s"]),
                                     int(facts["i"]))
        key = mac(salted, b"Client Key")
        unproved = "c=biws,r=" + facts["r"]
        whole = ",".join((self.first, text, unproved)).encode()
        proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), whole)))
        self.signature = mac(mac(salted, b"Server Key"), whole)
        return self.edit("%s,p=%s" % (unproved, base64.b64encode(proof).decode()))


def come(broker, scram, user=None, method=METHOD, first=None, **options):
    options.setdefault("client_id", messages.unique("scram"))
    auth = (method, scram.begin() if first is None else first, scram.answer)
    return broker.try_client(user, None, auth=auth, **options)


@pytest.mark.parametrize("user", [None, "customer-a"])
def test_right(broker, user):
    scram = Scram("customer-a", USERS["customer-a"])
    client = come(broker, scram, user)
    assert client.code == 0
    final = rawmqtt.connack_property(client.connack, 0x16)
    assert final == b"v=" + base64.b64encode(scram.signature)  # the broker has the keys
    topic, payload = messages.order(messages.unique("ord"))
    assert client.subscribe("orders/#") == [2]
    broker.client("backoffice").publish(topic, payload, qos=1)
    assert client.message().topic == topic  # he owns it
    assert client.publish(*messages.stock("x"), qos=1) == REFUSED


@pytest.mark.parametrize("user, password", [
    ("customer-a", "wrong"), ("customer-a", ""), ("nobody", "pencil"), ("monitor", "pencil"),
    ("customer-A", "pencil"),
])
def test_wrong(broker, user, password):
    assert come(broker, Scram(user, password)).code == REFUSED


def test_unknown_user_looks_like_a_known_one(broker):
    """Up to the end, and the same salt at each try."""
    seen = []
    for _ in range(2):
        scram = Scram("nobody", "x")
        answer = scram.answer
        scram.answer = lambda data, answer=answer: (seen.append(data.decode()), answer(data))[1]
        assert come(broker, scram).code == REFUSED
    first, second = (dict(part.split("=", 1) for part in text.split(",")) for text in seen)
    assert first["s"] == second["s"] and first["i"] == "4096" and first["r"] != second["r"]


@pytest.mark.parametrize("first", [
    "", "x", "n,,", "n,,n=customer-a", "y,,n=customer-a,r=abc", "p=tls-unique,,n=customer-a,r=abc",
    "n,a=backoffice,n=customer-a,r=abcdefgh", "n,,m=x,n=customer-a,r=abcdefgh",
    "n,,n=customer-a,r=" + "x" * 5000, "n,,n=customer-a\0,r=abcdefgh", "n,,n=,r=abcdefgh",
])
def test_bad_first_message(broker, first):
    scram = Scram("customer-a", USERS["customer-a"])
    scram.answer = lambda data: "c=biws"
    try:
        assert come(broker, scram, first=first).code in (REFUSED, 0x86)
    except rawmqtt.Closed:
        pass


@pytest.mark.parametrize("edit", [
    lambda final: final.replace("c=biws", "c=eSws"),
    lambda final: final.replace(",r=", ",r=x"),
    lambda final: final[:-6] + "AAAA==",
    lambda final: final.split(",p=")[0],
    lambda final: final + ",x=y",
    lambda final: "",
    lambda final: "p=" + "A" * 3000,
])
def test_bad_final_message(broker, edit):
    scram = Scram("customer-a", USERS["customer-a"])
    scram.edit = edit
    try:
        assert come(broker, scram).code == REFUSED
    except rawmqtt.Closed:
        pass


def test_another_user_name(broker):
    """What CONNECT says and what is proved must agree."""
    assert come(broker, Scram("customer-a", USERS["customer-a"]), "backoffice").code == REFUSED


def test_another_method(broker):
    scram = Scram("customer-a", USERS["customer-a"])
    assert come(broker, scram, method="SCRAM-SHA-1").code == BAD_METHOD


@pytest.mark.parametrize("by_command", [False, True])
def test_reload(broker, by_command):
    """Nobody can be asked for a proof again: who has keys stays, with his rights."""
    staying = come(broker, Scram("orders-service", USERS["orders-service"]))
    going = come(broker, Scram("customer-b", USERS["customer-b"]))
    with open(broker.path("scram")) as file:
        before = file.read()
    with open(broker.path("scram"), "w") as file:
        file.writelines(line for line in before.splitlines(True)
                        if not line.startswith("customer-b:"))
    try:
        if by_command:
            assert "error" not in watched.ask(broker, {"command": "reload"})[0]
        else:
            assert "reloaded" in broker.reload()
        going.wait_closed()
        code = staying.publish(*messages.order(messages.unique("ord")), qos=1)
        assert code in (0, 0x10)
        assert come(broker, Scram("customer-b", USERS["customer-b"])).code == REFUSED
    finally:
        with open(broker.path("scram"), "w") as file:
            file.write(before)
        broker.reload()
    staying.ping()
    assert come(broker, Scram("customer-b", USERS["customer-b"])).code == 0
