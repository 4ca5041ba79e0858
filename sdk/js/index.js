// What a plugin imports. The types and their documentation are in `index.d.ts`.

export { Event } from "./src/event.js";
export { Message } from "./src/message.js";
export { accept, answer, drop, emit, keep, refuse } from "./src/outcome.js";
export { Request } from "./src/request.js";
export { PluginError, reject, retryAfter } from "./src/error.js";
export { batch, filter, transform, verify } from "./src/kinds.js";
export * as bytes from "./src/bytes.js";
export * as clock from "./src/clock.js";
export * as config from "./src/config.js";
export * as crypto from "./src/crypto.js";
export * as log from "./src/log.js";
export * as metrics from "./src/metrics.js";
export * as random from "./src/random.js";
export * as state from "./src/state.js";
export { StateError } from "./src/state.js";
