//! Every scheme accepts what its provider sends, and nothing that was touched on the way.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::json;
use sha2::{Sha256, Sha512};

mod handshakes;
mod specs;
mod vectors;

use super::{table::schemes, *};

const URL: &str = "https://hub.example.com/in/shop";

/// A request and the source that it is for; the tests change one thing at a time.
#[derive(Clone)]
struct World {
    spec: serde_json::Value,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    now_secs: u64,
}

impl World {
    fn new(spec: serde_json::Value, headers: &[(&'static str, &str)], body: &str, now_secs: u64) -> Self {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { spec, headers, body: body.into(), now_secs }
    }

    fn scheme(&self) -> Scheme {
        let spec: Spec = serde_json::from_value(self.spec.clone()).expect("the spec has the right form");
        spec.refine().expect("the spec is good")
    }

    fn verdict(&self) -> Result<Verified, Refusal> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            // A value that HTTP cannot carry reaches nobody.
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap_or(HeaderValue::from_static(""));
            headers.append(*name, value);
        }
        let request = Request { method: "POST", url: URL, headers: &headers, body: &self.body };
        self.scheme().verify(request, Timestamp(self.now_secs * 1000))
    }

    /// The same with this header's value changed.
    fn with(&self, name: &str, change: impl Fn(&str) -> String) -> Self {
        let mut world = self.clone();
        let header = world.headers.iter_mut().find(|(known, _)| *known == name).expect("the header is there");
        header.1 = change(&header.1);
        world
    }

    #[track_caller]
    fn accepted(&self) {
        if let Err(refusal) = self.verdict() {
            panic!("{}: {refusal}", self.spec);
        }
    }

    #[track_caller]
    fn refused(&self, step: &str) {
        let refusal = self.verdict().expect_err("must be refused");
        assert!(refusal.told.contains(step), "{}: `{refusal}` does not name `{step}`", self.spec);
    }
}

