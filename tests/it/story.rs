//! What most tests begin with.

/// The secret of every destination here: one of the published vectors of Standard Webhooks.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A destination that is tried again soon.
pub(crate) fn destination(name: &str, url: &str) -> String {
    format!("[destinations.{name}]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nretry = {{ first = \"100ms\", max = \"100ms\" }}\n")
}

/// A source that verifies nothing and takes the type from a header.
pub(crate) const OPEN_SOURCE: &str = "[sources.open]\nverify = { scheme = \"none\" }\ntype = { header = \"x-type\" }\n";
