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


def test_group_takes_what_it_may_read_in_full(broker):
    """A filter broader than the scopes, shared: refused, and the group is left alone."""
    group = messages.unique("group")
    worker = broker.client("orders-service")
    assert worker.subscribe("$share/%s/#" % group, "$share/%s/orders/#" % group) == [0x87, 2]
    topic, payload = messages.order(messages.unique("ord"))
    broker.client("backoffice").publish(topic, payload, qos=1)
    assert worker.until(topic) == []
