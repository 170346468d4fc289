"""What a partner may rely on for every message, whatever its type."""

import datetime
import json
import pathlib
import re

import jsonschema

CONTRACTS = pathlib.Path(__file__).resolve().parents[3] / "contracts"
PREFIX = "cloudEvents_"

_formats = jsonschema.FormatChecker(formats=())


@_formats.checks("uuid")
def _is_uuid(value):
    return not isinstance(value, str) or re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value) is not None


@_formats.checks("date-time")
def _is_time(value):
    if not isinstance(value, str):
        return True
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", value)
    if match is None:
        return False
    try:
        datetime.datetime.fromisoformat(match.group(1))
        return True
    except ValueError:
        return False


def load_schemas():
    """Validators by event type, from the committed schemas."""
    schemas = {}
    for path in sorted((CONTRACTS / "schemas").glob("shop.*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        schemas[path.name[: -len(".json")]] = jsonschema.Draft202012Validator(schema, format_checker=_formats)
    return schemas


def check(schemas, exchange, routing_key, properties, body):
    """The reasons for which a delivery is not what the surface promises; empty when it is."""
    wrong = []
    headers = properties.headers or {}
    attributes = {}
    for name, value in headers.items():
        if name.startswith("MT-"):
            wrong.append(f"header {name} belongs to a framework")
        if name.startswith(PREFIX):
            attribute = name[len(PREFIX) :]
            attributes[attribute] = value
            if not isinstance(value, str) or not value:
                wrong.append(f"header {name} is not a string with something in it")
            if not re.fullmatch(r"[a-z0-9]{1,20}", attribute):
                wrong.append(f"attribute {attribute} is not named as CloudEvents wants")

    event_type = attributes.get("type")
    for name in ("id", "source", "type", "time", "subject", "dataschema", "correlationid", "sequence", "traceparent"):
        if name not in attributes:
            wrong.append(f"attribute {name} is missing")
    if attributes.get("specversion") != "1.0":
        wrong.append(f"specversion is {attributes.get('specversion')}")
    if attributes.get("dataschema") != f"urn:shop:schema:{event_type}":
        wrong.append(f"dataschema is {attributes.get('dataschema')}")
    if not _is_time(attributes.get("time", "")):
        wrong.append(f"time is {attributes.get('time')}")
    if properties.content_type is None or not properties.content_type.startswith("application/json"):
        wrong.append(f"content type is {properties.content_type}")
    if properties.delivery_mode != 2:
        wrong.append("not persistent")
    if (routing_key if exchange == "shop.events" else exchange) != event_type:
        wrong.append(f"came by {exchange} with routing key {routing_key}")

    validator = schemas.get(event_type)
    if validator is None:
        return wrong + [f"no schema for {event_type}"]
    try:
        wrong.extend(f"/{'/'.join(map(str, e.path))} {e.message}" for e in validator.iter_errors(json.loads(body)))
    except ValueError as e:
        wrong.append(f"not JSON: {e}")
    return wrong
