"""What an attacker says, who it says to be, and the attacks made of these."""

import copy
import json
import signal
import time

import messages
import wire as mqtt
from oracle import BOUND
from peer import Client
from rawmqtt import PUBACK, PUBCOMP, PUBREC, PUBREL
from wire import Wire
from world import CONTROL, KINDS, METHOD, TOPICS, Claim, Scram, scram_claim

STEPS_MAX = 40  # of one wanderer
HUGE = 4096  # bytes of a large name

# ---- what an attacker says -----------------------------------------------------------------


def stamp(run):
    """The time of a message, which makes its payload unique."""
    return messages.WHEN.replace("Z", ".%09dZ" % run.serial())


STATUSES = {"pets": ("AVAILABLE", "PENDING", "ADOPTED", "NOT_AVAILABLE"),
            "orders": ("PLACED", "APPROVED", "SHIPPED", "DELIVERED", "CANCELLED"),
            "pay": ("PENDING", "PROCESSING", "SUCCEEDED", "FAILED", "CANCELLED")}
OWNERS = ("buyer-a", "buyer-b", "in00", "in04", "guest-1", "nobody")
PREFIX = {"pets": "p", "orders": "f", "payments": "f", "inventory": "junk"}


def legal_message(run, rng, kind=None):
    """(topic, payload) that the schema allows; whether the step does, the ledger says."""
    kind = kind or rng.choice(KINDS)
    last = rng.choice(TOPICS[kind])
    identity = "%s-%d" % (PREFIX[kind], rng.randrange(12))
    members = {"updatedAt": stamp(run)}
    if kind == "inventory":
        members.update(productId=identity, quantity=rng.randrange(100))
    elif kind == "pets" and last == "availability":
        members.update(petId=identity, available=rng.random() < 0.5)
    elif kind == "pets":
        members.update(petId=identity, status=rng.choice(STATUSES["pets"]))
    elif last == "payment" or kind == "payments":
        members.update(status=rng.choice(STATUSES["pay"]), amount="%d.00" % rng.randrange(99),
                       currency="EUR", orderId=identity)
        if kind == "payments":
            members.update(paymentId=identity, orderId="f-%d" % rng.randrange(12))
    else:
        members.update(orderId=identity, status=rng.choice(STATUSES["orders"]))
        if members["status"] == "PLACED" or rng.random() < 0.2:
            members["userId"] = rng.choice(OWNERS)
    return "%s/%s/%s" % (kind, identity, last), members


def spoil(run, rng, topic, members):
    """(topic, payload): no schema and no channel takes this."""
    way = rng.randrange(12)
    if way == 0:
        members["surprise"] = 1
    elif way == 1:
        members = [members]
    elif way == 2:
        members["status" if "status" in members else "updatedAt"] = "LOST %d" % run.serial()
    elif way == 3:
        topic = topic.replace("/", "/x", 1)  # another id than the payload's
    elif way == 4:
        return topic, json.dumps(members).encode()[:-1]
    elif way == 5:
        return topic, b"\xff\xfe" + json.dumps(members).encode()
    elif way == 6:
        members["updatedAt"] = "yesterday %d" % run.serial()
    elif way == 7:
        members["pad %d" % run.serial()] = "x" * rng.choice((1000, 17000, 70000))
    elif way == 8:
        return topic, b"[" * rng.choice((10, 100, 5000)) + b"%d" % run.serial()
    elif way == 9:
        topic = rng.choice(("weather/today", topic + "/more", topic.rsplit("/", 1)[0],
                            "orders//status", topic.upper(), "refusals/op", "alerts/takeover",
                            "refusals/in00", "$SYS/broker/petstore/x", "$share/g/" + topic,
                            "/" + topic, topic + "/"))
    elif way == 10:
        topic = rng.choice(("orders/+/status", "#", "", "\u0001/x/status", "a\ufffe/b",
                            "pets/" + "x" * 65 + "/status", "x/" * 300, "$", "$CONTROL",
                            "pets/\ud7ff/status"))
    else:
        return topic, b'{"a":%d' % run.serial() + bytes(rng.randrange(256) for _ in range(40))
    return topic, json.dumps(members).encode()


