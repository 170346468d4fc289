"""Compares the schemas with the verdicts of the services' inbound check. On stdin: one JSON document per line."""

import json
import sys

from rules import load_schemas

schemas = load_schemas()
failures = []
verdicts = 0
for line in sys.stdin:
    message = json.loads(line)
    verdicts += 1
    if schemas[message["type"]].is_valid(message["body"]) != message["valid"]:
        verdict = "yes" if message["valid"] else f"no ({message['reason']})"
        failures.append(f"{message['type']}: the inbound check says {verdict} to {json.dumps(message['body'])}, and the schema does not")

for failure in failures[:5]:
    print(failure, file=sys.stderr)
print(json.dumps({"schemas": len(schemas), "verdicts": verdicts, "failures": len(failures)}))
sys.exit(1 if failures or verdicts == 0 else 0)
