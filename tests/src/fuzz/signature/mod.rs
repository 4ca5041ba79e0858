//! Signatures: any scheme with any settings, and requests that are signed, nearly signed, or made of pieces of signatures.

mod words;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use sluicebox::{
    event::Timestamp,
    verify::{Algorithm, Preset, Request, Spec, make_pair, presets},
};

use super::{Target, mutate, tree};
use crate::soak::chance::Chance;
use words::{HEADERS, SETTINGS, WORDS};

/// By which all may be signed: text, and the form of Standard Webhooks.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
/// The public half of a pair that somebody has.
const ED25519: &str = "d52880e28f61caa4c2a48a82e55f4751a92289a78009ea9f6532270c16ce8abe";
const NOW_SECS: u64 = 1_700_000_000;

/// Requests, and the specs of sources.
pub(super) struct Signatures {
    schemes: Vec<Preset>,
    /// A public key.
    p256: String,
}

impl Default for Signatures {
    fn default() -> Self {
        Self { schemes: presets(), p256: make_pair(Algorithm::EcdsaP256).expect("a pair").public }
    }
}

/// A source's spec, and a request to it.
#[derive(Debug)]
pub(super) struct Sent {
    spec: Value,
    method: &'static str,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Target for Signatures {
    type Input = Sent;

    fn make(&self, chance: &mut Chance) -> Sent {
        let mut body = chance.pick::<&[u8]>(&[b"{\"a\":1}", b"", b"a=1&b=%20", b"\xff\0"]).to_vec();
        let mut headers = HeaderMap::new();
        let spec = spec(chance, self);
        for _ in 0..1 + chance.below(5) {
            let name = *chance.pick(HEADERS);
            let value = value(chance, &body);
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        if chance.below(2) == 0 {
            complete(chance, &mut headers, &body);
        }
        if chance.below(4) == 0 {
            let corpus = [body.clone()];
            mutate::mutate(chance, &mut body, &corpus, WORDS);
        }
        let method = *chance.pick::<&str>(&["POST", "POST", "GET", "OPTIONS", ""]);
        let url = *chance.pick::<&str>(&[
            "https://hooks.example.com/in/a",
            "https://hooks.example.com/in/a?bodySHA256=00&crc_token=x",
            "",
            "/",
        ]);
        Sent { spec, method, url: url.to_owned(), headers, body }
    }

    fn feed(&self, sent: &Sent) -> bool {
        let Ok(spec) = serde_json::from_value::<Spec>(sent.spec.clone()) else { return false };
        let Ok(scheme) = spec.refine() else { return false };
        let request = Request { method: sent.method, url: &sent.url, headers: &sent.headers, body: &sent.body };
        [0, NOW_SECS, u64::MAX / 1000].map(|secs| scheme.verify(request, Timestamp(secs * 1000)).is_ok()).contains(&true)
    }
}

fn spec(chance: &mut Chance, known: &Signatures) -> Value {
    let preset = chance.pick(&known.schemes);
    let scheme = preset.name;
    let mut fields = Map::from_iter([("scheme".to_owned(), json!(scheme))]);
    match scheme {
        "none" => {}
        "plugin" => drop(fields.insert("plugin".to_owned(), json!("shop"))),
        "sendgrid" => drop(fields.insert("public_key".to_owned(), json!(known.p256))),
        _ if preset.is_public => drop(fields.insert("public_key".to_owned(), json!(ED25519))),
        _ => drop(fields.insert("secret".to_owned(), json!(SECRET))),
    }
    match scheme {
        "hmac" | "signature" => {
            fields.insert("header".to_owned(), json!("x-signature"));
            for (name, values) in [
                ("signed", ["{body}", "{timestamp}.{body}", "{id}.{timestamp}.{body}"]),
                ("encoding", ["hex", "base64", "hex"]),
                ("prefix", ["v1=", "sha256=", ""]),
                ("timestamp_header", ["x-time", "webhook-timestamp", "x-id"]),
                ("id_header", ["x-id", "webhook-id", "x-id"]),
            ] {
                if chance.below(2) == 0 {
                    fields.insert(name.to_owned(), json!(chance.pick(&values)));
                }
            }
        }
        "basic" => drop(fields.insert("username".to_owned(), json!("user"))),
        "api-key" => drop(fields.insert("header".to_owned(), json!("x-api-key"))),
        "square" => drop(fields.insert("url".to_owned(), json!("https://hooks.example.com/in/a"))),
        _ => {}
    }
    let mut spec = json!(fields);
    if chance.below(3) == 0 {
        tree::mutate(chance, &mut spec, SETTINGS);
    }
    spec
}

/// What may stand in a header: a signature in some form, of something near what is signed; or pieces of that.
fn value(chance: &mut Chance, body: &[u8]) -> Vec<u8> {
    let text = match chance.below(6) {
        0 => NOW_SECS.to_string(),
        1 => SECRET.to_owned(),
        2 => format!("Bearer {SECRET}"),
        3 => format!("Basic {}", BASE64.encode(format!("user:{SECRET}"))),
        _ => {
            let signed = *chance.pick::<&str>(&["", "v0:1700000000:", "1700000000.", "1.1700000000."]);
            let (prefix, encoded) =
                (*chance.pick(WORDS), signature(chance, SECRET.as_bytes(), &[signed.as_bytes(), body].concat()));
            format!("{prefix}{encoded}")
        }
    };
    let mut value = text.into_bytes();
    if chance.below(2) == 0 {
        let corpus = [value.clone()];
        mutate::mutate(chance, &mut value, &corpus, WORDS);
    }
    value
}

/// All that the common schemes ask for, and right.
fn complete(chance: &mut Chance, headers: &mut HeaderMap, body: &[u8]) {
    let hex_of = |signed: &[u8]| hex::encode(mac(SECRET.as_bytes(), signed));
    let dotted = [b"1700000000.", body].concat();
    let standard = mac(&BASE64.decode(&SECRET[6..]).expect("base64"), &[b"1.", dotted.as_slice()].concat());
    let slack = [b"v0:1700000000:", body].concat();
    let all = [
        ("x-hub-signature-256", format!("sha256={}", hex_of(body))),
        ("stripe-signature", format!("t={NOW_SECS},v1={}", hex_of(&dotted))),
        ("x-slack-request-timestamp", NOW_SECS.to_string()),
        ("x-slack-signature", format!("v0={}", hex_of(&slack))),
        ("webhook-id", "1".to_owned()),
        ("webhook-timestamp", NOW_SECS.to_string()),
        ("webhook-signature", format!("v1,{}", BASE64.encode(standard))),
        ("x-shopify-hmac-sha256", BASE64.encode(mac(SECRET.as_bytes(), body))),
        ("x-signature", signature(chance, SECRET.as_bytes(), body)),
        ("authorization", format!("Bearer {SECRET}")),
        ("x-api-key", SECRET.to_owned()),
    ];
    for (name, value) in all {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).expect("visible"));
    }
}

fn signature(chance: &mut Chance, key: &[u8], signed: &[u8]) -> String {
    let mac = mac(key, signed);
    if chance.below(2) == 0 { hex::encode(mac) } else { BASE64.encode(mac) }
}

fn mac(key: &[u8], signed: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key does");
    mac.update(signed);
    mac.finalize().into_bytes().to_vec()
}