def commands(run, rng):
    """What only the operator may say."""
    command = rng.choice(({"command": "mode", "group": "schema", "mode": "off"},
                          {"command": "mode", "group": "limits", "mode": "observe"},
                          {"command": "liftBan", "clientId": "*"}, {"command": "reload"},
                          {"command": "listBans"}, {"command": "x" * 100}))
    return json.dumps({"commands": [dict(command, correlationData="%d" % run.serial())]}).encode()


def some_publish(run, rng, client):
    draw = rng.random()
    qos = rng.choice((0, 1, 1, 2, 2))
    retain = rng.random() < 0.15
    dup = rng.random() < 0.1 and qos > 0
    is_illegal = False
    if draw < 0.06:
        topic, payload = CONTROL, commands(run, rng)
    elif draw < 0.35:
        topic, payload = spoil(run, rng, *legal_message(run, rng))
        is_illegal = True
    elif draw < 0.4:
        topic, payload, retain = legal_message(run, rng)[0], b"", True
    else:
        kind = rng.choice(KINDS)
        account = run.world.accounts.get(client.claim.user)
        if account and account.rights.writes and rng.random() < 0.8:
            kind = rng.choice(account.rights.writes)[0]
        topic, members = legal_message(run, rng, kind)
        if rng.random() < 0.8 and kind in ("orders", "payments"):
            qos, retain = (2, False) if "pay" in topic else (max(qos, 1), retain)
        payload = json.dumps(members).encode()
        if "pay" in topic and (qos != 2 or retain) or kind == "orders" and qos == 0:
            is_illegal = True
    mid = rng.randrange(1, 6) if rng.random() < 0.1 else None
    alias = None
    if client.version == 5 and rng.random() < 0.1:
        alias = rng.choice((0, 1, 1, 2, 3, 10, 11, 65535))
        if rng.random() < 0.4:
            # Whether this topic is the alias's, or an error, is the broker's to say.
            topic = ""
    return client.publish_packet(topic, payload, is_illegal, qos, retain, dup, mid, alias)


def filters(run, rng):
    victim = rng.choice(run.world.victims)
    return [rng.choice((
        "#", "+/#", "+/+/+", "orders/#", "orders/+/status", "payments/#", "pets/#",
        "inventory/stream/stock", "refusals/#", "refusals/+", "refusals/%s" % victim,
        "refusals/%s/#" % victim, "alerts/#", "$SYS/#", "$SYS/broker/log/#", "$CONTROL/#",
        CONTROL + "/response", "$share/crew/orders/+/status", "$share/crew/orders/+/status",
        "$share/x%d/#" % rng.randrange(4), "$share/x/refusals/#", "$share/x/alerts/#", "$share//a",
        "$share/a", "$share/+/a", "a/#/b", "a+/b", "", "orders/" + "+/" * 300 + "#",
        "x" * HUGE, "\u0000", "orders/s-%d/status" % rng.randrange(50), "#/", "/", "+"))
            for _ in range(rng.choice((1, 1, 2, 5)))]


def some_subscribe(run, rng, client):
    wanted = filters(run, rng)
    account = run.world.accounts.get(client.claim.user)
    if account is None or "orders" in account.rights.reads:
        # Whoever may read all orders has a right to its part of the crew's.
        wanted = [each.replace("$share/crew/", "$share/other/") for each in wanted]
    if rng.random() < 0.2:
        return mqtt.unsubscribe(client.version, client.next_mid(), wanted)
    options = rng.choice((0, 1, 2, 2, 1, 3, 0x0E, 0x1D, 0xFF) if client.version == 5
                         else (0, 1, 2, 2, 3, 0x80))
    identifier = rng.choice((None, None, 1, 268435455)) if client.version == 5 else None
    mid = 0 if rng.random() < 0.03 else client.next_mid()
    return mqtt.subscribe(client.version, mid, wanted, options, identifier)


