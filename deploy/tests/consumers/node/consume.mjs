// Usage: node consume.mjs <amqp address>. Checks every boundary event until stdin ends.
import { fileURLToPath } from 'node:url';
import amqp from 'amqplib';
import { check, loadSchemas } from './rules.mjs';

const schemas = loadSchemas(fileURLToPath(new URL('../../../../contracts/schemas', import.meta.url)));
const connection = await amqp.connect(process.argv[2]);
const channel = await connection.createChannel();
let wrongMessages = 0;

const own = { durable: false, exclusive: true, autoDelete: true };
const { queue: wildcard } = await channel.assertQueue('outside.node.all', own);
await channel.assertExchange('shop.events', 'topic', { durable: true });
await channel.bindQueue(wildcard, 'shop.events', '#');

// A partner may come before the publisher: the same declaration makes the exchange or finds it.
const { queue: direct } = await channel.assertQueue('outside.node.each', own);
for (const type of schemas.keys()) {
  await channel.assertExchange(type, 'fanout', { durable: true });
  await channel.bindQueue(direct, type, '');
}

for (const queue of [wildcard, direct])
  await channel.consume(queue, (message) => {
    const { fields, properties, content } = message;
    const headers = properties.headers ?? {};
    const { headers: _, ...rest } = properties;
    const wrong = check(schemas, { exchange: fields.exchange, routingKey: fields.routingKey, headers, properties: rest, content });
    wrongMessages += wrong.length > 0 ? 1 : 0;
    console.log(JSON.stringify({ queue, type: headers.cloudEvents_type, subject: headers.cloudEvents_subject, id: headers.cloudEvents_id, wrong }));
    channel.ack(message);
  });

console.log(JSON.stringify({ ready: true }));
process.stdin.resume();
process.stdin.on('end', async () => {
  await connection.close();
  process.exit(wrongMessages > 0 ? 1 : 0);
});
