"""Reads requests as JSON lines and checks each by what others wrote: Standard Webhooks v1 by PyPI's standardwebhooks, CloudEvents by
PyPI's cloudevents. Says with how many lines it agrees."""

import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def v1(request):
    try:
        Webhook(request["secret"]).verify(request["body"], request["headers"])
        return True
    except WebhookVerificationError:
        return False


def cloudevent(request):
    headers, body, expected = request["headers"], request["body"], request["expected"]
    if headers["content-type"] == "application/cloudevents-batch+json":
        # The package has no batches: each of a batch is an event in the structured form.
        (only,) = json.loads(body)
        headers, body = {"content-type": "application/cloudevents+json"}, json.dumps(only)
    event = from_http_event(HTTPMessage(headers=headers, body=body.encode()))
    data = event.get_data()
    if isinstance(data, bytes):
        data = data.decode()
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    found = (event.get_id(), event.get_source(), event.get_type(), event.get_subject(), text)
    return found == (expected["id"], expected["source"], expected["type"], expected["subject"], expected["data"])


agreed = 0
for line in sys.stdin:
    request = json.loads(line)
    found = {"v1": v1, "cloudevent": cloudevent}[request["kind"]](request)
    if found == request["right"]:
        agreed += 1
    else:
        print(f"said {found}: {line}", file=sys.stderr)
print(f"agreed {agreed}")
