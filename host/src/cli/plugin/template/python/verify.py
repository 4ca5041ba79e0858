"""Verifies the shop's requests: an HMAC-SHA256 of the body, in hexadecimal, in a header."""

from dataclasses import dataclass

from sluicebox_sdk import Decision, Request, accept, answer, crypto, refuse, setting, verify


@dataclass
class Settings:
    """The plugin's `config` in the hub file."""

    header: str = setting(doc="The header with the signature.")


@verify
def from_shop(request: Request, settings: Settings) -> Decision:
    """Says whether the request is the shop's. The secret is granted to the plugin, which never sees it."""
    # A provider that tries the address first, with what it wants to hear again.
    if challenge := request.query("challenge"):
        return answer(challenge)
    signature = request.header(settings.header)
    if signature is None:
        return refuse(f"no single {settings.header}")
    try:
        mac = bytes.fromhex(signature)
    except ValueError:
        return refuse("the signature is no hexadecimal")
    if not crypto.verify_hmac("sha256", "shop", request.body, mac):
        return refuse("the signature is another's")
    return accept()
