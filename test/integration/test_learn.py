"""
Contracts learned from traffic (petstorectl init --learn): everything that was recorded is accepted
by a broker that enforces them, and what differs from it is refused. First observed, then widened.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess

import pytest

import harness
import rawmqtt
import simulated
from test_readme import block

TOOL = os.path.join(harness.BUILD, "petstorectl")
RECORD = ["mosquitto_sub", "-q", "2", "-V", "5", "--retain-as-published", "-F", "%j"]

# Of the demo's accounts, with what they may: nothing, since a learned contract without publishers
# asks for no scope.
ACCESS = {"roles": {"user": {"scopes": []}}, "users": {"backoffice": {"roles": ["user"]}}}


def init(*arguments):
    done = subprocess.run([TOOL, "init", *map(str, arguments)], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


@contextlib.contextmanager
def plain_broker(folder):
    """A broker without the plugin, that serves everybody: what there is before a contract."""
    port, = harness.free_ports(1)
    conf = folder / "plain.conf"
    conf.write_text("listener %d 127.0.0.1\nallow_anonymous true\nlog_type all\n" % port)
    with open(folder / "plain.log", "w") as log:
        process = subprocess.Popen(["mosquitto", "-c", str(conf)], stdout=log, stderr=log)
    try:
        harness.until(lambda: "running" in (folder / "plain.log").read_text(), "the plain broker")
        yield port
    finally:
        process.terminate()
        process.wait(harness.WAIT)


def record(port, log, path, messages):
    """Publishes @messages while mosquitto_sub records them."""
    with open(path, "w") as file:
        recorder = subprocess.Popen(RECORD + ["-p", str(port), "-t", "#", "-C", str(len(messages))],
                                    stdout=file)
    try:
        harness.until(lambda: "Sending SUBACK" in log.read_text(), "the recorder")
        client = rawmqtt.RawClient(rawmqtt.open_stream("tcp", port), client_id="simulator")
        for message in messages:
            client.publish(*message)
        client.disconnect()
        recorder.wait(harness.WAIT)
    finally:
        recorder.kill()
    with open(path) as file:
        return [json.loads(line) for line in file]


def refused(broker, since):
    return [(topic, reason) for topic, _, _, reason in broker.refusals(since)]


def publish(client, mutation):
    topic, payload, qos, retain = mutation
    client.publish(topic, payload if isinstance(payload, str) else json.dumps(payload), qos, retain)


def assert_all_refused(broker, client, mutations):
    for mutation, reason in mutations:
        mark = broker.mark()
        publish(client, mutation)
        harness.until(lambda: broker.refusals(mark), "a refusal of %r" % (mutation,))
        assert refused(broker, mark) == [(mutation[0], reason)], mutation


@pytest.fixture(scope="module")
def zigbee(tmp_path_factory, template):
    """What was recorded, where, and a broker that enforces what was learned from it."""
    folder = tmp_path_factory.mktemp("zigbee")
    recording = folder / "recording.jsonl"
    with plain_broker(folder) as port:
        seen = record(port, folder / "plain.log", recording, list(simulated.zigbee()))
    init("--learn", recording, "--out", folder / "first")
    access = folder / "access.json"
    access.write_text(json.dumps(ACCESS))
    broker = harness.Broker(folder / "run", template,
                            contract=str(folder / "first" / "contract.asyncapi.yaml"),
                            access=str(access))
    with harness.running(broker):
        yield seen, folder, broker


def test_zigbee_accepts_what_was_recorded(zigbee):
    seen, _, broker = zigbee
    assert len(seen) == len(list(simulated.zigbee()))
    mark, client = broker.mark(), broker.client("backoffice")
    for each in seen:
        assert client.publish(each["topic"], each["payload"], each["qos"], each["retain"]) < 0x80, each
    client.publish("zigbee2mqtt/bridge/logging", '{"level": "info", "message": "done"}', 1)
    assert refused(broker, mark) == []


def lamp(**changed):
    values = dict(simulated.lamp(simulated.random.Random(7)), **changed)
    return {name: value for name, value in values.items() if value is not None}


def test_zigbee_refuses_what_differs(zigbee):
    broker = zigbee[2]
    assert_all_refused(broker, broker.client("backoffice"), [
        (("zigbee2mqtt/lamp_1", lamp(state="BLINK"), 0, True), "schema-violation"),
        (("zigbee2mqtt/lamp_1", lamp(effect="rainbow"), 0, True), "schema-violation"),
        (("zigbee2mqtt/lamp_1", lamp(linkquality=None), 0, True), "schema-violation"),
        (("zigbee2mqtt/lamp_1", lamp(brightness="high"), 0, True), "schema-violation"),
        (("zigbee2mqtt/lamp_1", lamp(color={"x": 0.1}), 0, True), "schema-violation"),
        (("zigbee2mqtt/lamp_1", lamp(), 0, False), "retain-required"),
        (("zigbee2mqtt/lamp_1/availability", "asleep", 1, True), "schema-violation"),
        (("zigbee2mqtt/lamp_1/availability", "online", 0, True), "qos-too-low"),
        (("zigbee2mqtt/sofa/set", {"state": "ON"}, 1, False), "topic-parameter"),
        (("zigbee2mqtt/bridge/request", {"id": 1}, 1, False), "topic-unknown"),
        (("zigbee2mqtt/bridge/event", {"type": "device_leave", "status": "x", "data": {}}, 0, False),
         "schema-violation"),
        (("tele/plug-1/TEMPERATURE", "warm", 0, False), "schema-violation"),
        (("stat/plug-1/POWER", "on", 0, False), "schema-violation"),
        (("stat/plug-1", "ON", 0, False), "topic-unknown"),
    ])


def test_the_demo_with_publishers(tmp_path, template):
    """The database of the shipped demo names who published: that becomes scopes and roles."""
    demo = harness.Broker(tmp_path / "demo", template)
    demo.without_power()
    with harness.running(demo):
        clients = {}
        for user, *message in simulated.petstore():
            if user not in clients:
                clients[user] = demo.client(user)
            assert clients[user].publish(*message) < 0x80
        count = len(list(simulated.petstore()))
        demo.wait_rows([(count,)], "SELECT count(*) FROM events")
        init("--learn", demo.database.place, "--out", tmp_path / "first")
    learned = tmp_path / "first"
    broker = harness.Broker(tmp_path / "run", template,
                            contract=str(learned / "contract.asyncapi.yaml"),
                            access=str(learned / "access.json"))
    with harness.running(broker):
        check_demo(broker)


def check_demo(broker):
    clients, mark = {}, broker.mark()
    for user, *message in simulated.petstore():
        if user not in clients:
            clients[user] = broker.client(user)
        assert clients[user].publish(*message) < 0x80, message
    assert refused(broker, mark) == []
    broker.wait_rows([(24,)], "SELECT count(*) FROM orders_status")
    order = next(payload for _, topic, payload, _, _ in simulated.petstore(seed=9)
                 if topic.startswith("orders/"))
    order = json.loads(order)
    topic = "orders/%s/status" % order["orderId"]
    assert_all_refused(broker, clients["orders-service"], [
        ((topic, dict(order, status="SHIPPED"), 1, True), "transition-illegal"),
        ((topic, dict(order, status="LOST"), 1, True), "schema-violation"),
        ((topic, dict(order, note="x"), 1, True), "schema-violation"),
        ((topic, {"orderId": order["orderId"], "status": "PLACED"}, 1, True), "schema-violation"),
        ((topic, dict(order, updatedAt="yesterday"), 1, True), "schema-violation"),
        ((topic, dict(order, totalAmount=12.5), 1, True), "schema-violation"),
        ((topic, dict(order, orderId=order["userId"]), 1, True), "id-mismatch"),
        ((topic, dict(order), 0, True), "qos-too-low"),
        ((topic, dict(order), 1, False), "retain-required"),
        ((topic, "{", 1, True), "payload-not-json"),
        (("orders/7/status", dict(order, orderId="7"), 1, True), "topic-parameter"),
        (("pets/%s/status" % order["petId"],
          {"petId": order["petId"], "status": "AVAILABLE", "updatedAt": order["updatedAt"]}, 0, True),
         "scope-missing"),
    ])


def test_observed_then_widened(zigbee, tmp_path, template):
    """What an observed contract lacked is learned from the database, and enforced then."""
    _, folder, _ = zigbee
    learned = tmp_path / "learned"
    shutil.copytree(folder / "first", learned)
    contract = learned / "contract.asyncapi.yaml"
    contract.write_text(contract.read_text().replace("x-mode: enforce", "x-mode: observe"))
    broker = harness.Broker(tmp_path / "run", template, contract=str(contract),
                            access=str(folder / "access.json"))
    new = [("zigbee2mqtt/lamp_1", lamp(effect="rainbow"), 1, True),
           ("zigbee2mqtt/lamp_1/availability", "asleep", 1, True)]
    with harness.running(broker):
        client = broker.client("backoffice")
        for message in new:
            publish(client, message)
        harness.until(lambda: broker.rows("SELECT count(*) FROM refusals WHERE observed = 1") == [(2,)],
                      "the observed messages")
        assert "widened in 2 places" in init("--learn", broker.database.place, "--out", learned)
        text = contract.read_text().replace("x-mode: observe", "x-mode: enforce")
        with open(broker.contract, "w") as file:
            file.write(text)
        broker.reload()
        mark = broker.mark()
        for message in new:
            publish(client, message)
        assert refused(broker, mark) == []
        assert_all_refused(broker, client, [
            (("zigbee2mqtt/lamp_1", lamp(effects="rainbow"), 1, True), "schema-violation")])


@contextlib.contextmanager
def started(command, folder):
    """A broker that a page's command starts."""
    with open(folder / "trial.log", "w") as log:
        process = subprocess.Popen(command, shell=False, cwd=folder, stdout=log, stderr=log)
    try:
        harness.until(lambda: re.search(r"version \S+ running", (folder / "trial.log").read_text()),
                      "the broker of the trial")
        yield
    finally:
        process.terminate()
        process.wait(harness.WAIT)


