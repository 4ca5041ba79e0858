"""Makes requests of CloudEvents by PyPI's cloudevents, as JSON lines: each event in binary and in structured mode, with what a receiver
has to find in it."""

import base64
import datetime
import json

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

TIME = datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc)
COMMON = {"source": "//shop.example/eu", "subject": "5% \u20ac", "time": TIME, "tenant": "a"}
EVENTS = [
    ("json", "order.paid", "application/json", {"n": 1, "text": "gr\u00fc\u00dfe"}),
    ("text", "note", "text/plain", "a \u20ac"),
    ("bytes", "file", "application/octet-stream", b"\x01\xff"),
]

for id, type, content_type, data in EVENTS:
    attributes = {**COMMON, "id": id, "type": type, "datacontenttype": content_type}
    event = CloudEvent(attributes=attributes, data=data)
    for message in (to_binary_event(event), to_structured_event(event)):
        plain = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
        expected = {key: attributes[key] for key in ("id", "type", "source", "subject", "tenant")}
        expected["data"] = base64.b64encode(plain).decode()
        body = base64.b64encode(message.body).decode()
        print(json.dumps({"headers": message.headers, "body": body, "expected": expected}))
