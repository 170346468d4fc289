// A partner's webhook receiver: every delivery is verified and parsed with the packages that partners use.
//   POST /hooks/<name>        a delivery; answered as /behaviour/<name> says, 204 by default
//   PUT  /secrets/<name>      {"secrets": ["whsec_…"]}: what the partner believes; a delivery is valid when one of them verifies it
//   PUT  /behaviour/<name>    {"answers": [{"status": 500, "headers": {}, "body": "", "delayMs": 0}]}: one after the other, the last one for good
//   GET  /deliveries/<name>   what arrived
// Prints its port on the first line.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { HTTP } from 'cloudevents';
import { Webhook } from 'standardwebhooks';

const secrets = new Map();
const behaviour = new Map();
const deliveries = new Map();

const read = async (request) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
};

const verify = (name, headers, body) => {
  const errors = [];
  for (const secret of secrets.get(name) ?? []) {
    try {
      new Webhook(secret).verify(body, headers);
      return null;
    } catch (error) {
      errors.push(error.message);
    }
  }
  return errors.join('; ') || 'no secret is known';
};

const parse = (headers, body) => {
  const event = HTTP.toEvent({ headers, body: body.toString('utf8') });
  return event.validate() && { id: event.id, type: event.type, source: event.source, subject: event.subject, time: event.time, data: event.data };
};

const receive = async (name, request, response) => {
  const body = await read(request);
  const delivery = {
    id: request.headers['webhook-id'],
    method: request.method,
    contentType: request.headers['content-type'],
    userAgent: request.headers['user-agent'],
    signatures: (request.headers['webhook-signature'] ?? '').split(' ').length,
    headers: Object.keys(request.headers),
    sha256: createHash('sha256').update(body).digest('hex'),
    refusal: verify(name, request.headers, body.toString('utf8')),
  };
  try {
    delivery.event = parse(request.headers, body);
  } catch (error) {
    delivery.refusal = `not a CloudEvent: ${error.message}`;
  }
  if (!deliveries.has(name)) deliveries.set(name, []);
  deliveries.get(name).push(delivery);

  const answers = behaviour.get(name) ?? [];
  const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? {};
  setTimeout(() => {
    response.writeHead(answer.status ?? 204, answer.headers ?? {});
    response.end(answer.body ?? '');
  }, answer.delayMs ?? 0);
};

const server = createServer(async (request, response) => {
  const [, kind, name] = request.url.split('/');
  if (kind === 'hooks') {
    await receive(name, request, response);
    return;
  }
  if (kind === 'secrets') secrets.set(name, JSON.parse(await read(request)).secrets);
  if (kind === 'behaviour') behaviour.set(name, JSON.parse(await read(request)).answers);
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(kind === 'deliveries' ? deliveries.get(name) ?? [] : {}));
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume(); // ends with whoever started it
