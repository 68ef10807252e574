"""A session does not outlive what proved it: a certificate that is revoked, a password that changed."""
import base64
import json
import os
import socket
import subprocess

import pytest

import harness
import messages
import rawmqtt
from proofs import CN, ECDSA_SHA256, certificate, instant, name, oid, openssl, tlv
from test_scram import Scram, put_keys
from test_wills import with_delay


def serial_of(path):
    text = openssl("x509", "-in", path, "-noout", "-serial").decode()
    return bytes.fromhex(text.strip().split("=")[1])


def write_list(broker, *serials, days=30):
    """The authority's list of what is revoked. (The plugin takes the operator's file as it is.)"""
    entries = [tlv(0x30, tlv(2, serial), instant(-1)) for serial in serials]
    algorithm = tlv(0x30, oid(ECDSA_SHA256))
    body = tlv(0x30, tlv(2, b"\1"), algorithm, name([(CN, "Petstore demo CA")]), instant(-2),
               instant(days), *([tlv(0x30, *entries)] if entries else []))
    whole = tlv(0x30, body, algorithm, tlv(3, b"\0\0"))
    with open(broker.path("revoked.crl"), "w") as file:
        file.write("-----BEGIN X509 CRL-----\n%s-----END X509 CRL-----\n"
                   % base64.encodebytes(whole).decode())


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("ends") / "run", template)
    put_keys(broker, "customer-a", "keys")
    write_list(broker)
    broker.edits.append(lambda text: text.replace(
        "#plugin_opt_scram_file /etc/mosquitto/petstore",
        "plugin_opt_scram_file " + broker.folder).replace(
        "#plugin_opt_crl_file /etc/mosquitto/petstore/ca.crl",
        "plugin_opt_crl_file " + broker.path("revoked.crl")))
    with harness.running(broker):
        yield broker


def reload(broker, is_sighup):
    mark = broker.mark()
    if is_sighup:
        broker.reload()
    else:
        admin = broker.client("backoffice")
        admin.publish("$CONTROL/petstore/v1", '{"commands":[{"command":"reload"}]}', qos=1)
        admin.drop()
        broker.wait_log("petstore: reload", mark)
    return mark


@pytest.mark.parametrize("is_sighup", [True, False])
def test_a_certificate_that_is_revoked(broker, is_sighup):
    cn = messages.unique("collar")
    files = certificate(broker.folder, [(CN, cn)])
    other = certificate(broker.folder, [(CN, cn)])
    write_list(broker)
    reload(broker, True)
    client = broker.try_client(None, None, transport="mtls", certificate=files, client_id=cn)
    stays = broker.try_client(None, None, transport="mtls", certificate=other,
                              client_id=cn + "/2")
    assert client.code == 0 and stays.code == 0
    write_list(broker, b"\1" * 16, serial_of(files[0]))
    mark = reload(broker, is_sighup)
    client.wait_closed()
    refused = broker.try_client(None, None, transport="mtls", certificate=files, client_id=cn)
    assert refused.code == rawmqtt.NOT_AUTHORIZED
    broker.wait_log("the certificate was revoked", mark)
    stays.ping()


def test_a_list_that_is_none(broker):
    """A bad file changes nothing, and the line names it."""
    for text, what in ((b"nothing", "has no list, expected an X509 CRL in PEM"),
                       (b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
                        "list 1 can't be read, expected an X509 CRL in PEM")):
        with open(broker.path("revoked.crl"), "wb") as file:
            file.write(text)
        mark = reload(broker, True)
        broker.wait_log("reload failed, nothing was changed: .*revoked.crl: " + what, mark)
    write_list(broker, days=-1)
    mark = reload(broker, True)
    broker.wait_log("revoked.crl: a list in it was to be renewed by", mark)
    write_list(broker)
    reload(broker, True)


def set_password(broker, user, password):
    subprocess.run([os.path.join(harness.BUILD, "petstorectl"), "passwd", "set",
                    broker.path("passwords"), user],
                   input=password + "\n", text=True, check=True, stdout=subprocess.PIPE)


def test_a_password_that_was_changed(broker):
    """By the reload that makes the broker ask nobody, too."""
    client = broker.client("payments-service")
    same = broker.client("orders-service")
    set_password(broker, "payments-service", "quite another")
    mark = reload(broker, False)
    client.wait_closed()  # though it says nothing, and nothing is sent to it
    broker.wait_log("payments-service may not log in any more: disconnected", mark)
    same.ping()


def test_scram_keys_that_were_changed(broker):
    proof = Scram("customer-a", "keys")
    client = rawmqtt.RawClient(rawmqtt.open_stream("tcp", broker.plain), 5, "customer-a/s",
                               auth=("SCRAM-SHA-256", proof.begin(), proof.answer))
    put_keys(broker, "customer-a", "other keys")
    mark = reload(broker, True)
    client.wait_closed()
    broker.wait_log("the user's SCRAM keys were changed", mark)


SESSIONS = 16384  # of one principal that are away, see plugin/broker/sessions.h


def test_an_account_with_too_many_sessions(new_broker):
    """It loses its own; others' wills are judged as wills, and a device's queue grows."""
    broker = new_broker()
    broker.configure = without_ids(broker)
    broker.start()
    device = broker.client("backoffice", client_id="device", clean=False, expiry=36000)
    assert device.subscribe("pets/#") == [2]
    device.disconnect()
    for user, will, client_id in (("orders-service", messages.order("ord-w"), "w1"),
                                  ("collar-7", messages.pet_status("pet-w"), "w2")):
        assert with_delay(broker, user, broker.password(user), will, 5, 36000, client_id) == 0
    body = rawmqtt.field("MQTT") + bytes([4, 0xC0]) + b"\0\x3c"
    tail = rawmqtt.field("customer-a") + rawmqtt.field(broker.password("customer-a"))
    for number in range(SESSIONS + 50):
        with socket.create_connection(("127.0.0.1", broker.plain)) as one:
            whole = body + rawmqtt.field("e%d" % number) + tail
            one.sendall(b"\x10" + rawmqtt.length(len(whole)) + whole + b"\xe0\0")
            assert one.recv(4)[3] == 0
    broker.wait_log("forgot .* sessions of clients that are away, the last of customer-a: ")
    topic, payload = messages.pet_status("pet-1")
    broker.client("collar-7").publish(topic, payload, qos=1)
    broker.wait_log("refused will orders/ord-w/status by orders-service .*will-forbidden")
    broker.wait_rows([("AVAILABLE",)], "SELECT status FROM pets WHERE id = 'pet-w'")
    device = broker.client("backoffice", client_id="device", clean=False, expiry=36000)
    assert device.is_session_present
    assert {device.message().topic for _ in range(2)} == {topic, "pets/pet-w/status"}


def without_ids(broker):
    configure = broker.configure

    def change():
        configure()
        with open(broker.path("access.json")) as file:
            access = json.load(file)
        access.pop("clientIds", None)
        with open(broker.path("access.json"), "w") as file:
            json.dump(access, file)

    return change