fn sha256(key: &[u8], content: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
    mac.update(content.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn github() -> World {
    World::new(
        json!({ "scheme": "github", "secret": "It's a Secret to Everybody" }),
        &[("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")],
        "Hello, World!",
        0,
    )
}

fn slack() -> World {
    let body = concat!(
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar",
        "&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com",
        "%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN",
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    );
    World::new(
        json!({ "scheme": "slack", "secret": "8f742231b10e8888abcd99yyyzzz85a5" }),
        &[
            ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
            ("x-slack-request-timestamp", "1531420618"),
        ],
        body,
        1_531_420_618,
    )
}

fn standard_webhooks() -> World {
    World::new(
        json!({ "scheme": "standard-webhooks", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }),
        &[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ],
        r#"{"test": 2432232314}"#,
        1_614_265_330,
    )
}

fn stripe() -> World {
    let signature = format!("t=1700000000,v0=ignored,v1={}", hex::encode(sha256(b"whsec_test", "1700000000.{}")));
    World::new(json!({ "scheme": "stripe", "secret": "whsec_test" }), &[("stripe-signature", &signature)], "{}", 1_700_000_000)
}

/// A good request for every scheme but `none`, whatever it is made with.
fn worlds() -> Vec<World> {
    let hex = |content: &str| hex::encode(sha256(b"key", content));
    let base64 = |content: &str| BASE64_STANDARD.encode(sha256(b"key", content));
    let svix = standard_webhooks();
    let svix_headers: Vec<_> = ["svix-id", "svix-timestamp", "svix-signature"].into_iter().zip(svix.headers).collect();
    let svix_headers: Vec<_> = svix_headers.iter().map(|(name, (_, value))| (*name, value.as_str())).collect();
    let of = |scheme: &str, headers: &[(&'static str, &str)]| {
        World::new(json!({ "scheme": scheme, "secret": "key" }), headers, "{}", 1_700_000_000)
    };
    vec![
        github(),
        slack(),
        standard_webhooks(),
        stripe(),
        World::new(
            json!({ "scheme": "standard-webhooks", "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD" }),
            &[
                ("webhook-id", "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"),
                ("webhook-timestamp", "1649367553"),
                ("webhook-signature", "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="),
            ],
            r#"{"email":"test@example.com","username":"test_user"}"#,
            1_649_367_553,
        ),
        World::new(
            json!({ "scheme": "svix", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }),
            &svix_headers,
            r#"{"test": 2432232314}"#,
            1_614_265_330,
        ),
        of("bitbucket", &[("x-hub-signature", &format!("sha256={}", hex("{}")))]),
        of("shopify", &[("x-shopify-hmac-sha256", &base64("{}"))]),
        of("square", &[("x-square-hmacsha256-signature", &base64(&format!("{URL}{{}}")))]),
        of("zoom", &[("x-zm-signature", &format!("v0={}", hex("v0:1700000000:{}"))), ("x-zm-request-timestamp", "1700000000")]),
        of("gitlab", &[("x-gitlab-token", "key")]),
        of("api-key", &[("x-api-key", "key")]),
        of("bearer", &[("authorization", "Bearer key")]),
        World::new(
            json!({ "scheme": "basic", "username": "shop", "secret": "a:b" }),
            &[("authorization", "Basic c2hvcDphOmI=")],
            "{}",
            0,
        ),
        World::new(
            json!({
                "scheme": "hmac", "secret": "key", "header": "X-Signature", "prefix": "s=", "encoding": "base64",
                "signed": "{id}|{timestamp}|{url}|{body}", "id_header": "x-id", "timestamp_header": "x-time", "tolerance": "10s",
            }),
            &[
                ("x-signature", &format!("s={}", base64(&format!("7|1700000000|{URL}|{{}}")))),
                ("x-id", "7"),
                ("x-time", "1700000000"),
            ],
            "{}",
            1_700_000_000,
        ),
    ]
}

/// Where the time of signing stands, for the schemes that have one.
fn signs_time(world: &World) -> bool {
    matches!(&world.scheme().proof, Proof::Signature(signature) if signature.time.is_some())
}

#[test]
fn every_scheme_accepts_what_its_provider_sends() {
    for world in worlds() {
        world.accepted();
    }
    World::new(json!({ "scheme": "none" }), &[], "anything", 0).accepted();
}

#[test]
fn every_scheme_refuses_another_secret() {
    for mut world in worlds() {
        let whsec = world.spec["secret"].as_str().expect("text").starts_with("whsec_");
        world.spec["secret"] = json!(if whsec { "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" } else { "guess" });
        let refusal = world.verdict().expect_err("must be refused");
        assert_eq!(refusal.reason, Reason::Mismatch, "{refusal}");
    }
}

#[test]
fn every_scheme_refuses_a_missing_an_empty_a_repeated_and_a_truncated_header() {
    for world in worlds() {
        for (index, &(name, _)) in world.headers.iter().enumerate() {
            let mut missing = world.clone();
            missing.headers.remove(index);
            missing.refused("is missing");
            let mut repeated = world.clone();
            repeated.headers.push(world.headers[index].clone());
            repeated.refused("more than once");
            world.with(name, |_| String::new()).verdict().expect_err("empty");
            world.with(name, |value| value[..value.len() - 1].to_owned()).verdict().expect_err("truncated");
            world.with(name, |value| format!("{value}0")).verdict().expect_err("longer");
        }
    }
}

#[test]
fn every_signature_covers_the_whole_body() {
    for world in worlds().into_iter().filter(|world| matches!(world.scheme().proof, Proof::Signature(_))) {
        for bit in 0..world.body.len() * 8 {
            let mut forged = world.clone();
            forged.body[bit / 8] ^= 1 << (bit % 8);
            forged.refused("no signature");
        }
        let mut forged = world.clone();
        forged.body.push(b' ');
        forged.refused("no signature");
        forged.body.clear();
        forged.refused("no signature");
    }
}

#[test]
fn a_time_is_accepted_five_minutes_either_way() {
    for world in worlds().into_iter().filter(signs_time) {
        let tolerance = if world.spec["scheme"] == "hmac" { 10 } else { 300 };
        let at = |now_secs| World { now_secs, ..world.clone() };
        at(world.now_secs + tolerance).accepted();
        at(world.now_secs - tolerance).accepted();
        at(world.now_secs + tolerance + 1).refused("from now");
        at(world.now_secs - tolerance - 1).refused("from now");
    }
}

#[test]
fn a_time_is_digits_and_signed() {
    for bad in ["+1531420618", "-1", " 1", "1531420618.0", "0x5b47", "99999999999999999999999", "now"] {
        slack().with("x-slack-request-timestamp", |_| bad.into()).verdict().expect_err(bad);
    }
    slack().with("x-slack-request-timestamp", |_| "1531420619".into()).refused("no signature");
    stripe().with("stripe-signature", |value| value.replace("t=1700000000", "t=1700000001")).refused("no signature");
    stripe().with("stripe-signature", |value| format!("{value},t=1700000000")).refused("exactly one time");
    stripe().with("stripe-signature", |value| value.replace("t=1700000000,", "")).refused("exactly one time");
}

#[test]
fn a_signature_has_one_way_to_be_written() {
    let header = "x-hub-signature-256";
    github().with(header, str::to_uppercase).refused("begins with `sha256=`");
    github().with(header, |value| value.replace("757107ea", "757107EA")).refused("lower case");
    github().with(header, |value| value.replace("sha256=", "sha1=")).refused("begins with `sha256=`");
    github().with(header, |value| value.replace("sha256=", "")).refused("begins with `sha256=`");
    github().with(header, |value| value.replace("sha256=", "sha256=sha256=")).refused("lower case");
    github().with(header, |value| format!("{value},{value}")).refused("lower case");
    // The last digit before the padding has bits that no byte uses.
    standard_webhooks().with("webhook-signature", |value| value.replace("1OE=", "1OF=")).refused("padded base64");
    standard_webhooks().with("webhook-signature", |value| value.replace('=', "")).refused("padded base64");
    standard_webhooks().with("webhook-signature", |value| value.replace("v1,", "v1a,")).refused("begins with `v1,`");
}

#[test]
fn one_signature_of_a_list_is_enough() {
    let other = format!("v1,{}", BASE64_STANDARD.encode([0; 32]));
    standard_webhooks().with("webhook-signature", |value| format!("{other} v2,?? {value}")).accepted();
    standard_webhooks().with("webhook-signature", |_| format!("{other} {other}")).refused("no signature");
    let many = |count: usize| {
        standard_webhooks().with("webhook-signature", |value| format!("{}{value}", format!("{other} ").repeat(count)))
    };
    many(15).accepted();
    many(16).refused("more than 16");
    let wrong = "00".repeat(32);
    stripe().with("stripe-signature", |value| format!("v1={wrong},{value}")).accepted();
}

#[test]
fn an_id_cannot_take_a_part_of_the_body() {
    let mut world = standard_webhooks();
    let key = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
    let signature = format!("v1,{}", BASE64_STANDARD.encode(sha256(&key, "msg.1614265330.1614265330.x")));
    world = world.with("webhook-id", |_| "msg".into()).with("webhook-signature", |_| signature.clone());
    world.body = b"1614265330.x".to_vec();
    world.accepted();
    world.body = b"x".to_vec();
    world.with("webhook-id", |_| "msg.1614265330".into()).refused("the id holds");
}

#[test]
fn during_rotation_each_secret_is_good() {
    for (secret, secrets) in
        [(json!(null), json!(["old", "key"])), (json!("key"), json!(["old"])), (json!("old"), json!(["key"]))]
    {
        for mut world in worlds().into_iter().filter(|world| world.spec["secret"] == "key") {
            world.spec["secret"] = secret.clone();
            world.spec["secrets"] = secrets.clone();
            world.accepted();
        }
    }
}

#[test]
fn tokens_are_unwrapped_as_their_standards_say() {
    let bearer = |value: &str| World::new(json!({ "scheme": "bearer", "secret": "key" }), &[("authorization", value)], "", 0);
    bearer("bearer  key").accepted();
    bearer("key").refused("holds no Bearer");
    bearer("Bearerkey").refused("holds no Bearer");
    bearer("Basic key").refused("holds no Bearer");
    bearer("Bearer KEY").refused("is not the source's");
    let basic = |value: &str| {
        let spec = json!({ "scheme": "basic", "username": "shop", "secret": "a:b" });
        World::new(spec, &[("authorization", value)], "", 0)
    };
    basic("Basic !!").refused("holds no Basic");
    basic(&format!("Basic {}", BASE64_STANDARD.encode("shop:a"))).refused("is not the source's");
    basic(&format!("Basic {}", BASE64_STANDARD.encode("admin:a:b"))).refused("is not the source's");
}

#[test]
fn a_configured_url_replaces_the_one_we_see() {
    let mut square = worlds().into_iter().find(|world| world.spec["scheme"] == "square").expect("square");
    square.spec["url"] = json!("https://elsewhere.example.com/");
    square.refused("no signature");
    square.spec["url"] = json!(URL);
    square.accepted();
}

#[test]
fn no_byte_moves_between_url_and_body() {
    let signature = |content: &str| BASE64_STANDARD.encode(sha256(b"key", content));
    let square = |content: &str, body: &str| {
        let headers = [("x-square-hmacsha256-signature", &*signature(content))];
        World::new(json!({ "scheme": "square", "secret": "key" }), &headers, body, 0)
    };
    square(&format!("{URL}{{}}"), "{}").accepted();
    // Signed for a URL with a query, and sent to the one without.
    let mut moved = square(&format!("{URL}?a=1{{}}"), "?a=1{}");
    moved.refused("reads like one");
    moved.spec["url"] = json!(URL);
    moved.accepted();
    let queried = |spec: serde_json::Value| {
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("x-square-hmacsha256-signature"),
            HeaderValue::from_str(&signature("u?a=1{}")).expect("text"),
        )]);
        let scheme = serde_json::from_value::<Spec>(spec).expect("the right form").refine().expect("a good spec");
        scheme.verify(Request { method: "POST", url: "u?a=1", headers: &headers, body: b"{}" }, Timestamp(0))
    };
    assert!(queried(json!({ "scheme": "square", "secret": "key" })).is_err());
    assert!(queried(json!({ "scheme": "square", "secret": "key", "url": "u?a=1" })).is_ok());
}

