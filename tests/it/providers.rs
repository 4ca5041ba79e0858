//! Providers' own packages as the other side: what they sign the host takes in, what we sign they accept, and what is forged neither takes.
//! `cargo xtask test` installs the packages.

mod forgery;
mod key;
mod package;

use std::{collections::HashMap, time::SystemTime};

use http::{HeaderMap, HeaderValue};
use reqwest::Method;
use serde_json::json;
use sluicebox::{
    event::Timestamp,
    verify::{Sample, Spec},
};
use sluicebox_tests::Host;

use self::{
    forgery::Seen,
    key::{Key, Pair},
    package::{Packages, Request},
};

/// A provider, as its package and a source know it.
struct Provider {
    /// The name of the scheme, and in the scripts.
    name: &'static str,
    /// The name of the source.
    source: &'static str,
    key: Key,
    body: Body,
    /// Whether the package signs too.
    signs: bool,
}

/// What a provider sends.
#[derive(Clone, Copy)]
enum Body {
    Json,
    /// JSON with the time of signing.
    Linear,
    Form,
    /// JSON of which nothing but the signature's own parts is signed.
    Mailgun,
}

/// A request as it should be.
const GOOD: &str = "a good request";

const fn checks(name: &'static str) -> Provider {
    Provider { name, source: name, key: Key::Text, body: Body::Json, signs: false }
}

const fn signs(name: &'static str) -> Provider {
    Provider { signs: true, ..checks(name) }
}

const BY_NODE: &[Provider] = &[
    Provider { key: Key::Ed25519, ..checks("discord") },
    Provider { key: Key::P256, ..checks("sendgrid") },
    Provider { key: Key::Whsec, ..signs("standard-webhooks") },
    Provider { key: Key::Whsec, ..signs("svix") },
    Provider { body: Body::Linear, ..checks("linear") },
    checks("cronofy"),
    checks("easypost"),
    checks("gocardless"),
    checks("hookdeck"),
    checks("imagekit"),
    checks("line"),
    checks("mux"),
    checks("onfido"),
    checks("paddle"),
    checks("razorpay"),
    checks("shopify"),
    checks("webflow"),
    checks("zoom"),
    signs("github"),
    signs("kontent"),
    signs("notion"),
    signs("pusher"),
    signs("retell"),
    signs("sanity"),
    signs("stripe"),
    signs("workos"),
];

const BY_PYTHON: &[Provider] = &[
    Provider { body: Body::Form, source: "twilio-form", ..signs("twilio") },
    checks("twilio"),
    Provider { body: Body::Mailgun, ..checks("mailgun") },
    Provider { key: Key::Hex, ..signs("adyen") },
    checks("coinbase-commerce"),
    checks("square"),
    checks("stream"),
    checks("viber"),
    signs("box"),
    signs("hubspot"),
    signs("slack"),
];

