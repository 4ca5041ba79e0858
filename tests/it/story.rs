//! What most tests begin with.

/// The secret of every destination here: one of the published vectors of Standard Webhooks.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// The published private key of Standard Webhooks, and its public half.
pub(crate) const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
pub(crate) const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

/// A destination that is tried again soon.
pub(crate) fn destination(name: &str, url: &str) -> String {
    format!("[destinations.{name}]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nretry = {{ first = \"100ms\", max = \"100ms\" }}\n")
}

/// A source that verifies nothing and takes the type from a header.
pub(crate) const OPEN_SOURCE: &str = "[sources.open]\nverify = { scheme = \"none\" }\ntype = { header = \"x-type\" }\n";
