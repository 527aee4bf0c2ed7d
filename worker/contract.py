"""The contract towards the campaign service as documents for machines: JSON Schemas of jobs and feedback, and an AsyncAPI 3
document of the channels they go through. Made from the types that read and write them; `python -m worker.contract FOLDER`.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from feedback.event import TRACEPARENT, Batch
from worker.job import Fields, JsonJob

Tree = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_JOB = {
    "job_id": "The idempotency key: one job_id is sent at most once, however often it is published.",
    "delivery_id": "The campaign's delivery.",
    "mail_from": "Envelope sender; may be empty.",
    "rcpt_to": "The one envelope recipient; SMTPUTF8 and internationalised domains allowed.",
    "wave": "Wave number inside the delivery.",
    "tenant": "Whose mail it is.",
    "priority": "Transactional goes before bulk.",
    "pool": "Egress pool.",
    "dkim": 'Signatures wanted, as "domain" or "domain/selector"; without it, by the domain of the author.',
    "not_before": "Not sent earlier.",
    "expires_at": "End of validity; never more than 84 hours after acceptance.",
    "on_doubt": "What to do when it is unknown whether the receiver took the message.",
    "test": "Stop after RCPT TO; transmit nothing.",
    "context": "Returned untouched in every event; at most 4096 octets as JSON.",
    "message": "The message (RFC 5322) as text, sent as UTF-8. Either this or message_b64.",
    "message_b64": "The message in base64, for exact octets. Either this or message.",
}

_TYPES = {
    "Job": "One message for one recipient. Unknown fields are ignored.",
    "Batch": "The body of a feedback message.",
    "Event": "One thing that became of a job. The greatest seq of a job holds; repeats have the same event_id.",
    "QualificationPart": "What an answer means for the address; on every delayed and failed.",
    "SmtpPart": "The phase that an attempt ended in, and the reply that ended it.",
    "PathPart": "The way that an attempt took.",
    "TlsPart": "How it was protected.",
    "TimingPart": "Milliseconds since acceptance, and of the attempt.",
}

_AS_HEADER: dict[str, Tree] = {
    "wave": {"type": ["integer", "string"], "pattern": "^[0-9]{1,10}$"},
    "test": {"enum": [True, False, "true", "false"]},
    "dkim": {"type": "string", "description": "As in JSON, separated by commas."},
    "context": {"type": "string", "description": "A JSON object as text."},
}
"""Fields whose AMQP header is not what their JSON is."""


def documents() -> dict[str, Tree]:
    """Every document by the name of its file."""
    return {
        "job.schema.json": _standing("Job", "Send job"),
        "event.schema.json": _standing("Batch", "Feedback message"),
        "asyncapi.json": asyncapi(),
    }


def asyncapi() -> Tree:
    """The channels as the worker sees them, with the default prefix."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "campaign-mta",
            "version": version("campaign-mta"),
            "description": "Send jobs in, feedback out. Every name begins with the prefix that is configured, by default mta.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {"host": "localhost:5672", "protocol": "amqp", "description": "RabbitMQ 3.10 or newer."}},
        "channels": _channels(),
        "operations": {
            "takeJob": _operation("receive", "jobs", "Take send jobs."),
            "tellFeedback": _operation("send", "feedback", "Tell what became of them, at least once."),
            "rejectJob": _operation("send", "rejected", "Put aside what cannot be read, body unchanged."),
        },
        "components": {"messages": _messages(), "schemas": _schemas("#/components/schemas/{name}")},
    }


def _channels() -> Tree:
    return {
        "jobs": {
            "address": "{priority}.{domain}",
            "description": "Any routing key is taken; this is the recommended one.",
            "parameters": {
                "priority": {"description": "The job's.", "enum": ["bulk", "transactional"]},
                "domain": {"description": "The recipient's, in lower case."},
            },
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in ("job", "mail")},
            "bindings": _exchange("mta.jobs"),
        },
        "feedback": {
            "address": "events",
            "description": "A durable queue mta.feedback is bound to it.",
            "messages": {"feedback": {"$ref": "#/components/messages/feedback"}},
            "bindings": _exchange("mta.feedback"),
        },
        "rejected": {
            "address": "mta.rejected",
            "messages": {"rejected": {"$ref": "#/components/messages/rejected"}},
            "bindings": {
                "amqp": {
                    "is": "queue",
                    "queue": {"name": "mta.rejected", "durable": True, "exclusive": False, "autoDelete": False},
                    "bindingVersion": "0.3.0",
                }
            },
        },
    }


