"""petstorectl explain says what the broker's notice says, over every kind of refusal."""

import json
import os
import shutil
import subprocess

import pytest

import harness
import messages
from test_refusals import CASES

TOOL = os.path.join(harness.BUILD, "petstorectl")
# What differs from one decision to the next, even of the same message.
OWN = ("decisionId", "time")


def explain(broker, tmp_path, user, client_id, topic, payload, qos, retain, *more):
    (tmp_path / "payload").write_bytes(payload)
    words = [TOOL, "explain", "publish", "--user", user, "--client", client_id, "--qos", str(qos),
             "--config", broker.path("mosquitto.conf"), *more]
    if retain:
        words.append("--retain")
    words += ["--", topic]
    if payload:
        words.append("@%s" % (tmp_path / "payload"))
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


def notice_of(broker, user, topic, payload, qos, retain):
    publisher = broker.client(user)
    assert publisher.subscribe("refusals/%s/%s" % (user, publisher.client_id)) == [2]
    publisher.publish(topic, payload, qos, retain)
    return publisher.client_id, json.loads(publisher.message().payload)


def same(notice, explained):
    for name in OWN:
        notice.pop(name), explained.pop(name)
    assert explained == notice


@pytest.mark.parametrize("name", CASES)
def test_equals_the_notice(broker, tmp_path, name):
    user, (topic, payload), qos, retain, reason = CASES[name]
    client_id, notice = notice_of(broker, user, topic, payload, qos, retain)
    status, out = explain(broker, tmp_path, user, client_id, topic, payload, qos, retain,
                          "--notice")
    assert status == 1 and notice["reason"] == reason
    same(notice, json.loads(out))


def test_lists_all_faults(broker, tmp_path):
    user, (topic, payload), qos, retain, _reason = CASES["more faults than are told"]
    _client_id, notice = notice_of(broker, user, topic, payload, qos, retain)
    assert len(notice["errors"]) == 8
    assert notice["errors"][0]["message"] == notice["detail"]
    _status, out = explain(broker, tmp_path, user, "x", topic, payload, qos, retain)
    assert out.count("  as well ") == 7


def test_equals_the_notice_from_where_it_stands(broker, tmp_path):
    """The state is the database's, which the broker writes meanwhile."""
    order = messages.unique("ord")
    service = broker.client("orders-service")
    for status in ("PLACED", "APPROVED"):
        assert service.publish(*messages.order(order, status), qos=1) in (0, 0x10)
    broker.wait_rows([("APPROVED",)], "SELECT status FROM orders WHERE id = ?", order)
    for message in (messages.order(order, "DELIVERED"), messages.order(order),
                    messages.order(order, "CANCELLED", userId="customer-b")):
        client_id, notice = notice_of(broker, "orders-service", *message, 1, False)
        status, out = explain(broker, tmp_path, "orders-service", client_id, *message, 1, False,
                              "--notice")
        assert status == 1
        same(notice, json.loads(out))
    topic, payload = messages.order(order, "SHIPPED")
    status, out = explain(broker, tmp_path, "orders-service", "x", topic, payload, 1, False)
    assert status == 0 and out.endswith("allowed, and kept\n")


def test_lists_while_the_broker_runs(broker):
    order = messages.unique("ord")
    service = broker.client("orders-service")
    assert service.publish(*messages.order(order), qos=1) in (0, 0x10)
    assert service.publish(*messages.order(order, "DELIVERED"), qos=1) == 0x87
    broker.wait_rows([(1,)], "SELECT count(*) FROM refusals WHERE client_id = ?",
                     service.client_id)
    config = "--config=" + broker.path("mosquitto.conf")
    shown = json.loads(subprocess.check_output([TOOL, "orders", order, "--json", config]))
    assert shown["status"] == "PLACED" and len(shown["history"]) == 1
    refused = json.loads(subprocess.check_output(
        [TOOL, "refusals", "--client", service.client_id, "--json", config]))
    assert [each["reason"] for each in refused] == ["transition-illegal"]


def test_follow(broker):
    publisher = broker.client("inventory-service")
    follower = subprocess.Popen(
        [TOOL, "refusals", "--follow", "--json", "--client", publisher.client_id,
         "--config", broker.path("mosquitto.conf")], stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(3):
            publisher.publish(*messages.stock("xyz789", -1), qos=1)
            row = json.loads(follower.stdout.readline())
            assert row["reason"] == "schema-violation"
    finally:
        follower.terminate()
        follower.wait()
        follower.stdout.close()


def test_lint_and_replay_of_what_runs(broker):
    config = "--config=" + broker.path("mosquitto.conf")
    lint = subprocess.run([TOOL, "lint", config], stdout=subprocess.PIPE, text=True)
    *found, count = lint.stdout.splitlines()
    assert (lint.returncode, count) == (0, "0 errors, 2 warnings")
    # What the tests' access file leaves out.
    assert ": 9 users (backoffice, ...) may use every client id" in found[0]
    assert "fewer than 10000 rounds" in found[1]  # the tests' passwords, so that none waits
    replay = subprocess.run([TOOL, "replay", "--json", "--events", broker.database.place,
                             config, broker.contract], stdout=subprocess.PIPE, text=True)
    assert replay.returncode == 0
    assert json.loads(replay.stdout)["refuses"] == 0


def test_replay_knows_wills(broker, tmp_path):
    """A contract that takes no wills any more would refuse the one that was recorded."""
    pet = messages.unique("pet")
    client = broker.client("collar-7", will=(*messages.availability(pet, False), 1, False))
    client.drop()
    topic = "pets/%s/availability" % pet
    broker.wait_rows([(1,)], "SELECT will FROM events WHERE topic = ?", topic)
    shutil.copytree(broker.schemas, tmp_path / "new")
    path = tmp_path / "new" / os.path.basename(broker.contract)
    contract = json.loads(path.read_text())
    del contract["channels"]["petAvailability"]["x-will"]
    path.write_text(json.dumps(contract))
    replay = subprocess.run([TOOL, "replay", "--json", "--events", broker.database.place,
                             "--config=" + broker.path("mosquitto.conf"), str(path)],
                            stdout=subprocess.PIPE, text=True)
    assert replay.returncode == 1
    changes = json.loads(replay.stdout)["changes"]
    assert [(each["topic"], each["detail"].split(":")[0]) for each in changes] == [
        (topic, "will-forbidden")]