def some_ack(run, rng, client):
    """PUBREL for what waits for it, in any order; and acknowledgements of what never was."""
    if client.unreleased and rng.random() < 0.8:
        mid = rng.choice(client.unreleased)
        if rng.random() < 0.8:
            client.unreleased.remove(mid)
        data = mqtt.acknowledge(PUBREL, mid)
        return data * 2 if rng.random() < 0.2 else data
    code = rng.choice((None, 0, 0x10, 0x87, 0x92, 0xFF)) if client.version == 5 else None
    return mqtt.acknowledge(rng.choice((PUBACK, PUBREC, PUBREL, PUBCOMP)),
                            rng.choice((0, 1, 2, 3, 65535)), code)


def some_auth(run, rng, client):
    if client.version != 5:
        return mqtt.ping()
    code = rng.choice((0x18, 0x18, 0x19, 0x00, 0x87))
    scram = Scram(rng.choice(("buyer-a", "in00", "nobody", "op")), "guess",
                  "%08x" % rng.getrandbits(32))
    data = rng.choice((scram.begin(), scram.begin(), b"", None, b"c=biws,r=x,p=eA==", b"\0\xff",
                       "n,a=op," + scram.first, "y,," + scram.first, "n,,n=,r=",
                       "n,,n=%s,r=x" % ("x" * HUGE)))
    return mqtt.auth(code, rng.choice((METHOD, METHOD, "PLAIN", "")), data)


def some_garbage(run, rng, client):
    """Malformed: the broker is expected to close, or to wait for the rest."""
    return rng.choice((
        b"\x30\xff\xff\xff\xff\x01", b"\x10\x80", b"\xf0\x00", b"\x00\x00", b"\x20\x02\x00\x00",
        b"\x90\x03\x00\x01\x00", b"\x82\x02\x00\x01", b"\x32\x05\x00\x05abc", b"\x36\x04\x00\x01a\x00",
        b"\xc0\x01\x00", b"\xe0\x7f" + b"\0" * 127, b"\x30\xff\xff\xff\x7f" + b"x" * 200,
        b"\x80\x03\x00\x01\x00", b"\x62\x01\x00", b"\x30\x07\x00\x01a\xff\xff\xff\xff",
        b"\x30\x06\x00\x01a\x03\x23\x00", bytes(rng.randrange(256) for _ in range(60)),
        mqtt.packet(0x82, b"\0\1\0" + b"\0\1a\1" * 500)))


def some_packet(run, rng, client):
    """Any packet that MQTT has, and some that it has not."""
    draw = rng.random()
    if draw < 0.5:
        return some_publish(run, rng, client)
    if draw < 0.7:
        return some_subscribe(run, rng, client)
    if draw < 0.82:
        return some_ack(run, rng, client)
    if draw < 0.88:
        return mqtt.ping()
    if draw < 0.92:
        return some_auth(run, rng, client)
    if draw < 0.95:
        return client.connect_packet()  # once more
    if draw < 0.97:
        return mqtt.disconnect(client.version, rng.choice((None, 0, 4, 0x80)),
                               rng.choice((None, 0, 1, 2, 60)))
    return some_garbage(run, rng, client)


def some_will(run, rng, client):
    """(topic, payload, qos, retain, delay); many are forbidden."""
    topic, members = legal_message(run, rng, "pets" if rng.random() < 0.5 else None)
    payload, is_illegal = json.dumps(members).encode(), not topic.startswith("pets/")
    if rng.random() < 0.2:
        topic, payload = spoil(run, rng, topic, members)
        is_illegal = True
    if rng.random() < 0.05:
        topic, payload, is_illegal = CONTROL, commands(run, rng), False
    payload = payload[:60000]
    run.oracle.sending(client, topic, payload, is_illegal)
    delay = rng.choice((0, 0, 1, 2, 30)) if client.version == 5 else 0
    return topic, payload, rng.randrange(3), rng.random() < 0.3, delay


# ---- who an attacker is --------------------------------------------------------------------


