"""Client libraries, over TLS and over websockets: the examples, and others."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys

import pytest

import harness

ACCESS = harness.ACCESS
CLIENTS = os.path.join(harness.TOP, "test", "clients")
EXAMPLES = os.path.join(harness.TOP, "examples")


def run(*command, wait=300, **options):
    return subprocess.run(command, text=True, timeout=wait, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)


def url(broker, scheme):
    return "%s://localhost:%d" % (scheme, broker.wss if scheme == "wss" else broker.tls)


def environment(broker, **more):
    return dict(os.environ, PASSWORD=broker.password("backoffice"), CA=broker.authority, **more)


# ---- the examples ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["mqtts", "wss"])
def test_python(broker, scheme):
    done = run(sys.executable, os.path.join(EXAMPLES, "python", "orders.py"), url(broker, scheme),
               env=environment(broker))
    assert done.stdout.splitlines() == [
        "connected", "ord-2 is PLACED", "refused: order is PLACED: APPROVED, CANCELLED may follow, not DELIVERED"]


@pytest.mark.parametrize("scheme", ["mqtts", "wss"])
def test_javascript(broker, node_modules, scheme):
    done = run("node", os.path.join(EXAMPLES, "javascript", "stock.cjs"), url(broker, scheme),
               env=environment(broker, NODE_PATH=node_modules))
    assert sorted(done.stdout.splitlines()) == [
        "because: is -1, expected at least 0 /quantity", "inventory/xyz789/stock 42",
        "refused: 135"]


@pytest.mark.parametrize("program", ["python/orders.py", "javascript/stock.cjs"])
def test_example_of_a_run(broker, node_modules, tmp_path, program):
    """RUN has all that they need, wherever they are started; a wrong password ends them."""
    command = [sys.executable if program.endswith("py") else "node", os.path.join(EXAMPLES, program),
               url(broker, "mqtts")]
    plain = {name: value for name, value in os.environ.items() if name not in ("CA", "PASSWORD")}
    plain.update(RUN=broker.folder, NODE_PATH=node_modules)
    done = run(*command, env=plain, cwd=tmp_path)
    assert done.returncode == 0 and "refused: " in done.stdout, done.stdout
    done = run(*command, env=dict(plain, PASSWORD="wrong"), cwd=tmp_path)
    assert done.returncode == 1 and "not connected: " in done.stdout, done.stdout


def collar(broker, folder, change=lambda sketch: sketch):
    """The sketch, compiled for this machine."""
    with open(os.path.join(EXAMPLES, "esp32", "collar", "collar.ino")) as file:
        sketch = file.read()
    with open(broker.authority) as file:
        authority = file.read()
    for before, after in [("broker.example", "localhost"), ("8883", str(broker.tls)),
                          ("from build/run/credentials", broker.password("collar-7")),
                          ("the text of build/run/ca.crt", authority)]:
        assert sketch.count(before) == 1
        sketch = sketch.replace(before, after)
    (folder / "collar.ino").write_text(change(sketch))
    compiler = shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        pytest.skip("no C++ compiler")
    shim = os.path.join(CLIENTS, "esp32")
    done = run(compiler, "-Wall", "-Wextra", "-Wno-unused-function", "-I", shim,
               '-DSKETCH="%s"' % (folder / "collar.ino"), os.path.join(shim, "main.cpp"),
               "-o", str(folder / "collar"), "-lmosquitto")
    assert (done.returncode, done.stdout) == (0, "")
    return harness.Shell("exec " + str(folder / "collar"))


def test_esp32(broker, tmp_path):
    """The sketch connects, publishes, and leaves a will."""
    watcher = broker.client("customer-a")
    watcher.subscribe("pets/collar-7/availability")
    sketch = collar(broker, tmp_path)
    assert sketch.line() == "connected\n"
    message = watcher.message()
    assert b'"available": true' in message.payload and message.qos == 0
    sketch.kill()
    sketch.finish()
    assert b'"available": false' in watcher.message().payload


def test_esp32__refused(broker, tmp_path):
    """The sketch shows the notice of what is refused."""
    sketch = collar(broker, tmp_path, lambda text: text.replace('"true" : "false"', '"1" : "0"'))
    assert sketch.line() == "connected\n"
    topic, _, notice = sketch.line().partition(": ")
    assert topic == "refusals/collar-7/collar-7"
    assert json.loads(notice)["errors"][0]["field"] == "/available"
    sketch.kill()
    sketch.finish()


@pytest.mark.parametrize("message, expected", [
    ('{"orderId": "ord-1", "status": "APPROVED", "updatedAt": "2026-01-15T10:30:00Z"}', "valid"),
    ('{"orderId": "ord-1", "status": "LOST", "updatedAt": "2026-01-15T10:30:00Z"}', "/status")])
@pytest.mark.parametrize("program", ["validate.py", "validate.cjs"])
def test_validate(request, program, message, expected):
    """Others' validators find the files that a schema refers to."""
    if program == "validate.py":
        pytest.importorskip("jsonschema")
        done = run(sys.executable, os.path.join(EXAMPLES, "python", program), "order-status", message)
    else:
        modules = request.getfixturevalue("node_modules")
        done = run("node", os.path.join(EXAMPLES, "javascript", program), "order-status", message,
                   env=dict(os.environ, NODE_PATH=modules))
    assert done.stdout.split(None, 1)[0] == expected, done.stdout
    assert done.returncode == (expected != "valid")