#[test]
fn sha512_is_an_algorithm() {
    let mut mac = Hmac::<Sha512>::new_from_slice(b"key").expect("any key");
    mac.update(b"{}");
    let signature = hex::encode(mac.finalize().into_bytes());
    let spec = json!({ "scheme": "hmac", "algorithm": "sha512", "header": "x-s", "secret": "key" });
    let world = World::new(spec, &[("x-s", &signature)], "{}", 0);
    world.accepted();
    world.with("x-s", |value| value[..64].to_owned()).refused("no signature");
}

#[test]
fn credentials_have_their_headers() {
    let scheme = |name: &str| worlds().into_iter().find(|world| world.spec["scheme"] == name).expect(name).scheme();
    let hidden = |name: &str, header: &'static str| scheme(name).credential_headers().contains(&HeaderName::from_static(header));
    assert!(hidden("gitlab", "x-gitlab-token"));
    assert!(hidden("api-key", "x-api-key"));
    assert!(hidden("bearer", "authorization"));
    assert!(hidden("github", "authorization"));
    assert!(!hidden("github", "x-hub-signature-256"));
}

#[test]
fn no_secret_is_printed() {
    for mut world in worlds() {
        let whsec = world.spec["secret"].as_str().expect("text").starts_with("whsec_");
        let secret = if whsec { "whsec_c3dvcmRmaXNo" } else { "swordfish" };
        world.spec["secret"] = json!(secret);
        let spec: Spec = serde_json::from_value(world.spec.clone()).expect("the right form");
        let refusal = world.verdict().expect_err("another secret");
        for printed in [format!("{spec:?}"), format!("{:?}", world.scheme()), refusal.to_string()] {
            assert!(!printed.contains("swordfish") && !printed.contains("c3dvcmRm"), "{printed}");
            assert!(!printed.contains(&format!("{:?}", b"swordfish")), "{printed}");
        }
    }
}

