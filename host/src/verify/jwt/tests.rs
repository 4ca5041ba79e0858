use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue};
use jsonwebtoken::{EncodingKey, encode};
use serde_json::json;

use super::*;
use crate::verify::{Scheme, Spec};

const NOW: u64 = 1_790_000_000;
const SECRET: &str = "a-secret-of-the-shop-that-is-long-enough";

/// A private key of each kind, and its public half as a key of a set.
struct Issuer {
    algorithm: Algorithm,
    private: EncodingKey,
    jwk: Value,
}

fn url_safe(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

static ISSUERS: LazyLock<Vec<Issuer>> = LazyLock::new(|| {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let pkcs8: Pkcs8V1Der<'_> = rsa.as_der().expect("a document");
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        base64::prelude::BASE64_STANDARD.encode(pkcs8.as_ref())
    );
    let public = rsa.public_key();
    let (n, e) = (public.modulus(), public.exponent());
    let (n, e) = (url_safe(n.big_endian_without_leading_zero()), url_safe(e.big_endian_without_leading_zero()));
    let mut issuers = vec![Issuer {
        algorithm: Algorithm::RS256,
        private: EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key"),
        jwk: json!({ "kty": "RSA", "kid": "rsa", "use": "sig", "n": n, "e": e }),
    }];
    for (algorithm, signing, curve) in [
        (Algorithm::ES256, &ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
        (Algorithm::ES384, &ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
    ] {
        let pair = EcdsaKeyPair::generate(signing).expect("a key");
        let (x, y) = pair.public_key().as_ref()[1..].split_at(pair.public_key().as_ref().len() / 2);
        issuers.push(Issuer {
            algorithm,
            private: EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("a document").as_ref()),
            jwk: json!({ "kty": "EC", "kid": curve, "crv": curve, "x": url_safe(x), "y": url_safe(y) }),
        });
    }
    let pair = Ed25519KeyPair::generate().expect("a key");
    issuers.push(Issuer {
        algorithm: Algorithm::EdDSA,
        private: EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("a document").as_ref()),
        jwk: json!({ "kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": url_safe(pair.public_key().as_ref()) }),
    });
    issuers
});

fn set_of(keys: impl Iterator<Item = Value>) -> KeySet {
    KeySet::of_jwks(json!({ "keys": keys.collect::<Vec<_>>() }).to_string().as_bytes()).expect("a key set")
}

fn all_keys() -> KeySet {
    set_of(ISSUERS.iter().map(|issuer| issuer.jwk.clone()))
}

fn scheme(more: &Value) -> Scheme {
    let mut spec = json!({ "scheme": "jwt" });
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    serde_json::from_value::<Spec>(spec).expect("a spec").refine().unwrap_or_else(|invalid| panic!("{invalid}"))
}

fn at_url() -> Scheme {
    scheme(&json!({ "jwks_url": "https://issuer.example.com/keys", "issuer": "https://issuer.example.com", "audience": "shop" }))
}

fn claims() -> Value {
    json!({ "iss": "https://issuer.example.com", "aud": ["shop", "bank"], "exp": NOW + 300, "iat": NOW })
}

fn token(issuer: &Issuer, claims: &Value) -> String {
    let header = Header { kid: issuer.jwk["kid"].as_str().map(str::to_owned), ..Header::new(issuer.algorithm) };
    encode(&header, claims, &issuer.private).expect("a token")
}

fn judged(scheme: &Scheme, keys: Option<&KeySet>, token: &str, body: &[u8]) -> Result<(), String> {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::try_from(format!("Bearer {token}")).expect("a value"));
    let request = Request { method: "POST", url: "https://hub.example.com/in/shop", headers: &headers, body };
    scheme.verify_by(keys, request, Timestamp(NOW * 1000)).map(drop).map_err(|refusal| refusal.to_string())
}

#[test]
fn the_issuers_token_is_good_whatever_it_signs_with() {
    let (scheme, keys) = (at_url(), all_keys());
    for issuer in ISSUERS.iter() {
        judged(&scheme, Some(&keys), &token(issuer, &claims()), b"")
            .unwrap_or_else(|told| panic!("{:?}: {told}", issuer.algorithm));
    }
}

#[test]
fn a_key_is_found_without_its_name() {
    let nameless = ISSUERS.iter().map(|issuer| {
        let mut jwk = issuer.jwk.clone();
        jwk.as_object_mut().expect("an object").remove("kid");
        jwk
    });
    let keys = set_of(nameless);
    for issuer in ISSUERS.iter() {
        judged(&at_url(), Some(&keys), &token(issuer, &claims()), b"").expect("it is the issuer's");
    }
}

