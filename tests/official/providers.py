"""Providers' own packages as the other side: each line of the input asks one of them to sign a body, or whether it accepts a request; each
line of the output is its answer."""

import json
import sys
import types
from datetime import datetime, timezone
from importlib import import_module
from importlib.util import find_spec
from urllib.parse import parse_qsl


def alone(module):
    """A module whose package is installed without what the rest of it needs: the package itself is not run."""
    package = module.split(".")[0]
    stand_in = types.ModuleType(package)
    stand_in.__path__ = find_spec(package).submodule_search_locations
    sys.modules[package] = stand_in
    return import_module(module)


from Adyen import util as adyen
from box_sdk_gen.internal.utils import compute_webhook_signature
from box_sdk_gen.managers.webhooks import WebhooksManager
from coinbase_commerce.webhook import WebhookSignature
from hubspot.utils.signature import Signature as HubSpotSignature
from slack_sdk.signature import SignatureVerifier
from square.utils.webhooks_helper import verify_signature as verify_square
from twilio.request_validator import RequestValidator
from viberbot import Api as Viber, BotConfiguration

SecurityGuard = alone("mailgun.security").SecurityGuard
verify_stream = alone("stream_chat.webhook").verify_signature


class Slack:
    def sign(self, request):
        now = str(request["now"])
        signature = SignatureVerifier(request["key"]).generate_signature(timestamp=now, body=request["body"])
        return {"x-slack-signature": signature, "x-slack-request-timestamp": now}

    def accepts(self, request):
        return SignatureVerifier(request["key"]).is_valid_request(request["body"], request["headers"])


class Twilio:
    """A form is signed with the URL; of any other body the URL has the hash."""

    def form(self, request):
        return dict(parse_qsl(request["body"], keep_blank_values=True))

    def sign(self, request):
        signature = RequestValidator(request["key"]).compute_signature(request["url"], self.form(request))
        return {"x-twilio-signature": signature}

    def accepts(self, request):
        body = request["body"] if "bodySHA256=" in request["url"] else self.form(request)
        signature = request["headers"]["x-twilio-signature"]
        return RequestValidator(request["key"]).validate(request["url"], body, signature)


class Square:
    def accepts(self, request):
        signature = request["headers"]["x-square-hmacsha256-signature"]
        return verify_square(
            request_body=request["body"],
            signature_header=signature,
            signature_key=request["key"],
            notification_url=request["url"],
        )


class Mailgun:
    def accepts(self, request):
        told = json.loads(request["body"])["signature"]
        return SecurityGuard.verify_webhook(request["key"], told["token"], told["timestamp"], told["signature"])


class Adyen:
    def sign(self, request):
        return {"hmacsignature": adyen.generate_payload_sig(request["body"].encode(), request["key"]).decode()}

    def accepts(self, request):
        return adyen.is_valid_hmac_payload(request["headers"]["hmacsignature"], request["key"], request["body"].encode())


class Box:
    TOLD = {"box-signature-version": "1", "box-signature-algorithm": "HmacSHA256"}

    def sign(self, request):
        time = datetime.fromtimestamp(request["now"], timezone.utc).isoformat(timespec="seconds")
        headers = {**self.TOLD, "box-delivery-timestamp": time}
        return {**headers, "box-signature-primary": compute_webhook_signature(request["body"], headers, request["key"])}

    def accepts(self, request):
        return WebhooksManager.validate_message(request["body"], {**self.TOLD, **request["headers"]}, request["key"])


class HubSpot:
    def sign(self, request):
        now = str(request["now"] * 1000)
        signature = HubSpotSignature.get_signature(
            request["key"], request["body"], "v3", http_uri=request["url"], http_method="POST", timestamp=now
        )
        return {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": now}

    def accepts(self, request):
        return HubSpotSignature.is_valid(
            request["headers"]["x-hubspot-signature-v3"],
            request["key"],
            request["body"],
            http_uri=request["url"],
            http_method="POST",
            signature_version="v3",
            timestamp=request["headers"]["x-hubspot-request-timestamp"],
        )


class ViberBot:
    def accepts(self, request):
        bot = Viber(BotConfiguration(request["key"], "unused", "unused"))
        return bot.verify_signature(request["body"].encode(), request["headers"]["x-viber-content-signature"])


class Stream:
    def accepts(self, request):
        return verify_stream(request["body"], request["headers"]["x-signature"], request["key"])


class CoinbaseCommerce:
    def accepts(self, request):
        signature = request["headers"]["x-cc-webhook-signature"]
        return WebhookSignature.verify_sig_header(request["body"], signature, request["key"])


PROVIDERS = {
    "slack": Slack(),
    "twilio": Twilio(),
    "square": Square(),
    "mailgun": Mailgun(),
    "adyen": Adyen(),
    "box": Box(),
    "hubspot": HubSpot(),
    "viber": ViberBot(),
    "stream": Stream(),
    "coinbase-commerce": CoinbaseCommerce(),
}


def accepts(provider, request):
    """A package says no by its answer or by an error."""
    try:
        return bool(provider.accepts(request))
    except Exception as error:
        print(f"{request['provider']}: {error}", file=sys.stderr)
        return False


for line in sys.stdin:
    request = json.loads(line)
    provider = PROVIDERS[request["provider"]]
    answer = {"headers": provider.sign(request)} if request["ask"] == "sign" else {"accepted": accepts(provider, request)}
    print(json.dumps(answer))
