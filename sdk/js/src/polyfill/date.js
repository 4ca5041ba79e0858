// `Date` by the host's clock.

/** The engine's own but for what asks what time it is. */
export function hostDate(Native, now) {
  function Date(...given) {
    const time = given.length > 0 ? given : [now()];
    const made = Reflect.construct(Native, time, new.target ?? Native);
    return new.target ? made : made.toString();
  }
  Object.defineProperty(Date, "prototype", { value: Native.prototype });
  Object.defineProperty(Native.prototype, "constructor", { value: Date, writable: true, configurable: true });
  return Object.assign(Date, { now, parse: Native.parse, UTC: Native.UTC });
}
