"""1,000 messages in a row arrive complete, in order, and are all kept."""

import paho_shim
import messages


def test_thousand(broker):
    subscriber = paho_shim.Subscriber(broker.paho("customer-a"), broker.tls, "orders/#", qos=1)
    client = broker.paho("orders-service")
    client.max_inflight_messages_set(100)
    publisher = paho_shim.Publisher(client, broker.tls)
    prefix = messages.unique("batch")
    sent = [messages.order("%s-%d" % (prefix, number)) for number in range(1000)]
    infos = [publisher.client.publish(topic, payload, 1) for topic, payload in sent]
    for info in infos:
        info.wait_for_publish(60)
        assert info.is_published()
    got = [subscriber.message() for _ in sent]
    assert [(each.topic, each.payload) for each in got] == sent
    broker.wait_rows([(1000,)], "SELECT count(*) FROM orders WHERE id LIKE ?", prefix + "-%")
    broker.wait_rows([(1000,)], "SELECT count(*) FROM events WHERE topic LIKE ?",
                     "orders/%s-%%" % prefix)
    publisher.stop()
    subscriber.stop()


def test_thousand_of_which_some_are_wrong(broker):
    """One bad message in a batch costs that message."""
    watcher = broker.client("backoffice")
    watcher.subscribe("inventory/+/stock")
    publisher = paho_shim.Publisher(broker.paho("inventory-service"), broker.tls)
    prefix = messages.unique("batch")
    sent = [messages.stock("%s-%d" % (prefix, number), -1 if number % 100 == 7 else number)
            for number in range(1000)]
    infos = [publisher.client.publish(topic, payload, 1) for topic, payload in sent]
    for info in infos:
        info.wait_for_publish(60)
    good = [message for number, message in enumerate(sent) if number % 100 != 7]
    assert [each[:2] for each in broker.barrier(watcher)] == good
    publisher.stop()