impl Body {
    /// A body with this id, sent at this time.
    fn of(self, id: &str, now_secs: u64) -> String {
        match self {
            Self::Json => format!(r#"{{"id":"{id}","type":"paid","event":"paid","payload":{{}},"events":[],"text":"grüße ☃"}}"#),
            Self::Linear => format!(r#"{{"id":"{id}","webhookTimestamp":{}}}"#, now_secs * 1000),
            Self::Form => format!("MessageSid={id}&Body=gr%C3%BC%C3%9Fe+%E2%98%83&From=%2B1"),
            Self::Mailgun => r#"{"signature":{},"event-data":{"event":"opened"}}"#.to_owned(),
        }
    }

    fn media_type(self) -> &'static str {
        if matches!(self, Self::Form) { "application/x-www-form-urlencoded" } else { "application/json" }
    }
}

/// What somebody is asked to sign.
#[derive(Clone)]
struct Unsigned {
    key: Pair,
    request: Request,
    id: &'static str,
    now_secs: u64,
}

/// The four requests of which forgeries are made.
fn unsigned(url: &str, provider: &Provider, keys: &[Pair; 2], now_secs: u64) -> [Unsigned; 4] {
    let ask = |key: &Pair, id, now_secs| Unsigned {
        key: key.clone(),
        request: Request {
            url: format!("{url}/in/{}", provider.source),
            headers: HashMap::from([("content-type".to_owned(), provider.body.media_type().to_owned())]),
            body: provider.body.of(id, now_secs),
        },
        id,
        now_secs,
    };
    let old = now_secs - 3600;
    [
        ask(&keys[0], "msg_1", now_secs),
        ask(&keys[1], "msg_1", now_secs),
        ask(&keys[0], "msg_2", now_secs),
        ask(&keys[0], "msg_1", old),
    ]
}

/// What we sign as a provider does.
fn ours(provider: &Provider, asked: Unsigned) -> Request {
    let spec = json!({ "scheme": provider.name, provider.key.setting(): asked.key.receiver });
    let scheme = serde_json::from_value::<Spec>(spec).expect("a spec").refine().expect("a scheme");
    let headers = HeaderMap::try_from(&asked.request.headers).expect("headers");
    let mut sample = Sample { method: "POST".into(), url: asked.request.url, headers, body: asked.request.body.into() };
    let now = Timestamp(asked.now_secs * 1000);
    scheme.sign(&mut sample, asked.id, now, asked.key.private.as_deref()).expect("a signature");
    let text = |value: &HeaderValue| value.to_str().expect("ASCII").to_owned();
    let headers = sample.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    Request { url: sample.url, headers, body: String::from_utf8(sample.body).expect("UTF-8") }
}

/// A source for each provider, by the scheme of its name.
fn sources(providers: &[(&Provider, [Pair; 2])]) -> String {
    let source = |(provider, keys): &(&Provider, [Pair; 2])| {
        let (name, setting, key) = (provider.name, provider.key.setting(), &keys[0].receiver);
        format!("[sources.{}]\nverify = {{ scheme = \"{name}\", {setting} = \"{key}\" }}\n", provider.source)
    };
    providers.iter().map(source).collect()
}

/// Whether the host takes a request in; what it refuses otherwise than for its signature fails the test.
async fn takes(host: &Host, request: &Request) -> bool {
    let path = request.url.strip_prefix(host.url()).expect("the host's own URL");
    let mut post = host.request(Method::POST, path).body(request.body.clone());
    for (name, value) in &request.headers {
        post = post.header(name, value);
    }
    let answer = post.send().await.expect("an answer");
    match answer.status().as_u16() {
        202 => true,
        401 => false,
        _ => panic!("{request:?}: {answer:?}"),
    }
}

/// The host and the packages agree about what the packages sign, about what we sign, and about every forgery of either.
async fn agree(packages: Packages, providers: &[Provider]) {
    let host = Host::start().await;
    let providers: Vec<_> = providers.iter().map(|provider| (provider, provider.key.two())).collect();
    host.apply(&sources(&providers)).await;
    let now_secs = SystemTime::UNIX_EPOCH.elapsed().expect("a time after 1970").as_secs();

    let four = |(provider, keys): &(&Provider, _)| unsigned(host.url(), provider, keys, now_secs);
    let signers = || providers.iter().filter(|(provider, _)| provider.signs);
    let asked: Vec<_> = signers().flat_map(|one| four(one).map(|asked| (one.0.name, asked))).collect();
    let mut signed = packages.sign(&asked).into_iter();
    let theirs = signers().map(|one| (one, "its package", [(); 4].map(|()| signed.next().expect("an answer to each line"))));
    let ours = providers.iter().map(|one| (one, "us", four(one).map(|asked| ours(one.0, asked))));
    let all: Vec<_> = theirs.chain(ours).collect();

    let mut questions = Vec::new();
    for ((provider, keys), by, [good, foreign, other, old]) in all {
        let name = provider.name;
        assert!(takes(&host, &good).await, "{name}, signed by {by}: {good:?}");
        questions.push((name, keys[0].clone(), GOOD, good.clone()));
        for (forgery, request) in (Seen { good, foreign, other, old, now_secs }).forgeries() {
            assert!(!takes(&host, &request).await, "{name}, {forgery} of what {by} signed: {request:?}");
            questions.push((name, keys[0].clone(), forgery, request));
        }
    }
    let verdicts = packages.accept(&questions);
    for ((name, _, what, request), accepted) in questions.iter().zip(verdicts) {
        // Whether a package looks at the time is its own affair.
        assert!(accepted == (*what == GOOD) || *what == forgery::OLD, "the package of {name} on {what}: {request:?}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_by_node_agree_with_us() {
    agree(Packages::Node, BY_NODE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_by_python_agree_with_us() {
    agree(Packages::Python, BY_PYTHON).await;
}

/// The page names what was asked about each provider, in the version that is installed.
#[test]
fn the_page_on_sources_names_each_package() {
    let (page, installed) = (include_str!("../../docs/sources.md"), include_str!("../../xtask/src/official.rs"));
    for (registry, providers) in [("npm", BY_NODE), ("PyPI", BY_PYTHON)] {
        for Provider { name, .. } in providers {
            let begin = format!("| `{name}` | {registry} `");
            let package = page.lines().find_map(|line| line.strip_prefix(&begin)?.split('`').next());
            let package = package.unwrap_or_else(|| panic!("no line `{begin}`"));
            assert!(installed.contains(&format!("\"{package}\"")), "{package} is not installed");
        }
    }
}