@pytest.mark.parametrize("arguments, shown", [
    ([], "order-status, "), (["order-stats", "{}"], "order-status, "),
    (["order-status", "{"], "not JSON: "),
    (["order-status", '{"orderId": "ord-1", "status": "PLACED", "updatedAt": "today"}'], "/updatedAt "),
    (["order-status", '{"orderId": "o", "status": "PLACED", "updatedAt": "2026-02-30T10:30:00Z"}'],
     "/updatedAt ")])
@pytest.mark.parametrize("program", ["validate.py", "validate.cjs"])
def test_validate__not_so(request, program, arguments, shown):
    """What is no message is said in words, with the names that there are; a time must be one."""
    if program == "validate.py":
        pytest.importorskip("jsonschema")
        command, more = [sys.executable, os.path.join(EXAMPLES, "python", program)], {}
    else:
        command = ["node", os.path.join(EXAMPLES, "javascript", program)]
        more = {"NODE_PATH": request.getfixturevalue("node_modules")}
    done = run(*command, *arguments, env=dict(os.environ, **more))
    assert done.returncode == 1 and shown in done.stdout, done.stdout
    assert "Traceback" not in done.stdout and "    at " not in done.stdout


# ---- Eclipse Paho for C ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def paho_c(tmp_path_factory):
    if not os.path.exists("/usr/include/MQTTAsync.h"):
        pytest.skip("libpaho-mqtt-dev is not installed")
    program = str(tmp_path_factory.mktemp("paho") / "paho")
    done = run("cc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
               os.path.join(CLIENTS, "paho.c"), "-o", program, "-lpaho-mqtt3as", "-pthread")
    assert (done.returncode, done.stdout) == (0, "")
    return program


@pytest.mark.parametrize("scheme", ["ssl", "wss"])
@pytest.mark.parametrize("version", [3, 5])
def test_paho_c(broker, paho_c, scheme, version):
    done = run(paho_c, url(broker, scheme), broker.authority, "backoffice", str(version),
               env=environment(broker))
    refused = ["refused 135"] if version == 5 else []
    assert done.stdout.splitlines() == [
        "received inventory/paho-c/stock 7"] + refused + ["received inventory/paho-c/stock 8"]


@pytest.mark.parametrize("version, code", [(3, 5), (5, 135)])
def test_paho_c__wrong_password(broker, paho_c, version, code):
    done = run(paho_c, "ssl://localhost:%d" % broker.tls, broker.authority, "backoffice",
               str(version), env=dict(os.environ, PASSWORD="wrong"))
    assert done.stdout == "not connected: %d\n" % code


# ---- MQTT.js in a browser -------------------------------------------------------------------


def public_key_digest(certificate):
    """As Chromium wants it: what the server's certificate must hold to be trusted."""
    key = run("openssl", "x509", "-noout", "-pubkey", "-in", certificate).stdout
    der = base64.b64decode("".join(key.strip().splitlines()[1:-1]))
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def test_browser(broker, node_modules):
    if not (shutil.which("chromium") or os.environ.get("CHROMIUM")):
        pytest.skip("chromium is not installed")
    done = run("node", os.path.join(CLIENTS, "browser.mjs"), url(broker, "wss"),
               public_key_digest(broker.path("server.crt")),
               env=environment(broker, CLIENTS_HOME=os.path.dirname(node_modules)))
    assert done.returncode == 0, done.stdout
    assert sorted(json.loads(done.stdout.splitlines()[-1])) == [
        "received inventory/browser/stock 7", "received inventory/browser/stock 8", "refused 135"]


# ---- Mosquitto's own ------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["311", "5"])
def test_mosquitto_pub__websockets(broker, version):
    if "--ws" not in run("mosquitto_pub", "--help").stdout:
        pytest.skip("mosquitto_pub speaks websockets from 2.1 on")
    done = run("mosquitto_pub", "--ws", "-h", "localhost", "-p", str(broker.wss), "--cafile",
               broker.authority, "-V", version, "-u", "backoffice", "-P",
               broker.password("backoffice"), "-q", "1", "-r", "-t", "inventory/ws/stock", "-m",
               '{"productId":"ws","quantity":7,"updatedAt":"2026-01-15T10:30:00Z"}')
    assert (done.returncode, done.stdout) == (0, "")
    reader = broker.client("backoffice")
    reader.subscribe("inventory/ws/stock")
    assert reader.message().payload.startswith(b'{"productId":"ws"')


@pytest.mark.parametrize("version", ["311", "5"])
def test_mosquitto_rr(broker, version):
    """Asks by publishing, and takes the first message of the answer's topic."""
    request = json.dumps({"productId": "rr", "quantity": 7, "updatedAt": "2026-01-15T10:30:00Z"})
    done = run("mosquitto_rr", "-h", "localhost", "-p", str(broker.tls), "--cafile",
               broker.authority, "-V", version, "-u", "backoffice", "-P",
               broker.password("backoffice"), "-q", "1", "-W", "60",
               "-e", "inventory/rr/stock", "-t", "inventory/rr/stock", "-m", request)
    assert (done.returncode, done.stdout) == (0, request + "\n")
