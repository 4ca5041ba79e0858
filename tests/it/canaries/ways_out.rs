//! Every secret that a destination or a plugin of a rule can have, each seen by whom it is meant for.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::mpsc,
    thread,
};

use axum::response::{IntoResponse as _, Response};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::StatusCode;
use serde_json::json;
use sluicebox_tests::{
    PATIENCE, Received, Receiver,
    canary::Canary,
    guests,
    tls::{Authority, TlsReceiver},
};

use super::{hmac_of, world::World};

/// A proxy that is told a password and refuses all the same.
pub(super) struct Proxy {
    pub(super) url: String,
    password: Canary,
    heard: mpsc::Receiver<String>,
}

impl Proxy {
    pub(super) fn start(world: &mut World) -> Self {
        let password = world.new_canary("the proxy's password");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://us:{}@{}", password.text(), listener.local_addr().expect("an address"));
        let (tell, heard) = mpsc::channel();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                    head.push(byte[0]);
                }
                // Nobody may wait for it any more.
                let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
                let _ = tell.send(String::from_utf8_lossy(&head).into_owned());
            }
        });
        Self { url, password, heard }
    }

    fn was_told_its_password(&self) {
        let head = self.heard.recv_timeout(PATIENCE).expect("a request");
        let credentials = BASE64_STANDARD.encode(format!("us:{}", self.password.text()));
        assert!(head.starts_with("CONNECT 93.184.215.14:80 ") && head.contains(&credentials), "{head}");
    }
}

/// Whoever receives: at `/token` it gives tokens, at `/refused` it refuses, and repeats what it was sent.
async fn receiver(token: String) -> Receiver {
    Receiver::answering(move |received: &Received| -> Response {
        match received.path.as_str() {
            "/token" => {
                let told = json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 });
                axum::Json(told).into_response()
            }
            "/refused" => {
                let repeated = received.header("authorization").to_owned();
                (StatusCode::INTERNAL_SERVER_ERROR, [("x-repeated", repeated)], format!("{:?}", received.headers)).into_response()
            }
            _ => StatusCode::NO_CONTENT.into_response(),
        }
    })
    .await
}