proptest! {
    /// One byte changed anywhere is refused: in the body, in what a header says, in where the time stands.
    #[test]
    fn no_mutation_is_accepted(which in any::<prop::sample::Index>(), part in any::<prop::sample::Index>(),
                               at in any::<prop::sample::Index>(), byte in 0x21_u8..0x7f) {
        let good = worlds();
        let mut world = good[which.index(good.len())].clone();
        let signed = matches!(world.scheme().proof, Proof::Signature(_));
        let parts = world.headers.len() + usize::from(signed);
        let changed = match part.index(parts) {
            index if index < world.headers.len() => {
                let mut value = world.headers[index].1.clone().into_bytes();
                let at = at.index(value.len());
                let before = std::mem::replace(&mut value[at], byte);
                world.headers[index].1 = String::from_utf8(value).expect("ASCII");
                // The name of an HTTP scheme has no case, and Stripe's `v0` entry means nothing.
                let idle = (world.headers[index].0 == "authorization" && at < 6 && before.eq_ignore_ascii_case(&byte))
                    || (world.headers[index].0 == "stripe-signature" && (13..23).contains(&at));
                before != byte && !idle
            }
            _ => {
                let at = at.index(world.body.len());
                std::mem::replace(&mut world.body[at], byte) != byte
            }
        };
        prop_assume!(changed);
        prop_assert!(world.verdict().is_err());
    }

    /// No header, however strange, makes a scheme panic, and none is accepted by chance.
    #[test]
    fn no_header_makes_a_panic(which in any::<prop::sample::Index>(), values in prop::collection::vec(".{0,80}", 3), now in any::<u32>()) {
        let good = worlds();
        let mut world = good[which.index(good.len())].clone();
        world.now_secs = u64::from(now);
        for (header, value) in world.headers.iter_mut().zip(values) {
            header.1 = value;
        }
        prop_assert!(world.verdict().is_err());
    }

}

#[test]
fn what_a_plugin_decides_is_decided_by_nobody_else() {
    let world = World::new(json!({ "scheme": "plugin", "plugin": "shop" }), &[], "anything", 0);
    assert_eq!(world.scheme().plugin().map(Name::as_str), Some("shop"));
    world.refused("only the plugin `shop` can tell");
}