def bad_claim(run, rng):
    """None of these proves anything. (claim, transport or None)"""
    world = run.world
    victim = rng.choice(world.victims + world.insiders)
    other = world.accounts[rng.choice([name for name in world.insiders if name != victim])]
    scram = Scram(victim, "guess", "%016x" % rng.getrandbits(64))
    now = int(time.time())
    return rng.choice((
        lambda: (Claim(note="nobody"), None),
        lambda: (Claim(victim, note="no password"), None),
        lambda: (Claim(victim, "", note="empty password"), None),
        lambda: (Claim(victim, "guess %d" % rng.randrange(10**6), note="wrong password"), None),
        lambda: (Claim(victim, "guess", note="wrong password"), None),
        lambda: (Claim(victim, other.password, note="another's password"), None),
        lambda: (Claim(victim, "x" * HUGE, note="huge password"), None),
        lambda: (Claim("nobody-%d" % rng.randrange(1000), "x", note="unknown user"), None),
        lambda: (Claim(rng.choice(("", "+", "#", "a/b", "{name}", "\u202eop", "op ", "Op",
                                   "x" * HUGE, "op\u200b", "\u0001")), "x",
                       note="odd user"), None),
        lambda: (Claim(None, world.token("badge-1", world.other_key), note="forged token"), None),
        lambda: (Claim(None, world.token("badge-1", seconds=-5), note="old token"), None),
        lambda: (Claim(None, world.token("badge-1", aud="other"), note="another's token"), None),
        lambda: (Claim("op", world.token("badge-1"), note="token of another"), None),
        lambda: (Claim(None, world.token("badge-1", nbf=now + 9999), note="early token"), None),
        lambda: (Claim(None, "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", note="none token"), None),
        lambda: (Claim(auth=(METHOD, scram.begin()), scram=scram, note="wrong SCRAM"), None),
        lambda: (Claim(victim, auth=(METHOD, scram.begin()), note="SCRAM not finished"), None),
        lambda: (Claim(auth=("PLAIN", b"\0op\0x"), note="other method"), None),
        lambda: (Claim(auth=(METHOD, None), note="SCRAM without data"), None),
        lambda: (Claim(note="no certificate"), "mtls"),
        lambda: (Claim(shown="nobody", note="unknown certificate"), "mtls"),
        lambda: (Claim(shown="forged", note="forged certificate"), "mtls"),
        lambda: (Claim(shown="over", note="certificate that is over"), "mtls"),
        lambda: (Claim(shown="collar-8", note="revoked certificate"), "mtls"),
        lambda: (Claim("op", shown="nobody", note="certificate and name"), "mtls"),
    ))()


def good_claim(run, rng):
    """An insider's, or a fickle account's, which may be gone. (claim, transport or None)"""
    world = run.world
    draw = rng.random()
    if draw < 0.08:
        return scram_claim(world, rng, rng.choice(("in00", "in01", "in02")), "SCRAM"), None
    if draw < 0.16:
        return Claim(shown="collar-7", proved=("collar-7",), note="certificate"), "mtls"
    name = rng.choice(world.fickle if draw < 0.5 else world.insiders)
    return Claim(name, world.accounts[name].password, note="good"), None


def some_id(run, rng, claim):
    """Of its own, of nobody, of a victim (who is bound to it), and impossible ones."""
    own = claim.user or (claim.proved[0] if claim.proved else "x")
    account = run.world.accounts.get(own)
    draw = rng.random()
    if draw < 0.6:
        return "%s-%d" % (own if len(own) < 64 else "x", rng.randrange(3))
    if draw < 0.65:
        return ""
    if draw < 0.8 and (account is None or account.is_bound or not claim.principals(
            run.world, "", 0, float("inf"))):
        return rng.choice(run.world.victims)
    if draw < 0.85:
        return rng.choice(("x" * HUGE, "x" * 65535, "\u0001", "a/b#", "+", "\U0001f408",
                           "$SYS", "%n%s", "op\u200b", " "))
    return "shared-%d" % rng.randrange(8)


