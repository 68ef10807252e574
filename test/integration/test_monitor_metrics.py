"""The numbers: $SYS, retained and there again after a restart; and the file, as promtool has it."""

import os
import shutil
import subprocess

import pytest

import harness
import messages
import watched


def values(text):
    return dict(line.rsplit(" ", 1) for line in text.splitlines()
                if line and not line.startswith("#"))


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def test_metrics_file(new_broker):
    broker = new_broker()
    path = broker.path("petstore.prom")
    broker.edits.append(watched.options(metrics_file=path, metrics_interval=1))
    broker.start()
    client = broker.client("backoffice")
    for number in range(7):
        client.publish(*messages.stock("p", number), qos=1)
    client.publish("weather/today", b"{}", qos=1)
    broker.try_client("backoffice", "wrong", client_id="x")
    wanted = ('petstore_decisions_total{action="publish",channel="inventoryStock",'
              'outcome="allowed",reason="allowed"}')
    text = harness.until(lambda: values(read(path)).get(wanted) == "7" and
                         values(read(path)).get("petstore_journal_records") == "0" and read(path),
                         "the file")
    found = values(text)
    assert found['petstore_decisions_total{action="publish",channel="none",outcome="refused",'
                 'reason="topic-unknown"}'] == "1"
    assert found['petstore_connections_total{method="password",result="refused"}'] == "1"
    assert int(found["petstore_decision_seconds_count"]) >= 8
    assert int(found["petstore_batch_records_sum"]) == 7
    assert found['petstore_alerts_standing{kind="takeover"}'] == "0"
    assert text.endswith("# EOF\n")
    assert os.stat(path).st_mode & 0o777 == 0o644
    assert not os.path.exists(path + ".new")
    promtool = shutil.which("promtool")
    if promtool:
        done = subprocess.run([promtool, "check", "metrics"], input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert (done.returncode, done.stdout) == (0, "")
    else:
        pytest.skip("promtool (Debian's prometheus) is not installed")


def test_a_file_that_cannot_be(new_broker):
    broker = new_broker()
    broker.edits.append(watched.options(metrics_file="/no/such/folder/x.prom"))
    with pytest.raises(harness.StartError) as error:
        broker.start()
    assert "/no/such/folder/x.prom: cannot write metrics" in error.value.log


def test_sys(new_broker):
    broker = new_broker()
    broker.edits.append(watched.options(sys_interval=1))
    broker.start()
    client = broker.client("backoffice")
    client.publish(*messages.stock("p", 1), qos=1)

    def look(user="monitor"):
        reader = broker.client(user)
        assert reader.subscribe("$SYS/broker/petstore/#") == [2]
        found = {}
        while "store/errors" not in found:
            message = reader.message()
            found[message.topic[len("$SYS/broker/petstore/"):]] = message.payload.decode()
        reader.disconnect()
        return found

    harness.until(lambda: look().get("publish/allowed") == "1", "the count")
    found = look()
    assert found["contract"] == "Petstore MQTT API"
    assert found["publish/refused"] == "0" and found["alerts/standing"] == "0"
    assert broker.client("customer-a").subscribe("$SYS/broker/petstore/#") == [0x87]
    broker.restart()
    assert look()["publish/allowed"] == "0"
