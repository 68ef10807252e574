"""
A contract that is put over a broker that already runs: what is only observed, and what the broker
retained before, gives entities the status that they have; then it is enforced.
"""
import messages
from rawmqtt import NOT_AUTHORIZED
from test_notices import set_mode

TAKEN = (0, 0x10)
ORDER = "SELECT status, owner, adopted_at IS NOT NULL FROM orders WHERE id = ?"


def order(order_id, status, **more):
    return messages.order(order_id, status, userId="customer-a", **more)


def test_observed_then_enforced(new_broker):
    """From each status that was observed, the contract's steps go on, and no others."""
    broker = new_broker()
    set_mode(broker, "observe")
    broker.start()
    shop = broker.client("orders-service")
    one, two, new = (messages.unique("ord") for _ in range(3))
    before = broker.mark()
    assert shop.publish(*order(one, "SHIPPED"), qos=1) in TAKEN
    broker.wait_log("observed publish orders/%s/status .*: transition-illegal" % one, before)
    assert shop.publish(*order(two, "CANCELLED"), qos=1) in TAKEN
    assert shop.publish(*order(two, "APPROVED"), qos=1) in TAKEN  # back, which no step leads
    assert shop.publish(*order(new, "PLACED"), qos=1) in TAKEN
    broker.wait_rows([("SHIPPED", "customer-a", 1)], ORDER, one)
    broker.wait_rows([("APPROVED", "customer-a", 1)], ORDER, two)
    broker.wait_rows([("PLACED", "customer-a", 0)], ORDER, new)
    set_mode(broker, "enforce")
    broker.reload()
    assert shop.publish(*order(one, "APPROVED"), qos=1) == NOT_AUTHORIZED
    assert shop.publish(*order(one, "DELIVERED"), qos=1) in TAKEN
    assert shop.publish(*order(two, "PLACED"), qos=1) == NOT_AUTHORIZED
    assert shop.publish(*order(two, "SHIPPED"), qos=1) in TAKEN
    assert shop.publish(*order(new, "APPROVED"), qos=1) in TAKEN
    broker.wait_rows([(1, "SHIPPED"), (0, "DELIVERED")],
                     "SELECT adopted, payload ->> '$.status' FROM events WHERE topic = ? "
                     "ORDER BY seq", "orders/%s/status" % one)
    # what was adopted survives kill -9
    broker.kill()
    broker.restart()
    assert broker.client("orders-service").publish(*order(two, "PLACED"), qos=1) == NOT_AUTHORIZED


def test_a_resend_is_not_adopted(new_broker):
    """A client that sends again what the entity was before moves it nowhere."""
    broker = new_broker()
    set_mode(broker, "observe")
    broker.start()
    topic, placed = order(messages.unique("ord"), "PLACED")
    shop = broker.client("orders-service", client_id="shop-1")
    assert shop.publish(topic, placed, qos=1) in TAKEN
    assert shop.publish(topic, order(topic.split("/")[1], "APPROVED")[1], qos=1) in TAKEN
    shop.drop()
    again = broker.client("orders-service", client_id="shop-1")
    before = broker.mark()
    assert again.publish(topic, placed, qos=1, dup=True) in TAKEN
    broker.wait_log("observed publish %s .*: transition-illegal" % topic, before)
    assert again.publish(*messages.stock(messages.unique("item"), 1), qos=1) is not None
    broker.wait_rows([("APPROVED", "customer-a", 0)], ORDER, topic.split("/")[1])
    other = broker.client("orders-service", client_id="shop-2")  # which sends it the first time
    assert other.publish(topic, placed, qos=1) in TAKEN
    broker.wait_rows([("PLACED", "customer-a", 1)], ORDER, topic.split("/")[1])


def test_retained_before(new_broker):
    """One subscription shows the plugin what the broker retained before the contract came."""
    broker = new_broker()
    set_mode(broker, "off")
    broker.start()
    shop = broker.client("orders-service")
    ids = [messages.unique("ord") for _ in range(3)]
    for each, status in zip(ids, ("SHIPPED", "PLACED", "LOST")):
        assert shop.publish(*order(each, status), qos=1, retain=True) in TAKEN
    assert broker.rows("SELECT count(*) FROM orders") == [(0,)]
    set_mode(broker, "observe")
    broker.reload()
    reader = broker.client("backoffice")
    assert reader.subscribe("orders/#") == [2]
    for _ in ids:
        reader.message()
    broker.wait_rows([("PLACED",), ("SHIPPED",)], "SELECT status FROM orders WHERE adopted_at IS "
                     "NOT NULL AND owner = 'customer-a' ORDER BY status")
    broker.wait_rows([("", 1)] * 2, "SELECT publisher, adopted FROM events")
    # once they are known, a later message counts, and no retained one
    assert shop.publish(*order(ids[0], "DELIVERED"), qos=1) in TAKEN
    broker.wait_rows([("DELIVERED", "customer-a", 1)], ORDER, ids[0])
    again = broker.client("backoffice")
    assert again.subscribe("orders/#") == [2]
    for _ in ids:
        again.message()
    set_mode(broker, "enforce")
    broker.reload()
    assert shop.publish(*order(ids[0], "PLACED"), qos=1) == NOT_AUTHORIZED
    assert shop.publish(*order(ids[1], "APPROVED"), qos=1) in TAKEN
