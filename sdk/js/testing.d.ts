/** What a test of a plugin sets, and sees: the host's stand-in of this process. */

import type { Batch, Event } from "./index.js";

/** Begins anew: no settings, time 0, nothing stored, granted, logged or counted. */
export function reset(): void;
/** Sets what `config` reads, and what plugins are given that are called without settings. */
export function setSettings(settings: Record<string, unknown>): void;
/** Sets what `clock.now()` tells. `Date` stays Node's own in a test. */
export function setNow(ms: number): void;
/** Begins the stream of `random` anew; each seed has its own. `Math.random` stays Node's own in a test. */
export function setRandomSeed(seed: number): void;
/** Grants a secret, by the name that `crypto` is asked for. */
export function grantSecret(name: string, secret: string): void;
/** Stores a text under a key of `state`. */
export function setState(key: string, text: string): void;
/** The text under a key of `state`. */
export function stateText(key: string): string | undefined;
/** Takes the lines that were logged. */
export function takeLog(): Array<{ level: string; message: string; fields: Record<string, string> }>;
/** Takes what was counted and observed. */
export function takeMetrics(): Array<{ name: string; count?: number; value?: number; labels: Record<string, string> }>;
/** A batch for a test. */
export function batchOf(key: string, events: Event[], more?: Partial<Omit<Batch, "key" | "events">>): Batch;