#[test]
fn claims_that_are_not_the_sources_are_refused() {
    let keys = all_keys();
    for (change, told) in [
        (json!({ "exp": NOW - 61 }), "expired"),
        (json!({ "exp": null }), "`exp` is missing or of another type"),
        (json!({ "exp": "soon" }), "`exp`"),
        (json!({ "exp": 1e300, "nbf": NOW + 61 }), "`nbf` is in the future"),
        (json!({ "iat": NOW + 61 }), "`iat` is in the future"),
        (json!({ "iss": "https://issuer.example.org" }), "`iss` is not"),
        (json!({ "iss": ["https://issuer.example.com.evil"] }), "`iss` is not"),
        (json!({ "iss": null }), "`iss` is not"),
        (json!({ "aud": "bank" }), "`aud` is not"),
        (json!({ "aud": [] }), "`aud` is not"),
        (json!({ "aud": { "shop": true } }), "`aud` is not"),
    ] {
        let mut claims = claims();
        claims.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let refused = judged(&at_url(), Some(&keys), &token(&ISSUERS[0], &claims), b"").expect_err("refused");
        assert!(refused.contains(told), "{change}: {refused}");
    }
    let mut endless = claims();
    endless.as_object_mut().expect("an object").remove("exp");
    assert!(judged(&at_url(), Some(&keys), &token(&ISSUERS[0], &endless), b"").expect_err("endless").contains("no `exp`"));
    let near = json!({ "iss": "https://issuer.example.com", "aud": "shop", "exp": NOW - 59, "nbf": NOW + 59 });
    judged(&at_url(), Some(&keys), &token(&ISSUERS[0], &near), b"").expect("clocks may be a minute apart");
}

/// A public key is known to all, so nobody may sign with it as with a secret; and what a token's header says of keys is not believed.
#[test]
fn a_token_does_not_choose_how_it_is_judged() {
    let keys = all_keys();
    let rsa = &ISSUERS[0];
    let public = rsa.jwk["n"].as_str().expect("a modulus");
    let (scheme, good) = (at_url(), token(rsa, &claims()));
    let payload = good.split('.').nth(1).expect("a payload");
    let unsigned = |header: Value| format!("{}.{payload}.", url_safe(header.to_string().as_bytes()));
    let with_secret = |header: &Header| encode(header, &claims(), &EncodingKey::from_secret(public.as_bytes())).expect("a token");
    let mut own_key = Header::new(Algorithm::ES256);
    own_key.jwk = serde_json::from_value(ISSUERS[1].jwk.clone()).ok();
    let mut critical = Header::new(Algorithm::RS256);
    critical.crit = Some(vec!["exp".into()]);
    for (name, bad) in [
        ("none", unsigned(json!({ "alg": "none" }))),
        ("None", unsigned(json!({ "alg": "None" }))),
        ("no algorithm", unsigned(json!({ "typ": "JWT" }))),
        ("empty signature", unsigned(json!({ "alg": "RS256", "kid": "rsa" }))),
        ("HS256 by the public key", with_secret(&Header::new(Algorithm::HS256))),
        ("HS256 and the key's name", with_secret(&Header { kid: Some("rsa".into()), ..Header::new(Algorithm::HS256) })),
        (
            "another key's name",
            encode(&Header { kid: Some("ed".into()), ..Header::new(Algorithm::RS256) }, &claims(), &rsa.private)
                .expect("a token"),
        ),
        ("an extension", encode(&critical, &claims(), &rsa.private).expect("a token")),
        ("two parts", good.rsplit_once('.').expect("parts").0.to_owned()),
        ("four parts", format!("{good}.{payload}")),
        ("nothing", String::new()),
        ("padding", format!("{good}=")),
        ("too long", format!("{good}{}", "A".repeat(TOKEN_BYTES_MAX))),
    ] {
        assert!(judged(&scheme, Some(&keys), &bad, b"").is_err(), "{name}");
    }
    judged(&scheme, Some(&keys), &good, b"").expect("the good one");
    let others = set_of([ISSUERS[0].jwk.clone()].into_iter());
    assert!(
        judged(&scheme, Some(&others), &encode(&own_key, &claims(), &ISSUERS[1].private).expect("a token"), b"").is_err(),
        "a key of its own"
    );
    assert!(judged(&scheme, None, &good, b"").is_err(), "no keys");
}

/// Whatever letter is changed, it is another token.
#[test]
fn a_token_with_any_letter_changed_is_refused() {
    let keys = all_keys();
    for issuer in ISSUERS.iter() {
        let good = token(issuer, &claims());
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let bad = String::from_utf8(bytes).expect("text");
            assert!(judged(&at_url(), Some(&keys), &bad, b"").is_err(), "{:?} at {at}: {bad}", issuer.algorithm);
        }
    }
}

/// 20,000 changes of a token and of the body that it covers: one, several, cut short, swapped, doubled.
#[test]
fn no_change_of_what_is_covered_is_accepted() {
    let scheme = scheme(&json!({ "secret": SECRET, "body_hash_claim": "payload_hash" }));
    let body = br#"{"total_cents":12300}"#;
    let mut covered = claims();
    covered["payload_hash"] = json!(hex::encode(Sha256::digest(body)));
    let good = encode(&Header::default(), &covered, &EncodingKey::from_secret(SECRET.as_bytes())).expect("a token");
    judged(&scheme, None, &good, body).expect("the good one");
    let mut random = crate::event::Random(7);
    for _ in 0..20_000 {
        let (mut token, mut sent) = (good.clone().into_bytes(), body.to_vec());
        let bytes = if random.within(0, 3) == 0 { &mut sent } else { &mut token };
        let at = random.index(bytes.len());
        match random.within(0, 3) {
            0 => bytes[at] = b"AZaz09-_.{}"[random.index(11)],
            1 => bytes.truncate(at),
            2 => bytes.insert(at, bytes[at]),
            _ => drop(bytes.remove(at)),
        }
        if token == good.as_bytes() && sent == body {
            continue;
        }
        let token = String::from_utf8(token).expect("text");
        assert!(judged(&scheme, None, &token, &sent).is_err(), "{token} {}", String::from_utf8_lossy(&sent));
    }
}

