"""Traffic to learn from: what a Zigbee2MQTT bridge with its devices publishes, and Tasmota plugs; and
what the Petstore's programs do. Made from a seed, the same each time.

A message is (topic, payload, qos, retain); a publisher's name is in front of the Petstore's.
"""

import json
import random
import uuid

ROOMS = ["kitchen", "hall", "garage"]
SENSORS = ["0x00158d0001a2b3c%x" % n for n in range(6)]
LAMPS = ["lamp_%d" % n for n in range(1, 5)]


def clock(n):
    return "2026-03-%02dT%02d:%02d:%02dZ" % (1 + n // 86400, n // 3600 % 24, n // 60 % 60, n % 60)


def whole(value):
    return json.dumps(value)


def lamp(rng):
    return {"state": rng.choice(["ON", "OFF"]), "brightness": rng.randrange(255),
            "color_temp": rng.randrange(150, 500), "linkquality": rng.randrange(255),
            "color": {"x": round(rng.random(), 4), "y": round(rng.random(), 4)},
            "update": {"state": "idle", "installed_version": 16777241}}


def sensor(rng):
    values = {"temperature": round(rng.uniform(-5, 30), 2), "humidity": round(rng.uniform(20, 90), 2),
              "battery": rng.randrange(101), "linkquality": rng.randrange(255),
              "voltage": rng.randrange(2500, 3200)}
    if rng.random() < 0.5:
        values["pressure"] = round(rng.uniform(980, 1040), 1)
    return values


def bridge_devices():
    return [{"ieee_address": name, "type": "EndDevice", "friendly_name": name, "supported": True,
             "disabled": False, "definition": {"model": "WSDCGQ11LM", "vendor": "Xiaomi",
                                               "exposes": [{"type": "numeric", "name": "temperature"}]}}
            for name in SENSORS] + \
           [{"ieee_address": "0x0017880100000%03d" % n, "type": "Router", "friendly_name": name,
             "supported": False, "disabled": False, "definition": None}
            for n, name in enumerate(LAMPS)]


def bridge_event(rng, n):
    name = rng.choice(SENSORS)
    if n % 3 == 0:
        return {"type": "device_joined", "data": {"friendly_name": name, "ieee_address": name}}
    if n % 3 == 1:
        return {"type": "device_interview", "status": "started",
                "data": {"friendly_name": name, "ieee_address": name}}
    return {"type": "device_leave", "reason": "reset",
            "data": {"friendly_name": name, "ieee_address": name}}


def zigbee(seed=1, rounds=12):
    """A bridge with lamps and sensors, and plugs that speak plain text."""
    rng = random.Random(seed)
    yield "zigbee2mqtt/bridge/state", whole({"state": "online"}), 1, True
    yield "zigbee2mqtt/bridge/state", whole({"state": "online"}), 1, True
    yield "zigbee2mqtt/bridge/devices", whole(bridge_devices()), 0, True
    yield "zigbee2mqtt/bridge/info", whole({
        "version": "1.35.1", "commit": "abc1234", "permit_join": False, "log_level": "info",
        "coordinator": {"type": "zStack3x0", "ieee_address": "0x00124b0022813a3f",
                        "meta": {"revision": 20221226, "transportrev": 2}}}), 0, True
    for name in LAMPS + SENSORS:
        yield "zigbee2mqtt/%s/availability" % name, "online", 1, True
    for n in range(rounds):
        yield "zigbee2mqtt/bridge/event", whole(bridge_event(rng, n)), 0, False
        yield "zigbee2mqtt/bridge/logging", whole({"level": rng.choice(["info", "warning"]),
                                                   "message": "MQTT publish %d" % n}), 0, False
        for name in LAMPS:
            yield "zigbee2mqtt/%s/set" % name, whole({"state": rng.choice(["ON", "OFF"])}), 1, False
            yield "zigbee2mqtt/" + name, whole(lamp(rng)), 0, True
        for name in SENSORS:
            yield "zigbee2mqtt/" + name, whole(sensor(rng)), 0, True
        name = rng.choice(SENSORS)
        yield "zigbee2mqtt/%s/availability" % name, rng.choice(["online", "offline"]), 1, True
        for plug in ("plug-1", "plug-2", "plug-3"):
            yield "stat/%s/POWER" % plug, rng.choice(["ON", "OFF"]), 0, False
            yield "tele/%s/TEMPERATURE" % plug, "%.1f" % rng.uniform(10, 40), 0, False


STEPS = {"PLACED": ["APPROVED", "CANCELLED"], "APPROVED": ["SHIPPED", "CANCELLED"],
         "SHIPPED": ["DELIVERED"]}


def petstore(seed=2, orders=24, start=0):
    """What the programs of the Petstore publish: (publisher, topic, payload, qos, retain)."""
    rng = random.Random(seed)

    def ident():
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))

    now = start
    for n in range(orders):
        order, pet, user, payment = ident(), ident(), ident(), ident()
        amount = "%d.%02d" % (rng.randrange(5, 500), rng.randrange(100))
        status, old = "PLACED", None
        while status:
            now += 7
            message = {"orderId": order, "status": status, "updatedAt": clock(now), "userId": user,
                       "petId": pet, "totalAmount": amount, "currency": rng.choice(["USD", "EUR"])}
            if old:
                message["previousStatus"] = old
            yield "orders-service", "orders/%s/status" % order, whole(message), 1, True
            old, status = status, rng.choice(STEPS.get(status, [None]))
        for status in ("PENDING", "PROCESSING", "SUCCEEDED" if n % 4 else "FAILED"):
            message = {"paymentId": payment, "orderId": order, "status": status, "amount": amount,
                       "currency": "USD", "updatedAt": clock(now)}
            if status == "FAILED":
                message["failureReason"] = "no funds"
            yield "payments-service", "payments/%s/status" % payment, whole(message), 2, False
        for status in ("AVAILABLE", "PENDING", "ADOPTED"):
            yield "backoffice", "pets/%s/status" % pet, whole(
                {"petId": pet, "status": status, "updatedAt": clock(now)}), 0, True
        yield "inventory-service", "inventory/product-%d/stock" % n, whole(
            {"productId": "product-%d" % n, "quantity": rng.randrange(100),
             "updatedAt": clock(now)}), 0, True


def recorded(messages, second=0):
    """The messages as mosquitto_sub -F %j prints them, a line each."""
    for n, (topic, payload, qos, retain) in enumerate(messages):
        yield json.dumps({"tst": clock(second + n // 50).replace("Z", ".000000Z+0000"),
                          "topic": topic, "qos": qos, "retain": int(retain),
                          "payloadlen": len(payload.encode()), "payload": payload})
