"""Who comes with a certificate: names to principals, and all that must not pass."""

import json
import os
import ssl
import subprocess

import pytest

import harness
import messages
import rawmqtt
import watched
from proofs import CN, DNS, EMAIL, OU, URI, certificate, openssl

REFUSED = rawmqtt.NOT_AUTHORIZED


def shipped_access():
    with open(harness.ACCESS) as file:
        return json.loads(harness.unbound(file.read()))


def more_access(access):
    access["roles"]["vault"] = {"requires": "certificate", "scopes": ["read:sys"]}
    access["roles"]["shelves"] = {"scopes": ["read:inventory"], "where": {"productId": "shelf-*"}}
    access["roles"]["bound"] = {"clientIds": ["{name}", "{name}/*"]}
    access["users"].update({
        "collar-13": {"roles": ["collar"], "disabled": True},
        "keeper": {"roles": ["vault"]},
        "tied": {"roles": ["customer", "bound"]},
    })
    access["certificates"] += [
        {"match": {"uri": "urn:device:*"}, "principal": "device-{*}", "roles": ["collar"]},
        {"match": {"dns": "*.devices.example"}, "principal": "{*}", "roles": ["collar"]},
        {"match": {"email": "*@staff.example"}, "principal": "{*}", "roles": ["monitor"]},
        {"match": {"ou": "warehouse", "cn": "*"}, "principal": "{cn}", "roles": ["inventory"]},
        {"match": {"cn": "keeper"}, "principal": "keeper", "roles": []},
        {"match": {"cn": "tied"}, "principal": "tied", "roles": []},
        {"match": {"cn": "scanner-*"}, "principal": "{cn}", "roles": ["shelves"]},
        {"match": {"cn": "other-*"}, "principal": "{cn}", "roles": []},
    ]


def set_password(broker, user, password):
    subprocess.run(["mosquitto_passwd", "-H", "sha512-pbkdf2", "-b", broker.path("passwords"),
                    user, password], check=True)


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    folder = tmp_path_factory.mktemp("certificates")
    access = shipped_access()
    more_access(access)
    path = str(folder / "access.json")
    with open(path, "w") as file:
        json.dump(access, file)
    broker = harness.Broker(folder / "run", template, access=path)
    for user in ("keeper", "tied", "collar-13"):
        set_password(broker, user, "secret")
    with harness.running(broker):
        yield broker


def come(broker, shown, user=None, password=None, **options):
    options.setdefault("client_id", messages.unique("device"))
    return broker.try_client(user, password, transport="mtls", certificate=shown, **options)


def named(broker, *subject, **options):
    return certificate(broker.folder, subject, **options)


def demo(broker, device):
    return broker.path("clients/%s.crt" % device), broker.path("clients/%s.key" % device)


# ---- the fleet --------------------------------------------------------------------------


def test_a_device_of_the_fleet(broker):
    """No entry, no password: its certificate says who it is, and the pattern what it may."""
    client = come(broker, named(broker, (CN, "collar-4711")))
    assert client.code == 0
    assert client.publish(*messages.availability("collar-4711"), qos=1) in (0, 0x10)
    before = broker.mark()
    assert client.publish(*messages.stock("x"), qos=1) == REFUSED
    assert [(each[1], each[3]) for each in broker.refusals(before)] == [
        ("collar-4711", "scope-missing")]


def test_the_shipped_device(broker):
    assert come(broker, demo(broker, "collar-7")).code == 0


@pytest.mark.parametrize("alternative, principal", [
    ((URI, "urn:device:12"), "device-12"),
    ((DNS, "cam-3.devices.example"), "cam-3"),
    ((EMAIL, "eve@staff.example"), "eve"),
])
def test_alternative_names(broker, alternative, principal):
    shown = named(broker, (CN, "whatever"), alternatives=[alternative])
    client = come(broker, shown)
    assert client.code == 0
    before = broker.mark()
    client.publish(*messages.order(messages.unique("ord")), qos=1)
    assert [each[1] for each in broker.refusals(before)] == [principal]


