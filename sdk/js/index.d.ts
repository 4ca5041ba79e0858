/** Plugins for Sluicebox. A plugin's module exports what {@link filter}, {@link transform}, {@link batch} or {@link verify} made. */

/** Names and values: an object, or a list of pairs where names repeat. */
export type Pairs = Record<string, string> | Iterable<readonly [string, string]>;

/** What came in. */
export class Event {
  /** An event for a test. `json` sets the content type too; `headers` are written in lower case, as the host has them. */
  constructor(given?: {
    id?: string;
    type?: string;
    source?: string;
    receivedAt?: number;
    attempt?: number;
    contentType?: string | null;
    headers?: Pairs;
    attributes?: Pairs;
    /** One of `body`, `text` and `json`. */
    body?: Uint8Array | string;
    text?: string;
    json?: unknown;
  });
  /** The same across retries, and across repeats after a crash. */
  readonly id: string;
  /** `invoice.paid`; empty where the source names none. */
  readonly type: string;
  /** The source's name in the hub file. */
  readonly source: string;
  /** When its last byte had arrived, in milliseconds since the Unix epoch. */
  readonly receivedAt: number;
  /** 1 on the first run; one more after each failure that counts. */
  readonly attempt: number;
  /** The body's media type, where the sender told it. */
  readonly contentType: string | null;
  /** Names in lower case, in order of arrival, duplicates kept, credentials removed. */
  readonly headers: ReadonlyArray<readonly [string, string]>;
  /** `subject`, `time`, `external-id`, CloudEvents extensions. */
  readonly attributes: ReadonlyArray<readonly [string, string]>;
  /** The bytes as they came: neither JSON nor UTF-8 is promised. */
  readonly body: Uint8Array;
  /** The first header of this name, in any case of letters. */
  header(name: string): string | undefined;
  /** The attribute of this key. */
  attribute(key: string): string | undefined;
  /** The body as text. Rejects with `invalid-utf8` what is none. */
  text(): string;
  /**
   * The body, read from JSON. Rejects with `invalid-json`, and the place, what is none. Numbers beyond 2^53 and digits beyond a
   * `number`'s are lost, as everywhere in JavaScript.
   */
  json<T = any>(): T;
}

/** What a message may set; what it does not set stays as the event has it. */
export interface MessageOptions {
  /** The event's type from here on. */
  type?: string;
  /** The media type of the body. */
  contentType?: string;
  /** To go out with the message. A name that the host owns (`webhook-*`, `host`, ...) fails the run with `header-not-allowed`. */
  headers?: Pairs;
  /** Instead of all that the event had. */
  attributes?: Pairs;
  /** The one of the rule's destinations to send it to. */
  route?: string;
}

/** What goes on. */
export class Message {
  private constructor();
  /** A value as JSON. */
  static json(value: unknown, options?: MessageOptions): Message;
  /** Plain text. */
  static text(text: string, options?: MessageOptions): Message;
  /** These bytes, or the UTF-8 of this text, under the event's content type. */
  static bytes(body: Uint8Array | ArrayBuffer | string, options?: MessageOptions): Message;
  /** The bytes that are sent. */
  readonly body: Uint8Array;
  /** The type, where it was set. */
  readonly type: string | null;
  /** The content type, where it was set. */
  readonly contentType: string | null;
  /** The headers that were added. */
  readonly headers: ReadonlyArray<readonly [string, string]>;
  /** The attributes, where they were set. */
  readonly attributes: ReadonlyArray<readonly [string, string]> | null;
  /** The destination, where it was set. */
  readonly route: string | null;
  /** The body as text, for tests. */
  text(): string;
  /** The body read from JSON, for tests. */
  json<T = any>(): T;
}

/** A batch: events that belong together. */
export interface Batch {
  /** Fixed when the members are; the same on a repeat. */
  readonly id: string;
  /** What its events have in common; empty where the plugin names no key. */
  readonly key: string;
  /** Why it is folded now. */
  readonly reason: "size" | "bytes" | "age" | "rule-changed" | "manual";
  /** When the first event joined, in milliseconds since the Unix epoch. */
  readonly openedAt: number;
  /** In order of joining. */
  readonly events: readonly Event[];
}

/** A request as it came to a source. */
export class Request {
  /** For tests: a `POST` unless told otherwise. */
  constructor(request?: {
    method?: string;
    url?: string;
    receivedAt?: number;
    headers?: Pairs;
    body?: Uint8Array | ArrayBuffer;
    text?: string;
  });
  /** Upper case. */
  readonly method: string;
  /** Absolute, as the sender called it. */
  readonly url: string;
  /** Names in lower case, in order of arrival, duplicates kept. Credentials are in it. */
  readonly headers: ReadonlyArray<readonly [string, string]>;
  /** What was signed. */
  readonly body: Uint8Array;
  /** When its last byte had arrived, in milliseconds since the Unix epoch. */
  readonly receivedAt: number;
  /** A header by name; null where there is none, and where there are several: nobody knows which of them was signed. */
  header(name: string): string | null;
  /** The first value of this name in the URL's query; null where there is none. */
  query(name: string): string | null;
}

