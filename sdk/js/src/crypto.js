// Cryptography with secrets that the host keeps.

import * as host from "#host";
import * as bytes from "./bytes.js";
import { reject } from "./error.js";

export function hmac(algorithm, secret, data) {
  return granted(() => host.crypto.hmac(algorithm, secret, bytes.of(data)));
}

export function verifyHmac(algorithm, secret, data, mac) {
  return granted(() => host.crypto.verifyHmac(algorithm, secret, bytes.of(data), bytes.of(mac)));
}

export function verifyEd25519(publicKey, data, signature) {
  try {
    return host.crypto.verifyEd25519(bytes.of(publicKey), bytes.of(data), bytes.of(signature));
  } catch (error) {
    throw reject("invalid-key", error.message);
  }
}

function granted(ask) {
  try {
    return ask();
  } catch (error) {
    throw reject("not-granted", error.message);
  }
}