/// Applies a hub file whose secrets are all references, has an event go to every destination of it, and sees what arrives.
pub(super) async fn plant(world: &mut World, proxy: &Proxy) {
    let mut canary = |label: &str| world.new_canary(label);
    let secrets: [Canary; 11] = [
        "a signing secret",
        "a further signing secret",
        "a further signing secret with an end",
        "a bearer token",
        "a password",
        "an API key",
        "an OAuth client secret",
        "a header's value",
        "a header's value beside a slot",
        "the secret of another signing scheme",
        "a secret granted to a plugin",
    ]
    .map(&mut canary);
    let [signing, further, ending, bearer, password, api_key, client, header, slot, other, granted] = &secrets;
    let token = canary("an access token");
    let receiver = receiver(token.text()).await;
    let (authority, clients) = (Authority::new(), Authority::new());
    let tls = TlsReceiver::start(&authority, &["h2"], Some(&clients)).await;
    let us = clients.certify("us");
    let pem: String = us.key.lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64_STANDARD.decode(pem).expect("base64");
    // Past what all keys of this kind begin with.
    world.plant(Canary::of("a client's TLS key", &der[40..72]));

    for (name, text) in [("client.pem", us.certificate), ("client.key", us.key), ("ca.pem", authority.certificate())] {
        fs::write(world.folder.path().join(name), text).expect("a file");
    }
    fs::write(world.folder.path().join("key.txt"), api_key.text()).expect("a file");
    for guest in ["capable", "misbehave"] {
        fs::write(world.folder.path().join(format!("{guest}.wasm")), guests::module(guest)).expect("a file");
    }
    fs::write(world.folder.path().join("hub.toml"), hub(receiver.url(), tls.url(), &slot.text())).expect("a file");
    let environment = [
        ("SIGNING", signing.whsec()),
        ("FURTHER", further.whsec()),
        ("ENDING", ending.whsec()),
        ("BEARER", bearer.text()),
        ("PASSWORD", password.text()),
        ("CLIENT", client.text()),
        ("HEADER", header.text()),
        ("OTHER", other.text()),
        ("GRANTED", granted.text()),
    ];
    assert!(!world.run(&["apply", "hub.toml"], &environment[1..]), "a reference that leads nowhere");
    assert!(world.run(&["apply", "hub.toml"], &environment));
    world.host().post("open", &[], r#"{"n":7}"#).await;

    let arrived = async |path: &str| receiver.wait_for(path, 1).await.remove(0);
    assert_eq!(arrived("/bearer").await.header("authorization"), format!("Bearer {}", bearer.text()));
    let basic = BASE64_STANDARD.encode(format!("us:{}", password.text()));
    assert_eq!(arrived("/basic").await.header("authorization"), format!("Basic {basic}"));
    assert_eq!(arrived("/api-key").await.header("x-api-key"), api_key.text());
    let asked = arrived("/token").await;
    let credentials = BASE64_STANDARD.encode(format!("us:{}", client.text()));
    assert_eq!(asked.header("authorization"), format!("Basic {credentials}"));
    assert_eq!(arrived("/oauth").await.header("authorization"), format!("Bearer {}", token.text()));
    let headers = arrived("/headers").await;
    assert_eq!((headers.header("x-fixed"), headers.header("x-slot")), (header.text().as_str(), &*format!("{} 7", slot.text())));
    let signed = arrived("/signed").await;
    assert_eq!(signed.header("x-signature"), hmac_of(&other.text(), &signed.body));
    let content = [signed.id(), signed.header("webhook-timestamp"), r#"{"n":7}"#].join(".");
    for key in [signing, further, ending] {
        let signature = hex::decode(hmac_of(&key.text(), content.as_bytes())).expect("digits");
        assert!(signed.header("webhook-signature").contains(&BASE64_STANDARD.encode(signature)), "{}", key.label);
    }
    let computed: Vec<u8> = serde_json::from_slice(&arrived("/computed").await.body).expect("JSON");
    assert_eq!(hex::encode(computed), hmac_of(&granted.text(), br#"{"n":7}"#));
    proxy.was_told_its_password();
    for rule in ["refused", "proxied"] {
        world.host().delivery_in_state(rule, "dead").await;
    }
    world.host().delivery_in_state("mutual", "delivered").await;
    assert_eq!(tls.received().len(), 1, "it asks for the certificate");
    sluicebox_tests::eventually("a plugin that panicked", async || {
        let runs = world.host().get("/v1/runs?rule=panics").await.json;
        (!runs["items"][0]["failure"].is_null()).then_some(())
    })
    .await;
}

/// All but one are given by references: what is has no slots.
fn hub(receiver: &str, tls: &str, slot: &str) -> String {
    let mut hub = "[sources.open]\nverify = { scheme = \"none\" }\n\
         [plugins.capable]\npath = \"capable.wasm\"\nconfig = { ask = \"hmac\" }\ngrants.secrets = { shop = \"${GRANTED}\" }\n\
         [plugins.misbehave]\npath = \"misbehave.wasm\"\nconfig = { mode = \"panic\" }\n\
         [rules.panics]\nmatch.source = [\"open\"]\nplugins = [\"misbehave\"]\ndestinations = [\"bearer\"]\n"
        .to_owned();
    let secrets = "secrets = [\"${FURTHER}\", { secret = \"${ENDING}\", until = \"2100-01-01T00:00:00Z\" }]";
    let oauth = format!(
        "auth = {{ type = \"oauth2\", token_url = \"{receiver}/token\", client_id = \"us\", client_secret = \"${{CLIENT}}\" }}"
    );
    let identity =
        "tls = { client_certificate = \"file:client.pem\", client_key = \"file:client.key\", ca_certificates = \"file:ca.pem\" }";
    let headers = format!("headers = {{ x-fixed = \"${{HEADER}}\", x-slot = \"{slot} {{data.n}}\" }}");
    let (to, elsewhere) = (|path: &str| format!("{receiver}/{path}"), |url: &str| url.to_owned());
    for (name, url, plugins, settings) in [
        ("bearer", to("bearer"), "", "auth = { type = \"bearer\", token = \"${BEARER}\" }"),
        ("basic", to("basic"), "", "auth = { type = \"basic\", username = \"us\", password = \"${PASSWORD}\" }"),
        ("api-key", to("api-key"), "", "auth = { type = \"api-key\", value = \"file:key.txt\" }"),
        ("oauth", to("oauth"), "", &oauth),
        ("headers", to("headers"), "", &headers),
        (
            "signed",
            to("signed"),
            "",
            "signing = { header = \"x-signature\", secret = \"${OTHER}\", scheme = \"hmac\", signed = \"{body}\" }",
        ),
        ("refused", to("refused"), "", "auth = { type = \"bearer\", token = \"${BEARER}\" }"),
        ("computed", to("computed"), "capable", ""),
        ("mutual", format!("{tls}/mutual"), "", identity),
        ("proxied", elsewhere("http://93.184.215.14/hook"), "", "auth = { type = \"bearer\", token = \"${BEARER}\" }"),
    ] {
        let plugins = if plugins.is_empty() { String::new() } else { format!("plugins = [\"{plugins}\"]\n") };
        hub += &format!(
            "[destinations.{name}]\nurl = \"{url}\"\nsecret = \"${{SIGNING}}\"\n{secrets}\nbreaker = false\n\
             retry = {{ first = \"100ms\", max = \"100ms\", attempts_max = 2 }}\n{settings}\n\
             [rules.{name}]\nmatch.source = [\"open\"]\n{plugins}destinations = [\"{name}\"]\n"
        );
    }
    hub
}