/** It goes on as it is. */
export type Keep = { readonly tag: "keep" };
/** It ends here. */
export type Drop = { readonly tag: "drop"; readonly val: string };
/** These go on in its place. */
export type Emit = { readonly tag: "emit"; readonly val: Message[] };
/** What a filter decides. */
export type Verdict = Keep | Drop;
/** What a transform decides. */
export type Outcome = Keep | Drop | Emit;
/** What a `verify` plugin decides. */
export type Decision =
  | { readonly tag: "accept"; readonly val: ReadonlyArray<readonly [string, string]> }
  | { readonly tag: "refuse"; readonly val: string }
  | { readonly tag: "answer"; readonly val: { status: number; headers: ReadonlyArray<readonly [string, string]>; body: Uint8Array } };

/** The event goes on as it is; its body is not copied. */
export function keep(): Keep;
/** The event ends here; the reason is shown and counted. */
export function drop(reason: string): Drop;
/** These go on in the event's place; several: it is split. */
export function emit(...messages: Array<Message | Message[]>): Emit;
/** The request is from the source; it is stored with these attributes beside its own. */
export function accept(attributes?: Pairs): Decision;
/** The request is not from the source, for this reason, which is logged; the sender is told 401 and no more. */
export function refuse(reason: string): Decision;
/** The request is a handshake: it is answered so (200 unless told otherwise), and nothing is stored. */
export function answer(response: { status?: number; headers?: Pairs; body?: Uint8Array | string }): Decision;

/** How a plugin fails on purpose. Anything else that is thrown is told with its place, and counts as the plugin's fault. */
export class PluginError extends Error {
  private constructor();
  /** Kebab case, stable, for machines. */
  readonly code: string;
  /** Set where the plugin asks to be called again; `afterMs` is null where the host's backoff decides. */
  readonly retry: { readonly afterMs: number | null } | null;
}
/** The event becomes a dead letter of its rule: `throw reject("no-order", "...")`. */
export function reject(code: string, message: string): PluginError;
/** The whole chain is run again, not before so many milliseconds (null: the host's backoff): `throw retryAfter(5_000)`. */
export function retryAfter(ms: number | null, code?: string, message?: string): PluginError;

/** The plugin's settings: `config` in the hub file. */
export type Settings = Record<string, any>;
/** A filter, as a test calls it; without settings it takes those of `config`. */
export type Filter<S> = (event: Event, settings?: S) => Verdict;
/** A transform, as a test calls it. */
export type Transform<S> = (event: Event, settings?: S) => Outcome;
/** A batch, as a test calls it: folds, and has the key's function beside. */
export type Fold<S> = ((batch: Batch, settings?: S) => Message[]) & { key(event: Event, settings?: S): string | null };
/** A `verify` plugin, as a test calls it. */
export type Verify<S> = (request: Request, settings?: S) => Decision;

/** A plugin that says whether an event goes on. Functions are not async. */
export function filter<S = Settings>(judge: (event: Event, settings: S) => boolean | Verdict | PluginError): Filter<S>;
/** A plugin that changes an event, drops it, or makes several of it. */
export function transform<S = Settings>(change: (event: Event, settings: S) => Outcome | PluginError): Transform<S>;
/**
 * A plugin that folds many events into messages. `key` says which batch an event joins: the path of a text, number or truth value in
 * its JSON body (`customer.id`, `items[0].id`), or a function (null: it is delivered alone). Without it all events of the rule join
 * one batch.
 */
export function batch<S = Settings>(plugin: {
  key?: string | ((event: Event, settings: S) => string | number | boolean | null | undefined | PluginError);
  fold: (batch: Batch, settings: S) => Message | Message[] | PluginError;
}): Fold<S>;
/** A plugin that says whether a request is from the source that it came to. */
export function verify<S = Settings>(judge: (request: Request, settings: S) => Decision | PluginError): Verify<S>;

/** What is wrong with a setting, as `export function validateConfig(settings): Problem[]` tells it. */
export interface Problem {
  /** Where: a JSON pointer within the settings, as `/fields/0`; empty for all of them. */
  path?: string;
  /** What is wrong. It is stored and shown: it must not repeat the value. */
  message: string;
}
/**
 * What of JSON Schema `export const config` may use. It is checked when settings are applied, and lies in the component for tools.
 * `default` is filled in; `format` is for people.
 */
