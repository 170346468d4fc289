// Usage: node consume.mjs <amqp address> [pattern...]. Checks every boundary event of these patterns, of all without any, until stdin ends.
// The account has queues that begin with its own name, and binds to the exchanges that the shop has made.
import { fileURLToPath } from 'node:url';
import amqp from 'amqplib';
import { check, loadSchemas } from './rules.mjs';

const schemas = loadSchemas(fileURLToPath(new URL('../../../contracts/schemas', import.meta.url)));
const connection = await amqp.connect(process.argv[2]);
const channel = await connection.createChannel();
let wrongMessages = 0;

const own = { durable: false, exclusive: true, autoDelete: true };
const account = decodeURIComponent(new URL(process.argv[2]).username);
const patterns = process.argv.slice(3);
const { queue: wildcard } = await channel.assertQueue(`${account}.node.all`, own);
for (const pattern of patterns.length > 0 ? patterns : ['#']) await channel.bindQueue(wildcard, 'shop.events', pattern);

const { queue: direct } = await channel.assertQueue(`${account}.node.each`, own);
for (const type of patterns.length > 0 ? patterns.filter((p) => schemas.has(p)) : schemas.keys()) await channel.bindQueue(direct, type, '');

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