def begin(run, rng, claim, transport, client_id=None, version=None):
    transport = transport or rng.choice(("tcp", "tcp", "tcp", "tls", "wss", "wss"))
    client_id = some_id(run, rng, claim) if client_id is None else client_id
    if version is None:
        is_new = claim.auth or claim.user is None and claim.password is not None
        version = 5 if is_new or rng.random() < 0.65 else 4
    return Client(run, transport, claim, client_id, version, run.source(rng))


def connect_options(run, rng, client):
    options = {"clean": rng.random() < 0.5, "keepalive": rng.choice((0, 1, 60, 65535))}
    if client.version == 5:
        options["expiry"] = rng.choice((None, 0, 1, 2, 3, 60, 0xFFFFFFFF))
        options["more"] = rng.choice((
            b"", b"", b"", b"\x21\x00\x01", b"\x27\x00\x00\x00\x40", b"\x22\x00\x0a",
            b"\x17\x00", b"\x21\x00\x00", b"\x26\x00\x01a\x00\x01b", b"\x99"))
    if rng.random() < 0.35:
        options["will"] = some_will(run, rng, client)
    return options


# ---- the attacks ---------------------------------------------------------------------------


def deliver(rng, client, data, extra):
    """CONNECT and what follows it: in one segment, in pieces, or in odd frames. A generator."""
    is_mqtt = client.transport != "wss"
    way = rng.random()
    if extra and way < 0.75 or way < 0.5:
        client.send(data + b"".join(extra))
    elif way < 0.7:
        client.send(data)
        for each in extra:
            client.send(each)
    elif is_mqtt:
        whole = data + b"".join(extra)
        client.run.count(whole)
        at = 0
        while at < len(whole) and not client.is_closed:
            size = rng.choice((1, 2, 3, 10, 200))
            client.wire.write(whole[at : at + size])
            at += size
            if rng.random() < 0.3:
                yield
    else:
        yield from odd_frames(rng, client, data, extra)


def odd_frames(rng, client, data, extra):
    whole = data + b"".join(extra)
    client.run.count(whole)
    cut = rng.randrange(len(whole))
    client.wire.write_raw(mqtt.frame(whole[:cut], mqtt.BINARY, is_final=False))
    yield
    if rng.random() < 0.5:
        client.wire.write_raw(mqtt.frame(b"hello", mqtt.PING))
    client.wire.write_raw(mqtt.frame(whole[cut:], mqtt.CONTINUATION))
    if rng.random() < 0.2:
        client.wire.write_raw(rng.choice((
            mqtt.frame(b"", mqtt.CLOSE), mqtt.frame(b"x", mqtt.TEXT), mqtt.frame(b""),
            mqtt.frame(b"abc", mqtt.BINARY, is_masked=False), b"\x82\xff" + b"\xff" * 8,
            mqtt.frame(b"x" * 200, mqtt.PONG), b"\xf2\x80abcd")))


def wander(run, rng, number):
    """One connection from its begin to its end."""
    claim, transport = good_claim(run, rng) if rng.random() < 0.55 else bad_claim(run, rng)
    client = begin(run, rng, claim, transport)
    yield from wait_open(client)
    if rng.random() < 0.05:
        client.send(some_packet(run, rng, client))  # before CONNECT
    data = client.connect_packet(**connect_options(run, rng, client))
    if rng.random() < 0.03:
        at = rng.randrange(8)  # before the version: what else it says stays what it was
        data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
    extra = []
    if rng.random() < 0.45:
        extra = [some_packet(run, rng, client) for _ in range(rng.randrange(1, 6))]
    yield from deliver(rng, client, data, extra)
    for _ in range(rng.randrange(STEPS_MAX)):
        yield
        if client.is_closed:
            break
        answer_scram(rng, client)
        if rng.random() < 0.02:
            client.is_sulking = True
        if rng.random() < 0.05:
            client.acks = not client.acks
        if client.was_accepted or rng.random() < 0.3:
            client.send(b"".join(some_packet(run, rng, client)
                                 for _ in range(rng.choice((1, 1, 1, 2, 8)))))
    yield from leave(run, rng, client)


