//! What the hub file may say, and how it is told what it may not.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn a_bad_spec_is_told_where_and_how_to_mend() {
    let hmac = |more: serde_json::Value| {
        let mut spec = json!({ "scheme": "hmac", "secret": "k", "header": "x-s" });
        spec.as_object_mut().expect("object").extend(more.as_object().expect("object").clone());
        spec
    };
    for (spec, pointer, told) in [
        (json!({ "scheme": "githib", "secret": "k" }), "/scheme", "the nearest is `github`"),
        (json!({ "scheme": "", "secret": "k" }), "/scheme", "is not a scheme"),
        (json!({ "scheme": "github" }), "/secret", "needs a secret"),
        (json!({ "scheme": "bearer" }), "/secret", "needs a secret"),
        (json!({ "scheme": "github", "secret": "" }), "/secret", "empty"),
        (json!({ "scheme": "github", "secret": "k", "secrets": ["k", ""] }), "/secrets/1", "empty"),
        (json!({ "scheme": "github", "secrets": vec!["k"; 9] }), "/secrets", "more than 8"),
        (json!({ "scheme": "standard-webhooks", "secret": "MfKQ9r8G" }), "/secret", "`whsec_` and base64"),
        (json!({ "scheme": "standard-webhooks", "secret": "whsec_?" }), "/secret", "`whsec_` and base64"),
        (json!({ "scheme": "standard-webhooks", "secret": "whsec_" }), "/secret", "empty"),
        (json!({ "scheme": "none", "secret": "k" }), "/secret", "looks at no secret"),
        (json!({ "scheme": "none", "secrets": ["k"] }), "/secrets/0", "looks at no secret"),
        (json!({ "scheme": "github", "secret": "k", "header": "x" }), "/header", "does not take `header`"),
        (json!({ "scheme": "slack", "secret": "k", "tolerance": "1h" }), "/tolerance", "does not take `tolerance`"),
        (json!({ "scheme": "basic", "secret": "k" }), "/username", "needs a `username`"),
        (json!({ "scheme": "basic", "secret": "k", "username": "a:b" }), "/username", "no colon"),
        (json!({ "scheme": "api-key", "secret": "k", "header": "a b" }), "/header", "not the name of a header"),
        (json!({ "scheme": "hmac", "secret": "k" }), "/header", "name the header"),
        (hmac(json!({ "signed": "{when}{body}" })), "/signed", "`{when}` is unknown"),
        (hmac(json!({ "signed": "{timestamp}{body}" })), "/signed", "needs a `timestamp_header`"),
        (hmac(json!({ "signed": "{id}{body}" })), "/signed", "needs a `id_header`"),
        (hmac(json!({ "timestamp_header": "x-t" })), "/timestamp_header", "`signed` has no `{timestamp}`"),
        (hmac(json!({ "id_header": "x-i" })), "/id_header", "`signed` has no `{id}`"),
        (hmac(json!({ "url": URL })), "/url", "`signed` has no `{url}`"),
        (hmac(json!({ "id_header": "x-i", "signed": "{id}{body}" })), "/signed", "put text behind `{id}`"),
        (hmac(json!({ "id_header": "x-i", "signed": "{body}.{id}." })), "/signed", "put `{body}` last"),
        (hmac(json!({ "signed": "{url}{body}" })), "/signed", "name the `url`"),
        (hmac(json!({ "signed": "{url}.{body}" })), "/signed", "name the `url`"),
        (hmac(json!({ "signed": "{body}|{url}|" })), "/signed", "put `{body}` last"),
        (hmac(json!({ "tolerance": "1m" })), "/tolerance", "`timestamp_header`"),
        (hmac(json!({ "timestamp_unit": "ms" })), "/timestamp_unit", "`timestamp_header`"),
        (hmac(json!({ "timestamp_header": "t", "signed": "{timestamp}{body}", "tolerance": "31d" })), "/tolerance", "30 days"),
        (hmac(json!({ "timestamp_header": "t", "timestamp_json": "t" })), "/timestamp_json", "one place"),
        (hmac(json!({ "timestamp_header": "t", "timestamp_prefix": "t=" })), "/timestamp_prefix", "one place"),
        (hmac(json!({ "timestamp_prefix": "t=", "signed": "{timestamp}{body}" })), "/timestamp_prefix", "`separator`"),
        (hmac(json!({ "json": "a.b" })), "/json", "one place"),
        (hmac(json!({ "id_json": "a..b", "signed": "{id}.{body}" })), "/id_json", "between its dots"),
        (hmac(json!({ "signed": "{timestamp}" })), "/signed", "`{body}` is missing"),
        (hmac(json!({ "signed": "x", "unsigned_body": true })), "/signed", "`{id}` and `{timestamp}`"),
        (hmac(json!({ "unsigned_body": true })), "/unsigned_body", "remove this"),
        (hmac(json!({ "id_header": "x-i", "signed": "{form}.{id}." })), "/signed", "put `{body}` last"),
        (hmac(json!({ "body_hash_query": "h" })), "/body_hash_query", "`{url}{form}`"),
        (hmac(json!({ "public_prefix": "v1a," })), "/public_prefix", "a list"),
        (hmac(json!({ "algorithm": "ed25519" })), "/algorithm", "scheme = \"signature\""),
        (hmac(json!({ "secret_encoding": "hex" })), "/secret", "hexadecimal"),
        (hmac(json!({ "secret_encoding": "base64" })), "/secret", "base64"),
        (hmac(json!({ "public_key": "k" })), "/public_key", "no public key"),
        (hmac(json!({ "handshake": "slakc" })), "/handshake", "there are slack, zoom"),
        (hmac(json!({ "handshake": "meta" })), "/verify_token", "needs a `verify_token`"),
        (hmac(json!({ "handshake": "slack", "verify_token": "w" })), "/verify_token", "looks at no"),
        (hmac(json!({ "verify_token": "w" })), "/verify_token", "name it"),
        (json!({ "scheme": "bearer", "secret": "k", "handshake": "x" }), "/handshake", "HMAC"),
        (json!({ "scheme": "signature", "secret": "k", "json": "s" }), "/json", "holds its signature"),
        (
            json!({ "scheme": "signature", "secret": "k", "query": "s", "signed": "{url}|{body}" }),
            "/query",
            "holds its signature",
        ),
        (json!({ "scheme": "discord", "secret": "k" }), "/secret", "write it as `public_key`"),
        (json!({ "scheme": "discord" }), "/public_key", "needs a `public_key`"),
        (json!({ "scheme": "discord", "public_key": "00" }), "/public_key", "no public key for Ed25519"),
        (json!({ "scheme": "sendgrid", "public_keys": ["AAAA"] }), "/public_keys/0", "no public key for P-256"),
        (json!({ "scheme": "discord", "public_keys": vec!["00"; 9] }), "/public_keys", "more than 8"),
        (json!({ "scheme": "gitlab", "secret": "whsec_AAAA", "secrets": ["k"] }), "/secrets/0", "one kind"),
    ] {
        let invalid = serde_json::from_value::<Spec>(spec.clone()).expect("the right form").refine().expect_err("a bad spec");
        assert_eq!(invalid.pointer, pointer, "{spec}: {invalid}");
        assert!(invalid.message.contains(told), "{spec}: {invalid}");
    }
    assert!(serde_json::from_value::<Spec>(json!({ "scheme": "hmac", "sekret": "k" })).is_err());
}