def test_organizational_unit(broker):
    client = come(broker, named(broker, (CN, "scales-1"), (OU, "warehouse")))
    assert client.code == 0
    assert client.publish(*messages.stock("x"), qos=1) in (0, 0x10)
    assert come(broker, named(broker, (CN, "scales-1"), (OU, "office"))).code == REFUSED


# ---- what TLS keeps out -----------------------------------------------------------------


def refused_by_tls(broker, shown):
    """TLS 1.3 tells a client after its handshake, when it reads."""
    try:
        come(broker, shown)
    except (ssl.SSLError, ConnectionError, rawmqtt.Closed):
        return True
    return False


def test_revoked(broker):
    assert refused_by_tls(broker, demo(broker, "collar-8"))


def test_expired(broker):
    assert refused_by_tls(broker, named(broker, (CN, "collar-5"), days=(-30, -1)))


def test_not_yet_valid(broker):
    assert refused_by_tls(broker, named(broker, (CN, "collar-5"), days=(1, 30)))


def test_another_authority(broker, tmp_path):
    key = str(tmp_path / "other.key")
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", key)
    assert refused_by_tls(broker, named(broker, (CN, "collar-5"), key=key))
    assert refused_by_tls(broker, named(broker, (CN, "collar-5"), key=key, issuer="Other"))


def test_none_at_all(broker):
    assert refused_by_tls(broker, None)


# ---- what we keep out -------------------------------------------------------------------


@pytest.mark.parametrize("common, why", [
    (b"collar-7\0.evil.example", "certificate"),
    ("collar-*", "certificate"),
    ("collar-+", "certificate"),
    ("collar-#", "certificate"),
    ("collar-/7", "certificate"),
    ("collar-\n7", "certificate"),
    ("collar-{cn}", "certificate"),
    ("nobody", "certificate"),
    ("collar-", "certificate"),
])
def test_bad_common_name(broker, common, why):
    before = broker.mark()
    shown = named(broker, (CN, common))
    try:
        assert come(broker, shown).code == REFUSED
    except (ssl.SSLError, rawmqtt.Closed):
        pass  # a broker that looks at it by itself
    broker.wait_log("refused connection.*%s|OpenSSL Error|disconnect" % why, before)


def test_no_common_name(broker):
    assert come(broker, named(broker)).code == REFUSED
    assert come(broker, named(broker, (OU, "warehouse"))).code == REFUSED


def test_two_common_names(broker):
    assert come(broker, named(broker, (CN, "collar-1"), (CN, "collar-2"))).code == REFUSED


def test_nul_in_an_alternative_name(broker):
    shown = named(broker, (CN, "x"), alternatives=[(DNS, b"cam\0.devices.example")])
    assert come(broker, shown).code == REFUSED


def test_disabled(broker):
    before = broker.mark()
    assert come(broker, named(broker, (CN, "collar-13"))).code == REFUSED
    broker.wait_log("refused connection.*collar-13 is disabled", before)
    assert broker.try_client("collar-13", "secret").code == REFUSED


# ---- certificate and password -----------------------------------------------------------


def test_with_its_password(broker):
    shown = demo(broker, "collar-7")
    assert come(broker, shown, "collar-7", broker.password("collar-7")).code == 0
    assert come(broker, shown, "collar-7").code == 0
    assert come(broker, shown, "collar-7", "wrong").code == REFUSED


def test_with_the_password_of_another(broker):
    shown = demo(broker, "collar-7")
    assert come(broker, shown, "customer-a", broker.password("customer-a")).code == REFUSED
    assert come(broker, shown, "customer-a").code == REFUSED
    assert come(broker, shown, "", "x").code == REFUSED


def test_role_that_demands_a_certificate(broker):
    before = broker.mark()
    assert broker.try_client("keeper", "secret").code == REFUSED
    broker.wait_log("keeper has to come with a certificate", before)
    assert come(broker, named(broker, (CN, "keeper"))).code == 0
    assert come(broker, named(broker, (CN, "keeper")), "keeper", "secret").code == 0


# ---- client ids -------------------------------------------------------------------------


