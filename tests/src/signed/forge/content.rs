//! Forgeries of what is signed: the body, the form, the URL and the method.

use http::HeaderValue;
use sluicebox::verify::Sample;

use super::{Forged, NOW};

impl Forged<'_> {
    pub(super) fn of_the_body(&mut self) {
        let signed_otherwise = |body: &[u8]| {
            let unsigned = Sample { body: body.to_vec(), ..self.fixture.unsigned.clone() };
            self.fixture.signed_with(&unsigned, NOW)
        };
        let others = signed_otherwise(br#"{"id":8,"type":"order.paid"}"#);
        let at = self.fixture.signature;
        let value = at.whole(&others);
        if at.name().is_some() {
            self.add("the signature of another body", |sample| at.set_whole(sample, &value));
        }
        self.add("a changed body", |sample| sample.body[2] ^= 1);
        self.add("a body cut short", |sample| sample.body.truncate(sample.body.len() - 1));
        self.add("a longer body", |sample| sample.body.push(b' '));
        self.add("a body with a space before it", |sample| sample.body.insert(0, b' '));
        self.add("a body with a line's end", |sample| sample.body.extend_from_slice(b"\r\n"));
        self.add("no body", |sample| sample.body.clear());
        self.add("a NUL behind the body", |sample| sample.body.push(0));
    }

    pub(super) fn of_the_form(&mut self) {
        let text = String::from_utf8(self.good.body.clone()).expect("text");
        for (kind, body) in [
            ("a changed value", text.replace("one", "two")),
            ("a pair dropped", text.replace("&NumMedia=0", "")),
            ("a pair added", format!("{text}&Z=1")),
            ("another key", text.replace("From", "From2")),
            ("values exchanged", text.replace("AC1", "0").replace("NumMedia=0", "NumMedia=AC1")),
            ("no form", String::new()),
            ("a value of other letters", text.replace("one+two", "One+two")),
        ] {
            self.add(kind, |sample| sample.body = body.into_bytes());
        }
        self.add("a form that is said to be JSON", |sample| {
            sample.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        });
    }

    pub(super) fn of_the_request(&mut self) {
        if self.fixture.covers.method {
            self.add("another method", |sample| sample.method = "PUT".into());
        }
        if self.fixture.covers.url {
            self.add("another source's URL", |sample| sample.url = sample.url.replace("shop", "shed"));
            self.add("another host", |sample| sample.url = sample.url.replace("hub.", "hob."));
            self.add("another port", |sample| sample.url = sample.url.replace(".com", ".com:8443"));
            self.add("a query", |sample| sample.url += if sample.url.contains('?') { "&a=1" } else { "?a=1" });
            self.add("no TLS", |sample| sample.url = sample.url.replace("https", "http"));
            if self.good.url.contains("bodySHA256=") {
                self.add("a body with its hash", |sample| {
                    sample.body = b"{}".to_vec();
                    let hash = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"{}"));
                    let begin = sample.url.len() - hash.len();
                    sample.url.replace_range(begin.., &hash);
                });
                self.add("two hashes", |sample| {
                    let pair = sample.url.split_once('?').expect("a query").1.to_owned();
                    sample.url += &format!("&{pair}");
                });
            }
        }
    }

    /// Of two fields of one name a reader may believe either.
    pub(super) fn of_json(&mut self) {
        let Some(pointer) = self.fixture.signature.pointer() else { return };
        let (_, field) = pointer.rsplit_once('/').expect("a pointer");
        let fields = [Some(field), self.fixture.time.map(|_| "timestamp"), self.fixture.id.map(|_| "token")];
        for field in fields.into_iter().flatten() {
            let text = String::from_utf8(self.good.body.clone()).expect("text");
            let key = format!("\"{field}\":");
            let doubled = text.replacen(&key, &format!("{key}\"1\",{key}"), 1);
            self.add("a field twice", |sample| sample.body = doubled.into_bytes());
            let renamed = text.replacen(&key, "\"other\":", 1);
            self.add("a field of another name", |sample| sample.body = renamed.into_bytes());
        }
        let text = String::from_utf8(self.good.body.clone()).expect("text");
        let outer = pointer.split('/').nth(1).expect("a step");
        let begin = text.rsplit_once('}').expect("an object").0;
        let twice = format!("{begin},\"{outer}\":{{}}}}");
        self.add("the object twice", |sample| sample.body = twice.into_bytes());
        self.add("a body that is no JSON", |sample| sample.body.insert(0, b'{'));
        self.add("two bodies", |sample| sample.body.extend_from_slice(b"{}"));
        self.add("a list of it", |sample| sample.body = [b"[".as_slice(), sample.body.as_slice(), b"]"].concat());
    }
}
