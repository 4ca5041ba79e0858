//! The events that can be sent: files as a request is written down. The first line says what happened, then come the headers, an empty line
//! and the body. What is fresh in each event stands in double braces (`fresh`); the signature is not there, it is made.

use anyhow::anyhow;
use strsim::jaro_winkler;

/// An event that can be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixture {
    /// The scheme of its sender, a dot, and what happened.
    pub(super) name: &'static str,
    text: &'static str,
}

macro_rules! fixtures {
    ($($name:literal,)*) => { &[$(Fixture { name: $name, text: include_str!(concat!("fixtures/", $name, ".http")) },)*] };
}

/// All of them; of each scheme the one first that is sent where none is named.
pub(super) const FIXTURES: &[Fixture] = fixtures![
    "bitbucket.push",
    "bitbucket.pullrequest.created",
    "discord.application_authorized",
    "dropbox.files.changed",
    "github.push",
    "github.issue_comment.created",
    "github.issues.opened",
    "github.ping",
    "github.pull_request.opened",
    "github.release.published",
    "gitlab.push",
    "gitlab.merge_request",
    "mailgun.delivered",
    "mailgun.failed",
    "meta.whatsapp.message",
    "okta.user.lifecycle.create",
    "sample.order.created",
    "sendgrid.delivered",
    "shopify.orders.create",
    "shopify.products.update",
    "slack.message",
    "slack.app_mention",
    "slack.command",
    "square.payment.updated",
    "standard-webhooks.user.created",
    "stripe.payment_intent.succeeded",
    "stripe.checkout.session.completed",
    "stripe.customer.subscription.deleted",
    "stripe.invoice.paid",
    "svix.invoice.paid",
    "twilio.message.received",
    "twilio.call.completed",
    "x.tweet_create",
    "zoom.meeting.started",
    "zoom.meeting.participant_joined",
];

/// What a source of any scheme can be sent that has no events of its own.
const SAMPLE: &str = "sample";

/// Standards that many send by: their sources take every event.
const STANDARDS: [&str; 2] = ["standard-webhooks", "svix"];

impl Fixture {
    /// The scheme of its sender.
    pub(super) fn scheme(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(scheme, _)| scheme)
    }

    /// What happened, in a sentence.
    pub(super) fn about(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// The headers, the names in lower case.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.text.lines().skip(1).take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": "))
    }

    /// The body, byte for byte.
    pub(super) fn body(&self) -> &'static str {
        self.text.split_once("\n\n").map_or("", |(_, body)| body)
    }
}

/// The event to send to a source of this scheme: by its name, also without the scheme before it, or else the scheme's first.
pub(super) fn choose(scheme: &str, name: Option<&str>) -> anyhow::Result<Fixture> {
    let of = |scheme: &str| FIXTURES.iter().copied().filter(|one| one.scheme() == scheme).collect::<Vec<_>>();
    let own = of(scheme);
    let Some(name) = name else {
        return own.first().or(of(SAMPLE).first()).copied().ok_or_else(|| anyhow!("there is no event for the scheme `{scheme}`"));
    };
    let found = FIXTURES.iter().find(|one| one.name == name).or_else(|| own.iter().find(|one| after_scheme(one.name) == name));
    let Some(found) = found else { return Err(unknown(name)) };
    if own.is_empty() || STANDARDS.contains(&scheme) || found.scheme() == scheme {
        return Ok(*found);
    }
    let names: Vec<&str> = own.iter().map(|one| one.name).collect();
    Err(anyhow!("the source is one of `{scheme}`, and never gets `{name}`; there are: {}", names.join(", ")))
}

fn after_scheme(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, event)| event)
}

fn unknown(name: &str) -> anyhow::Error {
    let nearness = |one: &Fixture| jaro_winkler(one.name, name).max(jaro_winkler(after_scheme(one.name), name));
    let nearest = FIXTURES.iter().max_by(|a, b| nearness(a).total_cmp(&nearness(b))).map_or("", |one| one.name);
    anyhow!("there is no event `{name}`; did you mean `{nearest}`? `sluicebox trigger --list` shows all")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_file_is_in_the_list() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/trigger/fixtures");
        let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").file_name());
        let files: BTreeSet<String> =
            files.filter_map(|file| file.to_str().and_then(|file| file.strip_suffix(".http")).map(str::to_owned)).collect();
        assert_eq!(files, FIXTURES.iter().map(|one| one.name.to_owned()).collect());
        assert!(files.len() >= 20);
    }

    #[test]
    fn every_event_says_what_it_is() {
        for one in FIXTURES {
            assert!(one.text.starts_with("# ") && one.about().ends_with('.'), "{}", one.name);
            assert!(one.headers().any(|(name, _)| name == "content-type"), "{}", one.name);
            assert!(one.headers().all(|(name, _)| name == name.to_lowercase()), "{}", one.name);
            assert!(!one.body().is_empty(), "{}", one.name);
        }
    }

    #[test]
    fn an_event_is_chosen_by_name_or_by_the_scheme() {
        let name = |scheme, name| choose(scheme, name).map(|one| one.name).map_err(|error| error.to_string());
        assert_eq!(name("github", None), Ok("github.push"));
        assert_eq!(name("github", Some("issues.opened")), Ok("github.issues.opened"));
        assert_eq!(name("github", Some("github.ping")), Ok("github.ping"));
        assert_eq!(name("none", None), Ok("sample.order.created"));
        assert_eq!(name("hmac", Some("stripe.invoice.paid")), Ok("stripe.invoice.paid"));
        assert_eq!(name("svix", Some("sample.order.created")), Ok("sample.order.created"));
        assert!(name("github", Some("stripe.invoice.paid")).is_err_and(|error| error.contains("github.push")));
        assert!(name("github", Some("isues.opend")).is_err_and(|error| error.contains("did you mean `github.issues.opened`")));
    }
}