def wait_open(client):
    """A moment for the handshake; whoever goes on earlier has its bytes queued."""
    for _ in range(20):
        if client.wire.is_open or client.is_closed:
            return
        yield


def answer_scram(rng, client):
    scram, challenge = client.claim.scram, client.challenge
    if challenge is None or scram is None:
        return
    client.challenge = None
    final = scram.answer(mqtt.auth_data(challenge))
    if final is None or rng.random() < 0.1:
        return
    if rng.random() < 0.1:
        final = rng.choice((final[:-6] + "AAAAA=", final.replace("biws", "biwx"), "", "p=x"))
        client.is_mangled = True
    client.send(mqtt.auth(0x18, METHOD, final))


def leave(run, rng, client):
    """DISCONNECT of some kind, an abrupt end, half a packet, or another connection's takeover."""
    way = rng.random()
    if way < 0.35:
        code = rng.choice((None, 0, 4)) if client.version == 5 else None
        client.send(mqtt.disconnect(client.version, code, rng.choice((None, None, 0, 1, 2, 60))))
        if rng.random() < 0.3:
            client.send(some_packet(run, rng, client))
    elif way < 0.5:
        client.wire.write(some_publish(run, rng, client)[:-1])
    elif way < 0.65 and client.client_id:
        again = begin(run, rng, copy.copy(client.claim), None if client.transport != "mtls" else "mtls",
                      client.client_id, client.version)
        yield from wait_open(again)
        again.send(again.connect_packet(**connect_options(run, rng, again)))
        for _ in range(rng.randrange(5)):
            yield
            answer_scram(rng, again)
        again.wire.close(rng.random() < 0.5)
    elif way < 0.7:
        for _ in range(100):  # stays
            yield
    client.wire.close(rng.random() < 0.5)


def half_open(run, rng, number):
    """TLS handshakes and HTTP requests that stop half way or make no sense."""
    transport = rng.choice(("tls", "wss", "mtls"))
    if rng.random() < 0.5:
        raw = Wire("tcp", run.broker.port(transport), run.source(rng))
        hello = mqtt.client_hello(run.world.context)
        raw.write(rng.choice((hello[: rng.randrange(1, len(hello))], hello, b"GET / HTTP/1.1\r\n",
                              b"\x16\x03\x01\xff\xff" + b"x" * 300,
                              mqtt.connect(5, "x", "op", "x"))))
        for _ in range(rng.randrange(40)):
            yield
            raw.flush()
        raw.close(rng.random() < 0.5)
        return
    client = Client(run, "tls" if transport == "mtls" else transport, Claim(note="HTTP"), "", 5,
                    run.source(rng))
    client.wire.is_upgraded = True  # says something else than an upgrade
    for _ in range(rng.randrange(2, 30)):
        client.wire.write_raw(rng.choice((b"GET / HTTP/1.1\r\n\r\n", b"\r\n", b"X: y\r\n",
                                          b"POST /mqtt HTTP/1.1\r\nContent-Length: 99999\r\n\r\n",
                                          b"X: " + b"y" * 9000 + b"\r\n")))
        yield
    client.wire.close(rng.random() < 0.5)


def early_words(run, rng, number):
    """A stranger's CONNECT that asks for a session, and more in the same segment."""
    for _ in range(rng.randrange(1, 6)):
        claim = Claim(rng.choice((rng.choice(run.world.victims), "u%d" % rng.randrange(10**6))),
                      "guess %d" % rng.randrange(10**6), note="early words")
        client = begin(run, rng, claim, rng.choice(("tcp", "tls", "wss")),
                       "evil-%d-%d" % (number, rng.randrange(3)), rng.choice((5, 5, 4)))
        yield from wait_open(client)
        options = {"expiry": rng.choice((None, 1, 2, 60))} if client.version == 5 else {}
        if rng.random() < 0.3:
            options["will"] = some_will(run, rng, client)
        rest = [mqtt.disconnect(client.version)] if rng.random() < 0.7 else []
        rest += [rng.choice((some_publish, some_subscribe, some_ack))(run, rng, client)
                 for _ in range(rng.randrange(1, 4))]
        client.send(client.connect_packet(**options) + b"".join(rest))
        for _ in range(rng.randrange(6)):
            yield
        if rng.random() < 0.7:
            client.wire.close(rng.random() < 0.5)


