"""Usage: python3 consume.py <amqp address> [pattern...]. Checks every boundary event of these patterns, of all without any, until stdin ends.

The account has queues that begin with its own name, and binds to the exchanges that the shop has made."""

import json
import sys
import threading

import pika

from rules import check, load_schemas

schemas = load_schemas()
parameters = pika.URLParameters(sys.argv[1])
connection = pika.BlockingConnection(parameters)
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


patterns = sys.argv[2:]
every = f"{parameters.credentials.username}.python.all"
channel.queue_declare(every, exclusive=True, auto_delete=True)
for pattern in patterns or ["#"]:
    channel.queue_bind(every, "shop.events", pattern)

each = f"{parameters.credentials.username}.python.each"
channel.queue_declare(each, exclusive=True, auto_delete=True)
for event_type in [p for p in patterns if p in schemas] if patterns else schemas:
    channel.queue_bind(each, event_type, "")

for name in (every, each):
    channel.basic_consume(name, receive(name))


def stop_at_end_of_stdin():
    sys.stdin.read()
    connection.add_callback_threadsafe(channel.stop_consuming)


print(json.dumps({"ready": True}), flush=True)
threading.Thread(target=stop_at_end_of_stdin, daemon=True).start()
channel.start_consuming()
connection.close()
sys.exit(1 if wrong_messages else 0)
