//! Requests that providers publish with their keys.

use serde_json::json;

use super::*;

/// Twilio's, of its documentation on webhook security.
#[test]
fn twilio() {
    let spec = json!({ "scheme": "twilio", "secret": "12345", "url": "https://mycompany.com/myapp.php?foo=1&bar=2" });
    let headers = [
        ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("content-type", "application/x-www-form-urlencoded; charset=UTF-8"),
    ];
    let form = "To=%2B18005551212&From=%2B14158675309&Digits=1234&Caller=%2B14158675309&CallSid=CA1234567890ABCDE";
    let world = World::new(spec, &headers, form, 0);
    world.accepted();
    // The same form in other words, and the same URL.
    let mut same = world;
    same.body = b"CallSid=CA1234567890ABCDE&Caller=%2b14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212".to_vec();
    same.spec["url"] = json!("https://mycompany.com:443/myapp.php?foo=1&bar=2");
    same.accepted();
    same.spec["url"] = json!("https://mycompany.com:8443/myapp.php?foo=1&bar=2");
    same.refused("no signature");
}

/// Standard Webhooks 1.0.0, by Ed25519; and that each kind of key checks signatures of its own kind only.
#[test]
fn standard_webhooks_by_a_public_key() {
    let public = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
    let v1a = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";
    let mut world = standard_webhooks().with("webhook-signature", |_| v1a.into());
    world.refused("begins with `v1,`");
    world.spec = json!({ "scheme": "standard-webhooks", "public_key": public });
    world.accepted();
    world.with("webhook-signature", |value| value.replace("v1a,", "v1,")).refused("begins with `v1a,`");
    world.with("webhook-id", |value| format!("{value}2")).refused("no signature");
    // Both, as during a change from one to the other.
    world.spec =
        json!({ "scheme": "standard-webhooks", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "public_key": public });
    world.accepted();
    standard_webhooks().accepted();
    world.with("webhook-signature", |value| format!("v1,{}= {value}", "A".repeat(43))).accepted();
}

/// Of a list that names the same message twice, under either name, both have to say the same.
#[test]
fn the_names_of_svix_stand_for_those_of_the_standard() {
    let mut world = standard_webhooks();
    for header in &mut world.headers {
        header.0 = match header.0 {
            "webhook-id" => "svix-id",
            "webhook-timestamp" => "svix-timestamp",
            _ => "svix-signature",
        };
    }
    world.accepted();
    world.headers.push(("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".into()));
    world.accepted();
    world.with("webhook-id", |_| "msg_another".into()).refused("more than once");
}

#[test]
fn a_gitlab_token_is_shown_or_signs() {
    let mut world = standard_webhooks();
    world.spec["scheme"] = json!("gitlab");
    world.accepted();
    assert!(world.scheme().credential_headers().contains(&HeaderName::from_static("x-gitlab-token")));
    world.headers = vec![("x-gitlab-token", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into())];
    world.refused("`webhook-signature` is missing");
}

/// The token is known for as long as the same request would be accepted, and longer.
#[test]
fn what_mailgun_proves_is_good_once() {
    let signature = hex::encode(sha256(b"key", "1700000000abc"));
    let body =
        format!(r#"{{"signature":{{"timestamp":"1700000000","token":"abc","signature":"{signature}"}},"event-data":{{}}}}"#);
    let mut world = World::new(json!({ "scheme": "mailgun", "secret": "key" }), &[], &body, 1_700_000_000);
    let Ok(Verified::Event(facts)) = world.verdict() else { panic!("an event") };
    let replay = facts.replay.expect("a key");
    assert_eq!(replay.key, "abc");
    assert!(replay.until > Timestamp(1_700_000_300_000) && world.scheme().is_good_once());
    world.now_secs += 300;
    world.accepted();
    world.now_secs += 1;
    world.refused("from now");
    let Ok(Verified::Event(facts)) = github().verdict() else { panic!("an event") };
    assert!(facts.replay.is_none() && !github().scheme().is_good_once());
}

#[test]
fn what_twilio_signs_reads_one_way() {
    let signed = |url: &str, form: &str| {
        let mut mac = Hmac::<sha1::Sha1>::new_from_slice(b"key").expect("any key");
        mac.update(format!("{url}{form}").as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    };
    let form = ("content-type", "application/x-www-form-urlencoded");
    let spec = json!({ "scheme": "twilio", "secret": "key" });
    let world = |signature: String, body: &str| World::new(spec.clone(), &[("x-twilio-signature", &signature), form], body, 0);
    world(signed(URL, "a1b2"), "b=2&a=1").accepted();
    // The query of a URL as a field, and a hash that was signed as one.
    world(signed(URL, "?a=1b2"), "%3Fa%3D1=&b=2").refused("reads like a part of the URL");
    world(signed(URL, "a1a1"), "a=1&a=1").refused("no signature");
    world(signed(URL, "a1"), "a=1&a=1").accepted();
}