def test_recipe(tmp_path):
    """The commands of docs/existing-broker.md, as they stand there: recorded, tried, widened."""
    tools = dict(os.environ, PATH=harness.BUILD + ":" + os.environ["PATH"])
    messages = list(simulated.zigbee())
    with plain_broker(tmp_path) as port:
        text = block("sh", "init --learn recording.jsonl").replace(
            "-W 3600", "-p %d -C %d" % (port, len(messages)))
        process = subprocess.Popen(["bash", "-ec", text], cwd=tmp_path, env=tools, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        harness.until(lambda: "Sending SUBACK" in (tmp_path / "plain.log").read_text(), "the recorder")
        client = rawmqtt.RawClient(rawmqtt.open_stream("tcp", port), client_id="simulator")
        for message in messages:
            client.publish(*message)
        client.disconnect()
        said = process.communicate(timeout=300)[0]
        assert process.returncode == 0 and "0 errors" in said, said

    contract = tmp_path / "first" / "contract.asyncapi.yaml"
    contract.write_text(contract.read_text().replace("x-mode: enforce", "x-mode: observe").replace(
        "x-unlisted: refuse", "x-unlisted: observe"))
    make, start = block("sh", "--out trial").splitlines()
    port, = harness.free_ports(1)
    done = subprocess.run(["bash", "-ec", make.replace("--out", "--port %d --out" % port)], cwd=tmp_path,
                          env=tools, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert done.returncode == 0, done.stdout
    user, password = (tmp_path / "trial" / "credentials").read_text().split()[:2]
    with started(start.split(), tmp_path):
        for topic, payload in (("zigbee2mqtt/lamp_1/availability", "asleep"), ("zigbee2mqtt/new/level", "7")):
            subprocess.run(["mosquitto_pub", "-p", str(port), "-V", "5", "-q", "1", "-r", "-u", user, "-P", password,
                            "-i", user + "/pub", "-t", topic, "-m", payload], check=True, timeout=300)
        harness.until(lambda: "topic-unknown" in (tmp_path / "trial.log").read_text(), "the observed messages")
    done = subprocess.run(["bash", "-ec", block("sh", "--learn trial/petstore.db")], cwd=tmp_path, env=tools,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    assert done.returncode == 0 and "widened" in done.stdout, done.stdout
    assert "asleep" in contract.read_text() and "zigbee2mqtt/{zigbee2mqttId}/level" in contract.read_text()