def _messages() -> Tree:
    return {
        "job": {
            "title": "Send job",
            "contentType": "application/json",
            "headers": _traced("The job's trace context (W3C), given on in its feedback."),
            "payload": {"$ref": "#/components/schemas/Job"},
        },
        "mail": {
            "title": "Send job as a mail: the message is the body, the other fields are headers",
            "contentType": "message/rfc822",
            "headers": _headers(),
            "payload": {"type": "string"},
        },
        "feedback": {
            "title": "Feedback",
            "contentType": "application/json",
            "headers": _traced("The trace context of its events, where all have the same; each event has its own."),
            "payload": {"$ref": "#/components/schemas/Batch"},
        },
        "rejected": {
            "title": "Rejected job",
            "headers": {
                "type": "object",
                "required": ["x-reason"],
                "properties": {"x-reason": {"type": "string", "description": "The field and what is wrong with it."}},
            },
            "payload": {},
        },
    }


def _traced(description: str) -> Tree:
    given = {"type": "string", "pattern": f"^{TRACEPARENT.pattern}$", "description": description}
    return {"type": "object", "properties": {"traceparent": given}}


def _headers() -> Tree:
    _, found = msgspec.json.schema_components([Fields])
    fields: Tree = _mended(found["Fields"])
    for name, header in _AS_HEADER.items():
        fields["properties"][name] = header
    for name, field in fields["properties"].items():
        fields["properties"][name] = {"description": _JOB[name]} | field
    return {key: fields[key] for key in ("type", "required", "properties")}


def _exchange(name: str) -> Tree:
    exchange = {"name": name, "type": "topic", "durable": True, "autoDelete": False}
    return {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}}


def _operation(action: str, channel: str, summary: str) -> Tree:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}


def _standing(name: str, title: str) -> Tree:
    """A JSON Schema that needs nothing beside it."""
    types = _schemas("#/$defs/{name}")
    whole: Tree = types.pop(name)
    beside = {} if name == "Job" else {"$defs": {each: types[each] for each in types if each != "Job"}}
    return {"$schema": _DIALECT} | whole | {"title": title} | beside


def _schemas(template: str) -> Tree:
    _, found = msgspec.json.schema_components([JsonJob, Batch], ref_template=template)
    types: Tree = {"Job" if name == "JsonJob" else name: _mended(schema) for name, schema in found.items()}
    for name, schema in types.items():
        schema |= {"title": name, "description": _TYPES[name]}
    job, batch = types["Job"], types["Batch"]
    job["oneOf"] = [{"required": ["message"]}, {"required": ["message_b64"]}]
    for field, meaning in _JOB.items():
        job["properties"][field]["description"] = meaning
    job["properties"]["message_b64"]["contentEncoding"] = "base64"
    batch["properties"]["events"] |= {"minItems": 1, "maxItems": 500}
    for field in ("at", "next_attempt_at"):
        types["Event"]["properties"][field]["format"] = "date-time"
    return dict(sorted(types.items()))


def _mended(schema: Any) -> Any:
    """Patterns as JSON Schema has them; and what has the default null is not written, so it is never null."""
    match schema:
        case {"anyOf": list(choices), "default": None}:
            rest = [_mended(choice) for choice in choices if choice != {"type": "null"}]
            return rest[0] if len(rest) == 1 else {"anyOf": rest}
        case dict():
            return {
                key: value.replace(r"\A", "^").replace(r"\Z", "$") if key == "pattern" else _mended(value)
                for key, value in schema.items()
            }
        case list():
            return [_mended(each) for each in schema]
        case _:
            return schema


def write(folder: Path) -> None:
    """Write every document."""
    for name, tree in documents().items():
        (folder / name).write_text(text(tree), encoding="utf-8")


def text(tree: Tree) -> str:
    """A document as it is written."""
    return json.dumps(tree, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
