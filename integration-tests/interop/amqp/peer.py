"""Speaks to services on Polywire over RabbitMQ, with pika and nothing of Polywire's.

    AMQP_URL=amqp://... python peer.py call lamp | send A-7 | publish A-7 | consume

Prints one line of JSON. docs/interop/amqp.md explains it.
"""

import json
import os
import sys
import time
import uuid

import pika

# What [transport.amqp] configures as namespace, with a dot; nothing by default.
PREFIX = os.environ.get("PREFIX", "")


def call(channel, operation, body, require="^1.2", floor="v1.2", seconds=5):
    """Calls an operation of the contract "orders"; returns the answer's properties and body."""
    answers = []
    channel.add_on_return_callback(lambda _channel, _method, _properties, _body: answers.append(None))
    channel.basic_consume(
        "amq.rabbitmq.reply-to",
        lambda _channel, _method, properties, body: answers.append((properties, body)),
        auto_ack=True,
    )
    channel.basic_publish(
        exchange="",
        routing_key=f"{PREFIX}call.orders.{floor}",
        body=json.dumps(body),
        properties=pika.BasicProperties(
            type=operation,
            message_id=str(uuid.uuid4()),
            correlation_id="1",
            reply_to="amq.rabbitmq.reply-to",
            expiration=str(seconds * 1000),
            content_type="application/json",
            headers={"contract": "orders", "contract-require": require},
        ),
        mandatory=True,
    )
    deadline = time.monotonic() + seconds
    while not answers:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"no answer within {seconds} s")
        channel.connection.process_data_events(time_limit=left)
    if answers[0] is None:
        raise LookupError(f"nobody provides orders at {require}")
    return answers[0]


def send(channel, command, body, require="^1.2", floor="v1.2"):
    """Sends a command of the contract "orders"; returns once the broker has stored it."""
    channel.confirm_delivery()
    message_id = str(uuid.uuid4())
    # Raises UnroutableError when no provider of that floor has ever run, and NackError when the queue is full.
    channel.basic_publish(
        exchange="",
        routing_key=f"{PREFIX}cmd.orders.{floor}",
        body=json.dumps(body),
        properties=pika.BasicProperties(
            type=command,
            message_id=message_id,
            delivery_mode=2,
            content_type="application/json",
            headers={"contract": "orders", "contract-require": require},
        ),
        mandatory=True,
    )
    return message_id


def publish(channel, event, body, version="1.4.0", track="v1"):
    """Publishes an event of the contract "orders", as its provider would; returns its id."""
    channel.exchange_declare(f"{PREFIX}evt.orders", "topic", durable=True)
    channel.confirm_delivery()
    event_id = str(uuid.uuid4())
    channel.basic_publish(
        exchange=f"{PREFIX}evt.orders",
        routing_key=f"{track}.{event}",
        body=json.dumps(body),
        properties=pika.BasicProperties(
            type=event,
            message_id=event_id,
            delivery_mode=2,
            content_type="application/json",
            headers={
                "contract": "orders",
                "contract-version": version,
                "cloudEvents_specversion": "1.0",
                "cloudEvents_id": event_id,
                "cloudEvents_source": "/warehouse",
                "cloudEvents_type": f"orders.{track}.{event}",
            },
        ),
    )
    return event_id


def consume(channel, event, queue, track="v1"):
    """Yields the events of the contract "orders" that arrive in a durable queue of ours; each is acked once handled."""
    channel.exchange_declare(f"{PREFIX}evt.orders", "topic", durable=True)
    channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind(queue, f"{PREFIX}evt.orders", f"{track}.{event}")
    channel.basic_qos(prefetch_count=100)
    print("ready", flush=True)
    for method, properties, body in channel.consume(queue):
        yield properties.headers, json.loads(body)
        channel.basic_ack(method.delivery_tag)


def run(channel, action, *rest):
    if action == "call":
        item, *options = rest
        try:
            properties, body = call(channel, "quote", {"item": item, "quantity": 2}, *options)
        except LookupError as error:
            return {"error": str(error)}
        version = properties.headers.get("contract-version")
        return {"content_type": properties.content_type, "version": version, "body": json.loads(body)}
    if action == "send":
        return {"id": send(channel, "cancel", {"order": rest[0]})}
    if action == "publish":
        return {"id": publish(channel, "shipped", {"order": rest[0]})}
    queue = f"{PREFIX}python.shipped"
    for headers, body in consume(channel, "shipped", queue):
        break
    # A demonstration leaves nothing behind; you would go on.
    channel.queue_delete(queue)
    return {"event": {key: headers[key] for key in sorted(headers) if key.startswith("cloudEvents_")}, "body": body}


if __name__ == "__main__":
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    print(json.dumps(run(connection.channel(), *sys.argv[1:])), flush=True)
    connection.close()
