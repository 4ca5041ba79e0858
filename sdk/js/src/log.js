// Lines for people, kept with the run.

import * as host from "#host";
import { toRecords } from "./pairs.js";

const at = (level) => (message, fields) => host.log.emit(level, String(message), toRecords(fields, "key"));

export const trace = at("trace");
export const debug = at("debug");
export const info = at("info");
export const warn = at("warn");
export const error = at("error");
