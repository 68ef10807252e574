"""Shared subscriptions: each message goes to one of the group."""

import messages


def test_group(broker):
    group = messages.unique("group")
    workers = [broker.client("orders-service") for _ in range(3)]
    for worker in workers:
        assert worker.subscribe("$share/%s/orders/+/status" % group) == [2]
    publisher = broker.client("backoffice")
    sent = [messages.order(messages.unique("ord")) for _ in range(30)]
    for topic, payload in sent:
        assert publisher.publish(topic, payload, 1) == 0
    got = []
    for worker in workers:
        worker.ping()  # what was delivered before is in by now
        got.append([(each.topic, each.payload) for each in worker.inbox])
    assert sorted(sum(got, [])) == sorted(sent)
    assert all(got), "one had nothing to do"


def test_group_does_not_leak(broker):
    """A filter broader than the scopes, shared: what may not be read is not delivered."""
    group = messages.unique("group")
    worker = broker.client("orders-service")
    assert worker.subscribe("$share/%s/#" % group) == [2]
    publisher = broker.client("backoffice")
    publisher.publish(*messages.payment(messages.unique("pay")), qos=2)
    topic, payload = messages.order(messages.unique("ord"))
    publisher.publish(topic, payload, qos=1)
    assert worker.until(topic) == []
