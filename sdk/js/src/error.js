// How a plugin fails on purpose: for good, or for now. Anything else that is thrown is the plugin's fault.

export class PluginError extends Error {
  constructor(code, message, retry = null) {
    super(message);
    this.name = "PluginError";
    this.code = code;
    this.retry = retry;
  }
}

export function reject(code, message) {
  return new PluginError(String(code), String(message));
}

export function retryAfter(ms, code = "retry", message = "the plugin asked to be called again") {
  const afterMs = ms === null || ms === undefined ? null : Math.max(0, Math.ceil(Number(ms)));
  if (Number.isNaN(afterMs)) throw new TypeError("retryAfter: expected a number of milliseconds");
  return new PluginError(String(code), String(message), { afterMs });
}
