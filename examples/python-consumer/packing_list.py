"""Keeps a packing list of the shop's confirmed orders: a consumer of its events that is none of its services.

Each message becomes one row of a SQLite file, committed before the message is acknowledged. The message's id is the
row's key, so a message that comes again changes nothing.
"""

import logging
import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from functools import partial

import grpc
import pika
from google.protobuf.message import DecodeError
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from pika.spec import BasicProperties
from shop.order.v1.order_events_pb2 import OrderCancelled, OrderConfirmed

from shop_client import ShopClient, explain

Event = OrderConfirmed | OrderCancelled
EVENTS: dict[str | None, type[Event]] = {
    event.DESCRIPTOR.full_name: event for event in (OrderConfirmed, OrderCancelled)
}
EXCHANGE = "shop.events"
QUEUE = "packing-list"
DEAD_QUEUE = f"{QUEUE}.dead"
PREFETCH = 20
IDLE_SECONDS_MAX = 1
RETRY_SECONDS = 2
# What passes by itself. With any other code the same call would fail the same way again.
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNAUTHENTICATED,
}
# Events of an order may arrive in any order; the one with the highest version says what holds.
SCHEMA = """
CREATE TABLE IF NOT EXISTS lines (
  message_id TEXT PRIMARY KEY, order_name TEXT, version INTEGER, event TEXT, items TEXT
) STRICT;
CREATE VIEW IF NOT EXISTS packing_list AS
  SELECT order_name, items FROM (SELECT *, max(version) FROM lines GROUP BY order_name) WHERE event = 'OrderConfirmed';
"""

log = logging.getLogger(QUEUE)
stopping = threading.Event()


class DeadLetterError(Exception):
    """A message that will never be handled, however often it comes."""


def declare(channel: BlockingChannel) -> None:
    """Declares our queue and the one for its dead letters. From then on events wait there, whether we run or not."""
    channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
    # RabbitMQ 4 takes 20 for both limits by default: few for dead letters that people look at, and few for crashes, of
    # which each counts for every message that was prefetched.
    dead_arguments = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
    channel.queue_declare(DEAD_QUEUE, durable=True, arguments=dead_arguments)
    arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": 200,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD_QUEUE,
        "x-dead-letter-strategy": "at-least-once",
        # Needed for at-least-once. Never with a length limit: what a full queue rejects, the shop has to publish again.
        "x-overflow": "reject-publish",
    }
    channel.queue_declare(QUEUE, durable=True, arguments=arguments)
    for type_name in EVENTS:
        channel.queue_bind(QUEUE, EXCHANGE, routing_key=type_name)


def decode(properties: BasicProperties, body: bytes) -> Event:
    """The event in a message. Fields that the contract got after our code was generated do no harm."""
    if not properties.message_id:
        raise DeadLetterError("a message without an id cannot be told from its repetition")
    try:
        return EVENTS[properties.type].FromString(body)
    except (KeyError, DecodeError) as error:
        raise DeadLetterError(f"no event of ours: {error!r}") from error


def handle(properties: BasicProperties, body: bytes, shop: ShopClient, db: sqlite3.Connection) -> None:
    """Does the work for one message: puts the order on the list, or notes that it is cancelled."""
    event = decode(properties, body)
    items = ""
    if isinstance(event, OrderConfirmed):
        # The event says that the order is paid; the order says what is in it.
        lines = shop.get_order(event.order).lines
        items = ", ".join(f"{line.quantity} × {line.display_name}" for line in lines)
    row = (properties.message_id, event.order, event.version, event.DESCRIPTOR.name, items)
    with db:
        is_new = db.execute("INSERT OR IGNORE INTO lines VALUES (?, ?, ?, ?, ?)", row).rowcount == 1
    log.info("%s %s: %s", event.DESCRIPTOR.name, event.order, items if is_new else "came again")


def settle(channel: BlockingChannel, delivery_tag: int, work: Callable[[], None]) -> None:
    """Acknowledges a message after its work, or sends it to the dead letters. While the shop is away, keeps it."""
    while not stopping.is_set():
        try:
            work()
            return channel.basic_ack(delivery_tag)
        except DeadLetterError as error:
            cause = str(error)
        except grpc.RpcError as error:
            cause = explain(error)
            if error.code() in PASSING:
                log.warning("waiting: %s", cause)
                # Unlike time.sleep it goes on answering the broker's heartbeats.
                channel.connection.sleep(RETRY_SECONDS)
                continue
        log.error("to %s: %s", DEAD_QUEUE, cause)
        return channel.basic_reject(delivery_tag, requeue=False)


def consume(channel: BlockingChannel, shop: ShopClient, db: sqlite3.Connection) -> None:
    """Handles messages one after another until we are told to stop or the broker takes the consumer away."""
    declare(channel)
    channel.basic_qos(prefetch_count=PREFETCH)
    log.info("consuming")
    for method, properties, body in channel.consume(QUEUE, inactivity_timeout=IDLE_SECONDS_MAX):
        if method is not None:
            settle(channel, method.delivery_tag, partial(handle, properties, body, shop, db))
        if stopping.is_set():
            return


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    shop = ShopClient(
        os.environ.get("GATEWAY", "localhost:8080"), os.environ["SHOP_EMAIL"], os.environ["SHOP_PASSWORD"]
    )
    db = sqlite3.connect(os.environ.get("PACKING_LIST", "packing-list.sqlite"))
    db.executescript(SCHEMA)
    parameters = pika.URLParameters(os.environ["AMQP_URL"])
    parameters.client_properties = {"connection_name": QUEUE}
    while not stopping.is_set():
        try:
            with pika.BlockingConnection(parameters) as connection:
                consume(connection.channel(), shop, db)
        except (AMQPError, OSError) as error:
            # What was under way comes again.
            log.warning("no broker: %r", error)
            stopping.wait(RETRY_SECONDS)


if __name__ == "__main__":
    main()
