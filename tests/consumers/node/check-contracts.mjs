// Checks the committed contract files. On stdin: messages with the verdict of the services' inbound check, one JSON document per line.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DiagnosticSeverity } from '@stoplight/types';
import { Parser } from '@asyncapi/parser';
import { loadSchemas } from './rules.mjs';

const contracts = fileURLToPath(new URL('../../../contracts', import.meta.url));
const failures = [];

const { document, diagnostics } = await new Parser().parse(readFileSync(join(contracts, 'asyncapi.yaml'), 'utf8'));
for (const d of diagnostics)
  // Version 3.0 is meant; that a later one exists is no fault.
  if (d.severity <= DiagnosticSeverity.Warning && d.code !== 'asyncapi-latest-version') failures.push(`asyncapi.yaml: ${d.code} ${d.message} at ${d.path.join('/')}`);

const schemas = loadSchemas(join(contracts, 'schemas'));
const described = new Set(document?.channels().all().map((c) => c.address()));
for (const type of schemas.keys()) if (!described.has(type)) failures.push(`asyncapi.yaml: no channel ${type}`);

let samples = 0;
for (const type of readdirSync(join(contracts, 'schemas/samples')))
  for (const file of readdirSync(join(contracts, 'schemas/samples', type))) {
    samples++;
    const validate = schemas.get(type);
    if (validate && !validate(JSON.parse(readFileSync(join(contracts, 'schemas/samples', type, file))))) failures.push(`samples/${type}/${file}: ${JSON.stringify(validate.errors)}`);
  }

let verdicts = 0;
let refused = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const { type, valid, reason, body } = JSON.parse(line);
  verdicts++;
  refused += valid ? 0 : 1;
  if (schemas.get(type)(body) !== valid)
    failures.push(`${type}: the schema says ${valid ? 'no' : 'yes'} and the inbound check says ${valid ? 'yes' : `no (${reason})`} to ${JSON.stringify(body)}`);
}

if (verdicts === 0) failures.push('no message came on stdin');
failures.slice(0, 5).forEach((f) => console.error(f));
console.log(JSON.stringify({ schemas: schemas.size, channels: described.size, samples, verdicts, refused, failures: failures.length }));
process.exit(failures.length > 0 ? 1 : 0);
