"""Client libraries that the README does not show, over TLS and over websockets."""

import base64
import hashlib
import json
import os
import shutil
import subprocess

import pytest

import harness

CLIENTS = os.path.join(harness.TOP, "test", "clients")


def run(*command, wait=60, **options):
    return subprocess.run(command, text=True, timeout=wait, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)


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
    port = broker.wss if scheme == "wss" else broker.tls
    done = run(paho_c, "%s://localhost:%d" % (scheme, port), broker.authority, "backoffice",
               str(version), env=dict(os.environ, PASSWORD=broker.password("backoffice")))
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
    done = run("node", os.path.join(CLIENTS, "browser.mjs"), "wss://localhost:%d" % broker.wss,
               public_key_digest(broker.path("server.crt")),
               env=dict(os.environ, PASSWORD=broker.password("backoffice"),
                        CLIENTS_HOME=os.path.dirname(node_modules)))
    assert done.returncode == 0, done.stdout
    assert sorted(json.loads(done.stdout.splitlines()[-1])) == [
        "received inventory/browser/stock 7", "received inventory/browser/stock 8", "refused 135"]


# ---- mosquitto_rr ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["311", "5"])
def test_mosquitto_rr(broker, version):
    """Asks by publishing, and takes the first message of the answer's topic."""
    request = json.dumps({"productId": "rr", "quantity": 7, "updatedAt": "2026-01-15T10:30:00Z"})
    done = run("mosquitto_rr", "-h", "localhost", "-p", str(broker.tls), "--cafile",
               broker.authority, "-V", version, "-u", "backoffice", "-P",
               broker.password("backoffice"), "-q", "1", "-W", "20",
               "-e", "inventory/rr/stock", "-t", "inventory/rr/stock", "-m", request)
    assert (done.returncode, done.stdout) == (0, request + "\n")
