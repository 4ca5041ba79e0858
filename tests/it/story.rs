//! What most tests begin with.

use sluicebox_tests::Host;

/// The secret of every destination here: one of the published vectors of Standard Webhooks.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A destination that is tried again soon.
pub(crate) fn destination(name: &str, url: &str) -> String {
    format!("[destinations.{name}]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nretry = {{ first = \"20ms\", max = \"50ms\" }}\n")
}

/// An open source, a plugin of this guest, a rule from one to the other, and a receiver's URL as its destination.
pub(crate) async fn hub_with(host: &Host, guest: &str, config: &str, url: &str) {
    let digest = host.upload(sluicebox_tests::guests::component(guest)).await.expect("a component");
    let hub = format!(
        "{OPEN_SOURCE}\n[plugins.{guest}]\ndigest = \"{digest}\"\nconfig = {config}\n\
         {}\n[rules.work]\nplugins = [\"{guest}\"]\ndestinations = [\"out\"]\n",
        destination("out", url)
    );
    host.apply(&hub).await;
}

/// A source that verifies nothing and takes the type from a header.
pub(crate) const OPEN_SOURCE: &str = "[sources.open]\nverify = { scheme = \"none\" }\ntype = { header = \"x-type\" }\n";
