// Calls every function of the contract and exports every interface, as the golden plugin in Rust does, so that what it was built as can
// be kept: what the two tell is the same.

import {
  accept, answer, batch, bytes, clock, config as settingsOf, crypto, drop, emit, filter, keep, log, Message, metrics, random, refuse,
  reject, retryAfter, state, transform, verify,
} from "@sluicebox/sdk";

/** What settings are checked by. */
export const config = {
  type: "object",
  properties: { greeting: { type: "string", maxLength: 20, description: "Told back." } },
  required: ["greeting"],
  additionalProperties: false,
};

/** RFC 8032, 7.1, test 2: key, message, signature. */
const ED25519 = {
  key: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
  data: "72",
  signature:
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
};

/** Drops one type, and fails by another. */
export const goldenFilter = filter((event) => {
  switch (event.type) {
    case "golden.drop":
      return drop("told to drop");
    case "golden.reject":
      return reject("told-to-reject", "by its type");
    case "golden.retry":
      return retryAfter(30_000);
    default:
      return keep();
  }
});

/** Tells all that it was told, in one message that sets all that a message may; splits one type, keeps another. */
export const goldenTransform = transform((event, settings) => {
  if (event.type === "golden.keep") return keep();
  if (event.type === "golden.drop-here") return drop("told to drop here");
  if (event.type === "golden.split") return emit(Message.text("one"), Message.text("two"));
  log.trace("trace");
  log.debug("debug");
  log.info(`told: ${settings.greeting}`);
  log.warn("warn");
  log.error("error");
  const told = {
    event: {
      id: event.id,
      type: event.type,
      source: event.source,
      received_at: event.receivedAt,
      attempt: event.attempt,
      content_type: event.contentType,
      headers: event.headers,
      attributes: event.attributes,
      body: event.text(),
    },
    config: { get: settingsOf.get("greeting"), absent: settingsOf.get("absent") ?? null, all: settings.greeting },
    clock: clock.now(),
    random: [random.bytes(4).length, random.bytes(0).length],
    state: remembered(),
    metrics: [
      works(() => metrics.count("golden", 2, { kind: "count" })),
      works(() => metrics.observe("golden_seconds", 0.25)),
    ],
    crypto: encrypted(),
  };
  const headers = [["x-golden", "1"], ["x-golden", "2"]];
  return emit(Message.json(told, { type: "golden.told", headers, attributes: { golden: "yes" } }));
});

/** Every operation on state, each with what it answers. */
function remembered() {
  const before = state.get("kept")?.text() ?? null;
  const noneThere = works(() => state.put("once", "1", { expect: 0 }));
  const conflict = !works(() => state.put("once", "2", { expect: 0 }));
  state.put("kept", "after", { ttlMs: 3_600_000 });
  const after = state.get("kept")?.text() ?? null;
  const sums = [state.add("sum", 40), state.add("sum", 2)];
  state.delete("once");
  return { before, none_there: noneThere, conflict, after, sums, deleted: state.get("once") === undefined };
}

function encrypted() {
  const [key, data, signature] = [ED25519.key, ED25519.data, ED25519.signature].map(bytes.fromHex);
  const mac = crypto.hmac("sha256", "golden", "data");
  return {
    hmac: bytes.toHex(mac),
    verify_hmac: crypto.verifyHmac("sha256", "golden", "data", mac),
    not_granted: !works(() => crypto.hmac("sha256", "another", "data")),
    verify_ed25519: crypto.verifyEd25519(key, data, signature),
    forged: crypto.verifyEd25519(key, "another", signature),
  };
}

/** Folds the types of its events. */
export const goldenBatch = batch({
  key: "customer",
  fold: ({ key, openedAt, events }) => Message.json({ key, opened_at: openedAt, types: events.map((event) => event.type) }),
});

/** Accepts, refuses and answers as a header says. */
export const goldenVerify = verify((request) => {
  switch (request.header("x-golden")) {
    case "accept":
      return accept({ method: request.method, url: request.url });
    case "answer":
      return answer({ headers: { "content-type": "text/plain; charset=utf-8" }, body: "an answer" });
    case "retry":
      return retryAfter(30_000);
    default:
      return refuse("told to refuse");
  }
});

function works(ask) {
  try {
    ask();
    return true;
  } catch {
    return false;
  }
}
