"""The README's examples, taken from the README, run against a broker."""

import os
import re
import shutil
import subprocess
import sys

import pytest

import harness

CLIENTS = os.path.join(harness.TOP, "test", "clients")

with open(os.path.join(harness.TOP, "README.md"), encoding="utf-8") as _file:
    TEXT = _file.read()


def block(language, containing):
    """The one code block that contains the text."""
    blocks = re.findall(r"^```%s\n(.*?)^```$" % language, TEXT, re.S | re.M)
    (found,) = [each for each in blocks if containing in each]
    return found


def here(broker, text):
    """An example with this broker's files and ports in place of `make run`'s."""
    return (text.replace("build/run/", broker.folder + "/")
            .replace("8883", str(broker.tls)).replace("8084", str(broker.wss)))


def run(*command, wait=30, **options):
    return subprocess.run(command, text=True, timeout=wait, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)


def test_mosquitto_clients(broker):
    password = here(broker, block("sh", "password()"))
    subscribe = here(broker, block("sh", "-t 'orders/#'"))
    publish = here(broker, block("sh", "mosquitto_pub"))
    subscriber = harness.Shell(password + subscribe.rstrip() + " -d -C 1")
    subscriber.line_with("SUBACK")
    done = run("bash", "-c", password + publish)
    assert (done.returncode, done.stdout) == (0, "")
    assert 'orders/ord-1/status {"orderId": "ord-1"' in subscriber.finish()[1]
    refused = run("bash", "-c", password + publish.replace("PLACED", "LOST"))
    assert "Not authorized" in refused.stdout


def test_python(broker):
    import paho.mqtt.client as mqtt

    script = here(broker, block("python", "mqtt.Client"))
    if not hasattr(mqtt, "CallbackAPIVersion"):
        script = script.replace("mqtt.CallbackAPIVersion.VERSION2", "")
    done = run(sys.executable, "-c", script,
               env=dict(os.environ, PASSWORD=broker.password("backoffice")))
    assert done.stdout.splitlines()[1:] == ["ord-2 is PLACED"], done.stdout


@pytest.mark.parametrize("transport", ["mqtts", "wss"])
def test_javascript(broker, node_modules, transport):
    script = block("js", "mqtt.connect")
    if transport == "wss":
        script = script.replace("mqtts://localhost:8883", "wss://localhost:8084")
    done = run("node", "-e", here(broker, script),
               env=dict(os.environ, NODE_PATH=node_modules,
                        PASSWORD=broker.password("backoffice")))
    assert sorted(done.stdout.splitlines()) == ["inventory/xyz789/stock 42", "refused: 135"]


def test_esp32(broker, tmp_path):
    """The sketch, compiled for this machine: it connects, publishes, and leaves a will."""
    with open(broker.authority) as file:
        authority = file.read()
    sketch = (here(broker, block("cpp", "PubSubClient"))
              .replace("from %s/credentials" % broker.folder, broker.password("collar-7"))
              .replace("the text of %s/ca.crt" % broker.folder, authority))
    (tmp_path / "collar.ino").write_text(sketch)
    compiler = shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        pytest.skip("no C++ compiler")
    folder = os.path.join(CLIENTS, "esp32")
    done = run(compiler, "-Wall", "-Wextra", "-Wno-unused-function", "-I", folder,
               '-DSKETCH="%s"' % (tmp_path / "collar.ino"), os.path.join(folder, "main.cpp"),
               "-o", str(tmp_path / "collar"), "-lmosquitto")
    assert (done.returncode, done.stdout) == (0, "")
    watcher = broker.client("customer-a")
    watcher.subscribe("pets/collar-7/availability")
    collar = harness.Shell("exec " + str(tmp_path / "collar"))
    assert collar.line() == "connected\n"
    message = watcher.message()
    assert b'"available": true' in message.payload and message.qos == 0
    collar.kill()
    collar.finish()
    assert b'"available": false' in watcher.message().payload


def test_database_query(broker):
    publisher = broker.client("orders-service")
    publisher.publish("orders/ord-9/status", '{"orderId": "ord-9", "status": "PLACED", "userId":'
                      ' "customer-a", "updatedAt": "2026-01-15T10:30:00Z"}', 1)
    query = here(broker, block("sh", "sqlite3 -readonly"))
    harness.until(lambda: "ord-9|PLACED||customer-a\n" in run("bash", "-c", query).stdout,
                  "the order to show")


def test_refusal_lines(broker):
    """The log lines that the README shows look like the real ones."""
    publisher = broker.client("orders-service", client_id="x")
    before = broker.mark()
    for status in ("PLACED", "APPROVED", "SHIPPED", "PLACED"):
        publisher.publish(
            "orders/ord-1/status", '{"orderId": "ord-1", "status": "%s", "userId": "customer-a",'
            ' "updatedAt": "2026-01-15T10:30:00Z"}' % status, 1)
    shown = re.search(r"^petstore: refused publish .* \[", TEXT, re.M).group()  # then an id
    broker.wait_log(re.escape(shown), before)
    before = broker.mark()
    broker.try_client("eva", "x", client_id="app-1")
    shown = re.search(r"^petstore: refused connection .*$", TEXT, re.M).group()
    broker.wait_log(re.escape(shown.replace("192.0.2.7", "127.0.0.1")), before)


def test_access_example(new_broker):
    broker = new_broker()
    with open(broker.path("access.json"), "w") as file:
        file.write(block("json", '"roles"'))
    broker.start()
    broker.try_client("orders-service", broker.password("orders-service")).ping()
