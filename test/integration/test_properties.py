"""MQTT 5 properties, of which the contract says what they must be, from a real client."""

import json
import os
import queue

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import harness
import paho_shim

CONTRACT = os.path.join(harness.TOP, "test", "data", "properties", "properties.asyncapi.json")
ACCESS = os.path.join(harness.TOP, "test", "data", "properties", "access.json")


@pytest.fixture(scope="module")
def broker(tmp_path_factory, template):
    broker = harness.Broker(tmp_path_factory.mktemp("properties") / "run", template,
                            contract=CONTRACT, access=ACCESS)
    with harness.running(broker):
        yield broker


class Publisher:
    """paho, which publishes with properties; refusals are known from the broker's log."""

    def __init__(self, broker, user="backoffice", protocol=mqtt.MQTTv5, client_id=None, will=None):
        self.broker = broker
        self.acked = queue.Queue()
        self.client = paho_shim.new(client_id or "props-" + user, protocol=protocol)
        self.client.username_pw_set(user, broker.password(user))
        self.client.on_publish = lambda client, data, mid, *more: self.acked.put(mid)
        if will:
            self.client.will_set(*will[:2], qos=1, properties=will[2])
        connected = queue.Queue()
        self.client.on_connect = lambda client, data, flags, code, *more: connected.put(code)
        self.client.connect("127.0.0.1", broker.plain)
        self.client.loop_start()
        assert connected.get(timeout=harness.WAIT) == 0

    def refused(self, topic, payload, **properties):
        """The reasons for which this was refused: one, or none."""
        before = self.broker.mark()
        mid = self.client.publish(topic, payload, qos=1, properties=made(**properties)).mid
        while self.acked.get(timeout=harness.WAIT) != mid:
            pass
        return [each[3] for each in self.broker.refusals(before)]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def made(packet=PacketTypes.PUBLISH, user=(), **others):
    if not user and not others:
        return None
    properties = Properties(packet)
    for name, value in others.items():
        setattr(properties, name, value)
    if user:
        properties.UserProperty = list(user)
    return properties


def test_each_rule(broker):
    publisher = Publisher(broker)
    body = b'{"v": 1}'
    seq = ("seq", "7")
    for expected, topic, payload, properties in [
            ([], "trace/1", body, {"user": [seq]}),
            ([], "trace/1", body, {"user": [seq, ("ratio", "0.5"), ("tag", "a"), ("tag", "b")],
                                   "ContentType": "application/json; charset=utf-8"}),
            (["header-violation"], "trace/1", body, {}),
            (["header-violation"], "trace/1", body, {"user": [("seq", "seven")]}),
            (["header-violation"], "trace/1", body, {"user": [seq] * 300}),
            (["content-type"], "trace/1", body, {"user": [seq], "ContentType": "text/plain"}),
            (["schema-violation"], "trace/1", b"{}", {"user": [seq]}),
            ([], "free", b"1", {}),
            ([], "free", b"1", {"PayloadFormatIndicator": 1, "ResponseTopic": "answers/me"}),
            (["payload-format"], "free", b"1", {"PayloadFormatIndicator": 0}),
            (["response-topic"], "free", b"1", {"ResponseTopic": "answers/you"}),
            (["correlation-id"], "free", b"1", {"CorrelationData": b"\xff\0"}),
            (["correlation-id"], "asked", b"{}", {}),
            ([], "asked", b"{}", {"user": [("id/of", "7")], "ResponseTopic": "answers/me"}),
            ([], "merged", b"{}", {"user": [("own", "two"), ("asked", "1"), ("my-app-header", "7")]}),
            (["header-violation"], "merged", b"{}",
             {"user": [("own", "two"), ("asked", "1"), ("my-app-header", "700")]}),
            (["header-violation"], "merged", b"{}", {"user": [("asked", "1")]}),
            ([], "request", b"{}", {"user": [("replyTo", "answers/me")]}),
            (["response-topic"], "request", b"{}", {}),
            (["response-topic"], "request", b"{}", {"ResponseTopic": "told"}),
            ([], "ask", b'{"replyTo": "answers/me"}', {}),
            (["response-topic"], "ask", b'{"replyTo": "told"}', {})]:
        assert publisher.refused(topic, payload, **properties) == expected, (topic, properties)
    publisher.close()


EVENT = {"id": "7", "source": "/s", "specversion": "1.0", "type": "org.example.measured"}


def test_a_cloudevent_in_both_modes(broker):
    publisher = Publisher(broker)
    whole = json.dumps({**EVENT, "data": {"v": 1}})
    parts = list(EVENT.items())
    for expected, payload, properties in [
            ([], whole, {}),
            ([], whole, {"ContentType": "application/cloudevents+json"}),
            ([], '{"v": 1}', {"ContentType": "application/json", "user": parts}),
            ([], "abc", {"ContentType": "text/plain", "user": parts}),
            (["schema-violation"], '{"v": 1}', {"user": parts}),
            (["schema-violation"], '{"v": "x"}', {"ContentType": "application/json", "user": parts}),
            (["schema-violation"], '{"v": 1}', {"ContentType": "application/json",
                                                "user": parts[1:]})]:
        assert publisher.refused("event", payload, **properties) == expected, (payload, properties)
    publisher.close()


def test_mqtt_3_1_1_has_none(broker):
    publisher = Publisher(broker, protocol=mqtt.MQTTv311)
    assert publisher.refused("event", json.dumps({**EVENT, "data": {"v": 1}})) == []
    assert publisher.refused("event", '{"v": 1}') == ["schema-violation"]
    assert publisher.refused("trace/1", b'{"v": 1}') == ["header-violation"]
    assert publisher.refused("free", b"1") == []
    publisher.close()


def test_a_last_will(broker):
    """2.0 shows none of its properties."""
    will = ("trace/9", '{"v": 9}', made(PacketTypes.WILLMESSAGE, user=[("seq", "9")]))
    reader = broker.client("backoffice", client_id="reads-wills")
    assert reader.subscribe("trace/#") == [2]
    publisher = Publisher(broker, client_id="with-a-will", will=will)
    before = broker.mark()
    publisher.client._sock_close()
    if harness.IS_2_1:
        assert reader.message().topic == "trace/9"
    else:
        broker.wait_log("will-forbidden", before)
    publisher.client.loop_stop()


def test_a_server_that_wants_its_binding_kept(new_broker):
    broker = new_broker(contract=os.path.join(os.path.dirname(CONTRACT), "strict.asyncapi.json"),
                        access=ACCESS).start()
    codes = queue.Queue()
    for keepalive, expected in [(60, 0), (61, 5)]:
        client = paho_shim.new("props-strict", protocol=mqtt.MQTTv311)
        client.username_pw_set("backoffice", broker.password("backoffice"))
        client.on_connect = lambda client, data, flags, code: codes.put(code)
        client.connect("127.0.0.1", broker.plain, keepalive=keepalive)
        client.loop_start()
        assert codes.get(timeout=harness.WAIT) == expected
        client.loop_stop()
    broker.wait_log("want it: keepAlive", 0)