#[test]
fn a_plugins_source_names_the_plugin_and_its_credentials() {
    let refine = |spec: serde_json::Value| serde_json::from_value::<Spec>(spec).expect("a spec").refine();
    let named = json!({ "scheme": "plugin", "plugin": "shop", "credential_headers": ["X-Shop-Token"] });
    let kept_out = refine(named).expect("a scheme").credential_headers().to_vec();
    assert!(kept_out.contains(&http::header::AUTHORIZATION) && kept_out.contains(&HeaderName::from_static("x-shop-token")));
    let more = refine(json!({ "scheme": "github", "secret": "s", "credential_headers": ["a"] })).expect("any scheme takes them");
    assert!(more.credential_headers().contains(&HeaderName::from_static("a")));
    for (spec, pointer) in [
        (json!({ "scheme": "plugin" }), "/plugin"),
        (json!({ "scheme": "plugin", "plugin": "shop", "secret": "s" }), "/secret"),
        (json!({ "scheme": "plugin", "plugin": "shop", "credential_headers": ["a b"] }), "/credential_headers/0"),
        (json!({ "scheme": "plugin", "plugin": "shop", "credential_headers": vec!["a"; 17] }), "/credential_headers"),
        (json!({ "scheme": "none", "plugin": "shop" }), "/plugin"),
    ] {
        assert_eq!(refine(spec.clone()).expect_err("wrong").pointer, pointer, "{spec}");
    }
}

proptest! {
    /// No spec makes a panic.
    #[test]
    fn no_spec_makes_a_panic(text in ".{0,40}", which in any::<prop::sample::Index>()) {
        let scheme = { let all: Vec<_> = schemes().collect(); all[which.index(all.len())].name };
        for field in [
            "scheme", "secret", "public_key", "header", "json", "query", "prefix", "public_prefix", "signed", "timestamp_header",
            "timestamp_json", "timestamp_prefix", "id_header", "id_json", "url", "body_hash_query", "handshake", "username",
        ] {
            let mut spec = json!({ "scheme": scheme, "secret": "k" });
            spec[field] = json!(text);
            let spec: Spec = serde_json::from_value(spec).expect("the right form");
            let _ = spec.refine();
        }
    }
}
