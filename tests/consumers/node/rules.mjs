// What a partner may rely on for every message, whatever its type.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { CloudEvent } from 'cloudevents';

const PREFIX = 'cloudEvents_';

/** Validators by event type, from the committed schemas. */
export function loadSchemas(directory) {
  const ajv = addFormats(new Ajv2020({ strict: true, allErrors: true }));
  const files = readdirSync(directory).filter((file) => file.startsWith('shop.') && file.endsWith('.json'));
  return new Map(files.map((file) => [file.slice(0, -'.json'.length), ajv.compile(JSON.parse(readFileSync(join(directory, file))))]));
}

/** The reasons for which a delivery is not what the surface promises; empty when it is. */
export function check(schemas, { exchange, routingKey, headers, properties, content }) {
  const wrong = [];
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('MT-')) wrong.push(`header ${name} belongs to a framework`);
    if (name.startsWith(PREFIX) && typeof value !== 'string') wrong.push(`header ${name} is not a string`);
  }

  const attributes = Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith(PREFIX)).map(([name, value]) => [name.slice(PREFIX.length), value]));
  try {
    // The SDK throws on a missing or ill-formed attribute.
    new CloudEvent({ ...attributes, datacontenttype: properties.contentType, data: {} });
  } catch (e) {
    wrong.push(`not a CloudEvent: ${e.message} ${JSON.stringify(e.errors ?? '')}`);
  }

  const type = attributes.type;
  for (const name of ['specversion', 'id', 'source', 'type', 'time', 'subject', 'dataschema', 'correlationid', 'sequence', 'traceparent'])
    if (!attributes[name]) wrong.push(`attribute ${name} is missing`);
  if (attributes.dataschema !== `urn:shop:schema:${type}`) wrong.push(`dataschema is ${attributes.dataschema}`);
  if (!/^[0-9]+$/.test(attributes.sequence ?? '')) wrong.push(`sequence is ${attributes.sequence}`);
  if (!/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(attributes.traceparent ?? '')) wrong.push(`traceparent is ${attributes.traceparent}`);
  if (!/Z$/.test(attributes.time ?? '')) wrong.push(`time ${attributes.time} is not in UTC`);
  if (!/^application\/json\b/.test(properties.contentType ?? '')) wrong.push(`content type is ${properties.contentType}`);
  if (properties.deliveryMode !== 2) wrong.push('not persistent');
  if (exchange === 'shop.events' && routingKey !== type) wrong.push(`routing key is ${routingKey}`);
  if (exchange !== 'shop.events' && exchange !== type) wrong.push(`came by the exchange ${exchange}`);

  const text = content.toString('utf8');
  const everything = text + JSON.stringify(headers) + JSON.stringify(properties);
  for (const leak of [/urn:message:/, /Shop\.Contracts/, /rabbitmq:\/\//, /amqps?:\/\//, /"machineName"/, /MassTransit/i, /127\.0\.0\.1|localhost/])
    if (leak.test(everything)) wrong.push(`names something internal: ${leak}`);

  const validate = schemas.get(type);
  if (!validate) return [...wrong, `no schema for ${type}`];
  try {
    if (!validate(JSON.parse(text))) wrong.push(...validate.errors.map((e) => `${e.instancePath} ${e.message}`));
  } catch (e) {
    wrong.push(`not JSON: ${e.message}`);
  }

  return wrong;
}
