// Verifies the shop's requests: an HMAC-SHA256 of the body, in hexadecimal, in a header.

import { accept, answer, bytes, crypto, refuse, verify } from "@sluicebox/sdk";

/** The plugin's `config` in the hub file, as JSON Schema: what does not fit is refused by `sluicebox apply`. */
export const config = {
  type: "object",
  properties: {
    header: { description: "The header with the signature.", type: "string" },
  },
  required: ["header"],
  additionalProperties: false,
};

/** Says whether the request is the shop's. The secret is granted to the plugin, which never sees it. */
export default verify((request, settings) => {
  // A provider that tries the address first, with what it wants to hear again.
  const challenge = request.query("challenge");
  if (challenge !== null) return answer({ headers: { "content-type": "text/plain" }, body: challenge });
  const signature = request.header(settings.header);
  if (signature === null) return refuse(`no single ${settings.header}`);
  if (!/^([0-9a-f]{2})*$/i.test(signature)) return refuse("the signature is not hexadecimal");
  const mac = bytes.fromHex(signature);
  return crypto.verifyHmac("sha256", "shop", request.body, mac) ? accept() : refuse("the signature is another's");
});
