//! Events as CloudEvents 1.0 over HTTP, in and out: in the JSON format (structured and batched mode), and as HTTP headers (binary mode).
//! Pure.
//!
//! | file | what it is |
//! |---|---|
//! | `outgoing` | an event as a document, or as headers |
//! | `incoming` | which mode a request is in, and its events |
//! | `binary`, `json` | one event of headers, or of a document |
//! | `context` | the attributes of one that comes in, and what the standard asks of them |

mod binary;
mod context;
mod incoming;
mod json;
mod outgoing;

pub use context::{Malformed, Received, moment};
pub use incoming::{Decoded, Mode, Refusal, decode, mode};
pub use json::{data, items};
pub use outgoing::{CloudEvent, is_json, passed_through, rfc3339};

/// The media type of one event in the JSON format.
pub const STRUCTURED: &str = "application/cloudevents+json";
/// The media type of a list of events in the JSON format.
pub const BATCH: &str = "application/cloudevents-batch+json";

/// The attribute of an event under which the `source` is kept that it came in with. As it is no name that the standard allows, it does not go
/// out as an extension.
pub const SOURCE: &str = "ce-source";
