"""Reads requests as JSON lines and verifies each by PyPI's standardwebhooks; says with how many lines it agrees."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

agreed = 0
for line in sys.stdin:
    request = json.loads(line)
    try:
        Webhook(request["secret"]).verify(request["body"], request["headers"])
        found = True
    except WebhookVerificationError:
        found = False
    if found == request["right"]:
        agreed += 1
    else:
        print(f"said {found}: {line}", file=sys.stderr)
print(f"agreed {agreed}")
