"""Usage: python3 consume.py <amqp address>. Checks every boundary event until stdin ends."""

import json
import sys
import threading

import pika

from rules import check, load_schemas

schemas = load_schemas()
connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
wrong_messages = 0


def receive(queue):
    def on_message(channel, method, properties, body):
        global wrong_messages
        wrong = check(schemas, method.exchange, method.routing_key, properties, body)
        wrong_messages += 1 if wrong else 0
        headers = properties.headers or {}
        line = {"queue": queue, "type": headers.get("cloudEvents_type"), "subject": headers.get("cloudEvents_subject"), "id": headers.get("cloudEvents_id"), "wrong": wrong}
        print(json.dumps(line), flush=True)
        channel.basic_ack(method.delivery_tag)

    return on_message


channel.exchange_declare("shop.events", "topic", durable=True)
channel.queue_declare("outside.python.all", exclusive=True, auto_delete=True)
channel.queue_bind("outside.python.all", "shop.events", "#")

# A partner may come before the publisher: the same declaration makes the exchange or finds it.
channel.queue_declare("outside.python.each", exclusive=True, auto_delete=True)
for event_type in schemas:
    channel.exchange_declare(event_type, "fanout", durable=True)
    channel.queue_bind("outside.python.each", event_type, "")

for name in ("outside.python.all", "outside.python.each"):
    channel.basic_consume(name, receive(name))


def stop_at_end_of_stdin():
    sys.stdin.read()
    connection.add_callback_threadsafe(channel.stop_consuming)


print(json.dumps({"ready": True}), flush=True)
threading.Thread(target=stop_at_end_of_stdin, daemon=True).start()
channel.start_consuming()
connection.close()
sys.exit(1 if wrong_messages else 0)