#[test]
fn a_secret_signs_too_and_may_be_changed() {
    let scheme = scheme(&json!({ "secrets": ["the-new-one-that-is-long-enough", SECRET] }));
    let sign =
        |secret: &str| encode(&Header::default(), &claims(), &EncodingKey::from_secret(secret.as_bytes())).expect("a token");
    judged(&scheme, None, &sign(SECRET), b"").expect("the old one");
    judged(&scheme, None, &sign("the-new-one-that-is-long-enough"), b"").expect("the new one");
    assert!(judged(&scheme, None, &sign("another"), b"").is_err());
    assert!(judged(&scheme, None, &token(&ISSUERS[0], &claims()), b"").is_err(), "it is no HMAC");
}

#[test]
fn a_claim_may_cover_the_body() {
    let scheme = scheme(&json!({ "secret": SECRET, "body_hash_claim": "payload_hash" }));
    let sign = |hash: Value| {
        let mut claims = claims();
        claims["payload_hash"] = hash;
        encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).expect("a token")
    };
    let good = sign(json!(hex::encode(Sha256::digest(b"body"))));
    judged(&scheme, None, &good, b"body").expect("it is the body's");
    assert!(judged(&scheme, None, &good, b"bodY").is_err());
    for bad in
        [json!(null), json!(""), json!(hex::encode(Sha256::digest(b""))), json!(hex::encode_upper(Sha256::digest(b"body")))]
    {
        assert!(judged(&scheme, None, &sign(bad.clone()), b"body").is_err(), "{bad}");
    }
}

#[test]
fn only_accepted_algorithms_are() {
    let scheme = scheme(&json!({ "secret": SECRET, "algorithms": ["HS512"] }));
    let sign =
        |algorithm| encode(&Header::new(algorithm), &claims(), &EncodingKey::from_secret(SECRET.as_bytes())).expect("a token");
    judged(&scheme, None, &sign(Algorithm::HS512), b"").expect("accepted");
    assert!(judged(&scheme, None, &sign(Algorithm::HS256), b"").expect_err("not accepted").contains("HS256"));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let pointer = |more: Value| {
        let mut spec = json!({ "scheme": "jwt" });
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        serde_json::from_value::<Spec>(spec).expect("a spec").refine().expect_err("refused").pointer
    };
    let url = "https://issuer.example.com/keys";
    for (more, at) in [
        (json!({}), "/jwks_url"),
        (json!({ "jwks_url": "issuer" }), "/jwks_url"),
        (json!({ "jwks_url": "ftp://issuer.example.com/keys" }), "/jwks_url"),
        (json!({ "jwks_url": url, "secret": SECRET }), "/secret"),
        (json!({ "secret": SECRET, "public_key": "x" }), "/secret"),
        (json!({ "public_key": "no PEM" }), "/public_key"),
        (json!({ "secret": "" }), "/secret"),
        (json!({ "jwks_url": url, "algorithms": ["HS256"] }), "/algorithms/0"),
        (json!({ "jwks_url": url, "algorithms": ["RS256", "RS256"] }), "/algorithms/1"),
        (json!({ "jwks_url": url, "algorithms": ["none"] }), "/algorithms/0"),
        (json!({ "jwks_url": url, "tolerance": "1h" }), "/tolerance"),
        (json!({ "jwks_url": url, "prefix": "v1=" }), "/prefix"),
    ] {
        assert_eq!(pointer(more.clone()), at, "{more}");
    }
}

#[test]
fn a_key_set_is_read_key_by_key() {
    let read = |keys: Value| KeySet::of_jwks(json!({ "keys": keys }).to_string().as_bytes());
    let good = ISSUERS[0].jwk.clone();
    let set = read(json!([{ "kty": "new" }, 7, { "kty": "oct", "k": "c2VjcmV0" }, good])).expect("one is good");
    assert!(set.knows("rsa") && !set.knows("other"));
    let mut encrypts = ISSUERS[0].jwk.clone();
    encrypts["use"] = json!("enc");
    assert_eq!(read(json!([encrypts, { "kty": "oct", "k": "c2VjcmV0" }])).expect_err("none"), KeySetError::NoKey);
    assert_eq!(read(json!([])).expect_err("none"), KeySetError::NoKey);
    assert_eq!(read(json!(vec![good; 101])).expect_err("too many"), KeySetError::TooMany(101));
    for none in ["", "[]", "{}", "{\"keys\":{}}"] {
        assert_eq!(KeySet::of_jwks(none.as_bytes()).expect_err(none), KeySetError::NoSet);
    }
}