def crowd_at_reload(run, rng, number):
    """
    Accounts come and go, then the operator reloads, and while the broker is at it strangers
    say their names over websockets.
    """
    while run.is_reloading:
        yield
    run.is_reloading = True
    try:
        scram = rng.random() < 0.3
        names = ["in%02d" % rng.randrange(3)] if scram else rng.sample(run.world.insiders, 2)
        comers = []
        for at in range(12):
            name = names[at % len(names)]
            account = run.world.accounts[name]
            if scram:
                claim = scram_claim(run.world, rng, name, "comes and goes")
            else:
                claim = Claim(name, account.password, note="comes and goes")
            comer = begin(run, rng, claim, "tcp", "%s-c%d-%d" % (name, number, at), 5)
            comer.send(comer.connect_packet())
            comers.append(comer)
            yield
        for _ in range(40):
            for comer in comers:
                if comer.challenge is not None:
                    data, comer.challenge = mqtt.auth_data(comer.challenge), None
                    comer.send(mqtt.auth(0x18, METHOD, comer.claim.scram.answer(data)))
            if all(comer.code is not None or comer.is_closed for comer in comers):
                break
            yield
        for comer in comers:
            if not comer.is_closed:
                comer.send(mqtt.disconnect(5))
            comer.wire.close()
        for _ in range(4):
            yield
        strangers = []
        for at in range(12):
            name = rng.choice(names + [rng.choice(run.world.guests)])
            strangers.append(begin(run, rng, Claim(name, note="only a name, at the reload"),
                                   rng.choice(("wss", "wss", "wss", "tls")),
                                   "%s-e%d-%d" % (name, number, at), 5))
            yield
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline and not all(
                each.wire.is_open or each.is_closed for each in strangers):
            yield
        before = run.reloads
        run.counts["reloads by SIGHUP"] += 1
        run.broker.process.send_signal(signal.SIGHUP)
        for each in strangers:
            each.send(each.connect_packet())
            run.poll(0.003)
        deadline = time.monotonic() + BOUND
        while run.reloads == before:
            if time.monotonic() > deadline:
                run.oracle.fail("the reload is not on the log")
            yield
    finally:
        run.is_reloading = False
    for each in strangers:
        each.wire.close()


def taken_away(run, rng, number):
    """Sessions that outlive their connections, and then their accounts."""
    world = run.world
    names = rng.sample(world.fickle, rng.randrange(1, 4))
    made = []
    for at in range(rng.randrange(4, 12)):
        name = rng.choice(names)
        claim = Claim(name, world.accounts[name].password, note="to be taken away")
        client = begin(run, rng, claim, rng.choice(("tcp", "tcp", "tls", "wss")),
                       "%s-t%d-%d" % (name, number, at), 5)
        options = {"clean": False, "expiry": rng.choice((1, 1, 2, 3))}
        if rng.random() < 0.3:
            options["will"] = some_will(run, rng, client)
        client.send(client.connect_packet(**options) + mqtt.subscribe(
            5, client.next_mid(), ["#", "orders/#"]))
        made.append(client)
        yield
    for _ in range(10):
        yield
    for client in made:
        if rng.random() < 0.8:
            if rng.random() < 0.5:
                client.send(mqtt.disconnect(5))
            client.wire.close(rng.random() < 0.3)
    for _ in range(5):
        yield
    yield from run.operator_does(run.operator.shuffle(names, is_taken=True))
    for _ in range(rng.randrange(100)):
        yield
    yield from run.operator_does(run.operator.shuffle(names, is_taken=False))
    for client in made:
        client.wire.close()


SCENES = {wander: 80, early_words: 8, half_open: 5, crowd_at_reload: 2, taken_away: 3}
