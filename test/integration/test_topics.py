"""Each of the six topics is accepted from who may, and arrives as it was sent, over TLS."""

import paho.mqtt.client as mqtt
import pytest

import messages
import paho_shim

TOPICS = {
    "pet availability": ("collar-7", messages.availability, 0, {"quantity": 3}),
    "pet status": ("collar-7", messages.pet_status, 0, {"reason": "vet's orders é 犬"}),
    "order status": ("orders-service", messages.order, 1, {"totalAmount": "149.99"}),
    "order payment": ("orders-service", messages.order_payment, 2, {"paymentId": "pay-1"}),
    "payment status": ("payments-service", messages.payment, 2,
                       {"source": {"object": "card", "brand": "Visa", "last4": "4242"}}),
    "stock": ("inventory-service", messages.stock, 0, {"reserved": 0, "warehouse": "SF-01"}),
}


@pytest.mark.parametrize("name", TOPICS)
@pytest.mark.parametrize("version", [3, 5])
def test_delivered(broker, name, version):
    user, make, least, more = TOPICS[name]
    protocol = {"protocol": mqtt.MQTTv5 if version == 5 else mqtt.MQTTv311}
    topic, payload = make(messages.unique("id"), **more)
    subscriber = paho_shim.Subscriber(broker.paho("monitor", **protocol), broker.tls, topic)
    publisher = paho_shim.Publisher(broker.paho(user, **protocol), broker.tls)
    for qos in range(least, 3):
        publisher.publish(topic, payload, qos)
        message = subscriber.message()
        assert (message.topic, message.payload, message.qos) == (topic, payload, qos)
    publisher.stop()
    subscriber.stop()


@pytest.mark.parametrize("name", TOPICS)
def test_least_qos(broker, name):
    """What the channel promises (nothing lost, nothing twice) can't be had with less."""
    user, make, least, more = TOPICS[name]
    topic, payload = make(messages.unique("id"), **more)
    publisher = broker.client(user)
    for qos in range(least):
        before = broker.mark()
        publisher.publish(topic, payload, qos)
        publisher.ping()
        assert [each[3] for each in broker.refusals(before)] == ["qos-too-low"]