@pytest.mark.parametrize("client_id, code", [
    ("tied", 0), ("tied/phone", 0), ("tied/", REFUSED), ("tied-phone", REFUSED), ("other", REFUSED), ("", 0),
    ("customer-a", REFUSED),
])
def test_client_id_of_a_principal(broker, client_id, code):
    """Nobody takes over the session of another."""
    assert broker.try_client("tied", "secret", client_id=client_id).code == code
    assert come(broker, named(broker, (CN, "tied")), client_id=client_id).code == code


# ---- SIGHUP -----------------------------------------------------------------------------


def test_reload_keeps_sessions(broker):
    live = come(broker, named(broker, (CN, "collar-21")))
    away_id = messages.unique("away")
    shown = named(broker, (CN, "eve-21"), alternatives=[(EMAIL, "eve-21@staff.example")])
    away = come(broker, shown, client_id=away_id, expiry=1000, clean=False)
    topic, payload = messages.stock(messages.unique("kept"))
    assert away.subscribe(topic, qos=1) == [1]
    away.disconnect()
    assert "reloaded" in broker.reload()
    assert live.publish(*messages.availability("collar-21"), qos=1) in (0, 0x10)
    live.ping()
    broker.client("backoffice").publish(topic, payload, qos=1)
    back = come(broker, shown, client_id=away_id, expiry=1000, clean=False)
    assert back.is_session_present
    assert back.message().topic == topic


def test_reload_that_disables(broker):
    client = come(broker, named(broker, (CN, "collar-22")))
    other = come(broker, named(broker, (CN, "collar-23")))
    with open(broker.path("access.json")) as file:
        before = file.read()
    access = json.loads(before)
    access["users"]["collar-22"] = {"roles": [], "disabled": True}
    try:
        with open(broker.path("access.json"), "w") as file:
            json.dump(access, file)
        broker.reload()
        client.wait_closed()
        other.ping()
    finally:
        with open(broker.path("access.json"), "w") as file:
            file.write(before)
        broker.reload()


def test_a_reload_by_command(broker):
    """A certificate is judged by the new rules; without a rule for it the session ends."""
    kept = come(broker, named(broker, (CN, "collar-kept")))
    out = come(broker, named(broker, (CN, "other-1")))
    assert (kept.code, out.code) == (0, 0)
    with open(broker.settings["ACCESS"]) as file:
        access = json.load(file)
    before = broker.mark()
    path = broker.path("access.json")
    with open(path) as file:
        shipped = file.read()
    access["certificates"] = [each for each in access["certificates"]
                              if each["match"].get("cn") != "other-*"]
    with open(path, "w") as file:
        json.dump(access, file)
    try:
        response, = watched.ask(broker, {"command": "reload"})
        assert "error" not in response
        assert kept.publish(*messages.availability("collar-kept"), qos=1) in (0, 0x10)
        out.wait_closed()
        broker.wait_log("other-1 may not log in any more: disconnected", before)
    finally:
        with open(path, "w") as file:
            file.write(shipped)
        broker.reload()
    kept.ping()


# ---- a restart of the broker --------------------------------------------------------------


def test_restart_keeps_what_waits_for_a_device(broker):
    """
    After a restart nobody knows what a device of the fleet may read until it is back: what comes
    meanwhile waits for it, and is judged then.
    """
    shown = named(broker, (CN, "scanner-1"))
    options = dict(client_id=messages.unique("scanner"), expiry=1000, clean=False)
    away = come(broker, shown, **options)
    assert away.subscribe("inventory/#", qos=1) == [1]
    away.disconnect()
    publisher = broker.client("backoffice")
    before, during = messages.unique("shelf"), messages.unique("shelf")
    assert publisher.publish(*messages.stock(before), qos=1) in (0, 0x10)
    broker.restart()
    publisher = broker.client("backoffice")
    for product in (messages.unique("secret"), during):
        assert publisher.publish(*messages.stock(product), qos=1) in (0, 0x10)
    back = come(broker, shown, **options)
    assert back.is_session_present
    last = messages.unique("shelf")
    assert publisher.publish(*messages.stock(last), qos=1) in (0, 0x10)
    assert [message.topic for message in back.until("inventory/%s/stock" % last)] == [
        "inventory/%s/stock" % product for product in (before, during)]