export interface Schema {
  $schema?: string;
  title?: string;
  description?: string;
  examples?: readonly unknown[];
  default?: unknown;
  format?: string;
  type?: SchemaType | readonly SchemaType[];
  enum?: readonly unknown[];
  const?: unknown;
  anyOf?: readonly Schema[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  properties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: boolean | Schema;
  minProperties?: number;
  maxProperties?: number;
}
/** A type of JSON. */
export type SchemaType = "null" | "boolean" | "integer" | "number" | "string" | "array" | "object";

/** Bytes and texts. */
export namespace bytes {
  /** The UTF-8 of a text. */
  function fromText(text: string): Uint8Array;
  /** The text of UTF-8; throws a `URIError` for what is none. */
  function toText(bytes: Uint8Array): string;
  /** In lower case. */
  function toHex(bytes: Uint8Array): string;
  /** Throws a `TypeError` for what is none. */
  function fromHex(text: string): Uint8Array;
  /** With padding (RFC 4648, section 4). */
  function toBase64(bytes: Uint8Array): string;
  /** Throws for what is none. */
  function fromBase64(text: string): Uint8Array;
}

/** The time, which stands still during a call. `Date` tells the same. */
export namespace clock {
  /** When the host took the run up, in milliseconds since the Unix epoch. */
  function now(): number;
}

/** The plugin's settings, for functions that are not given them. */
export namespace config {
  /** All settings, with the schema's defaults. */
  function all<S = Settings>(): S;
  /** One top-level setting. */
  function get<T = any>(key: string): T | undefined;
}

/** Cryptography with secrets that the host keeps: a plugin names one of its `grants.secrets`, and never sees it. */
export namespace crypto {
  /** What is hashed with. */
  type Algorithm = "sha256" | "sha384" | "sha512";
  /** The HMAC (RFC 2104) of the data. Rejects with `not-granted` and the name of the missing grant. */
  function hmac(algorithm: Algorithm, secret: string, data: Uint8Array | string): Uint8Array;
  /** Whether `mac` is that HMAC, compared in constant time. Rejects as `hmac` does. */
  function verifyHmac(algorithm: Algorithm, secret: string, data: Uint8Array | string, mac: Uint8Array): boolean;
  /** Whether this is the key's signature of the data (Ed25519, RFC 8032). Rejects with `invalid-key` what is no key or signature. */
  function verifyEd25519(publicKey: Uint8Array, data: Uint8Array | string, signature: Uint8Array): boolean;
}

/** Lines for people, kept with the run: at most 100 of 1 KiB a call. `console` writes here too. */
export namespace log {
  /** Steps on the way. */
  function trace(message: string, fields?: Pairs): void;
  /** For whoever mends the plugin. */
  function debug(message: string, fields?: Pairs): void;
  /** What happened. */
  function info(message: string, fields?: Pairs): void;
  /** What somebody should look at. */
  function warn(message: string, fields?: Pairs): void;
  /** What went wrong. */
  function error(message: string, fields?: Pairs): void;
}

/** Numbers for the operator's dashboards. Need the grant `metrics`; what the host refuses rejects with `metric-refused`. */
export namespace metrics {
  /** Adds to a counter. */
  function count(name: string, delta?: number, labels?: Pairs): void;
  /** Adds a value to a histogram. */
  function observe(name: string, value: number, labels?: Pairs): void;
}

/** Random numbers that depend on the event's id, the component and the function, so that a repeat sees them again. No secrets. */
export namespace random {
  /** The next `count` bytes. */
  function bytes(count: number): Uint8Array;
  /** From 0 up to but without 1, as `Math.random()`, which is the same. */
  function number(): number;
}

/** What a plugin remembers from one event to the next. Needs the grant `state`. */
export namespace state {
  /** What is stored under a key. */
  interface Entry {
    readonly value: Uint8Array;
    /** Another one after each write. */
    readonly version: number;
    /** The value as text. */
    text(): string;
    /** The value read from JSON. */
    json<T = any>(): T;
  }
  /** What is under the key, if anything. */
  function get(key: string): Entry | undefined;
  /** Stores a value and returns its version. `expect`: only where the entry is at this version; 0: only where there is none. */
  function put(key: string, value: Uint8Array | string, options?: { expect?: number; ttlMs?: number }): number;
  /** Removes what is under the key. */
  function remove(key: string, options?: { expect?: number }): void;
  export { remove as delete };
  /** Adds to a number and returns the sum; where nothing is, it was 0, and only then `ttlMs` counts. Exact up to 2^53. */
  function add(key: string, delta?: number, options?: { ttlMs?: number }): number;
}
/**
 * Why nothing was read or written. Uncaught, it rejects as `state-` and the code, or as `not-granted`; `conflict` and `unavailable` ask for a retry.
 */
export class StateError extends Error {
  private constructor();
  readonly code: "conflict" | "too-large" | "quota" | "denied" | "unavailable";
}
