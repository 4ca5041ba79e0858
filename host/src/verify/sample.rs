//! The provider's side: signs a request by the same row by which one is verified. It is for trying a source (`sluicebox trigger`) and for tests
//! of the engine; what goes out to destinations is signed by `sign`.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::{
    Proof, Request, Scheme,
    form::{self, Form},
    place::Place,
    signature::Signature,
    template::{Filling, Slot},
    time::TimePlace,
    token::{Token, Wrapping},
};
use crate::event::Timestamp;

/// A request that is made.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Upper case.
    pub method: String,
    /// With scheme and host, as the receiver will see it.
    pub url: String,
    /// What is in it stays, but for what signing sets.
    pub headers: HeaderMap,
    /// The payload.
    pub body: Vec<u8>,
}

/// Why a request cannot be signed, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsigned(pub &'static str);

impl Sample {
    /// What is verified of it.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request { method: &self.method, url: &self.url, headers: &self.headers, body: &self.body }
    }
}

impl Scheme {
    /// Signs a request as the provider would, at this time and under this id, by the first key of the source. Where the source has a public key
    /// only, `private` is the text of its other half: PKCS #8 in base64 or PEM, or `whsk_...`.
    ///
    /// # Errors
    /// Where there is nothing to sign with, or no place for the signature in this body.
    pub fn sign(&self, sample: &mut Sample, id: &str, now: Timestamp, private: Option<&str>) -> Result<(), Unsigned> {
        match &self.proof {
            Proof::Nothing => Ok(()),
            Proof::Token(token) => token.show(sample),
            Proof::Signature(signature) => signature.sign(sample, id, now, private),
            Proof::Jwt(_) => Err(Unsigned("only the issuer signs its tokens; ask it for one, and send the request yourself")),
            Proof::Plugin(_) => Err(Unsigned("only the provider knows what its plugin asks for; sign it yourself")),
        }
    }
}

impl Token {
    fn show(&self, sample: &mut Sample) -> Result<(), Unsigned> {
        let secret = self.expected[0].expose();
        let text = || String::from_utf8_lossy(secret);
        let shown = match self.wrapping {
            Wrapping::Plain => text().into_owned(),
            Wrapping::Bearer => format!("Bearer {}", text()),
            Wrapping::Basic => format!("Basic {}", BASE64_STANDARD.encode(secret)),
        };
        self.place.put(sample, shown)
    }
}

impl Signature {
    fn sign(&self, sample: &mut Sample, id: &str, now: Timestamp, private: Option<&str>) -> Result<(), Unsigned> {
        let time = self.time.as_ref().map(|time| (time.unit.write(now), &time.place));
        if let Some((text, TimePlace::At(place))) = &time {
            place.put(sample, text.clone())?;
        }
        if let Some(place) = &self.id {
            place.put(sample, id.to_owned())?;
        }
        if let Some(name) = self.body_hash.as_ref().filter(|_| !form::is_form(&sample.headers)) {
            sample.add_parameter(name, &hex::encode(Sha256::digest(&sample.body)));
        }
        let timestamp = time.as_ref().map_or("", |(text, _)| text);
        let (prefix, bytes) = self.made(sample.request(), id, timestamp, private)?;
        let mut value = format!("{prefix}{}", self.encoding.encode(&bytes));
        if let (Some((text, TimePlace::Entry(entry))), Some(separator)) = (&time, self.separator) {
            value = format!("{entry}{text}{separator}{value}");
        }
        self.place.put(sample, value)
    }

    /// A signature of a request, and what stands before it.
    fn made(&self, request: Request<'_>, id: &str, timestamp: &str, private: Option<&str>) -> Result<(&str, Vec<u8>), Unsigned> {
        let form = match self.signed.has(Slot::Form) {
            true => Some(form::of(request, self.body_hash.as_deref()).map_err(|_| Unsigned("this body is no form"))?),
            false => None,
        };
        let url = self.signed_url(request, form.as_ref()).map_err(|_| Unsigned("this URL cannot be signed"))?;
        let sorted = if let Some(Form::Sorted(sorted)) = &form { sorted.as_slice() } else { &[] };
        let content = self.content(Filling {
            id: id.as_bytes(),
            timestamp: timestamp.as_bytes(),
            method: request.method.as_bytes(),
            url: url.as_bytes(),
            form: sorted,
            body: request.body,
        });
        let made = self.versions.iter().find_map(|version| {
            let bytes = version.keys.iter().find_map(|key| key.sign(version.algorithm, &content, private))?;
            Some((version.prefix.as_str(), bytes))
        });
        made.ok_or(Unsigned("the source has only a public key; name the private one (PKCS #8, or `whsk_...`)"))
    }
}

impl Place {
    /// Puts a value there instead of what there was.
    fn put(&self, sample: &mut Sample, value: String) -> Result<(), Unsigned> {
        match self {
            Self::Header { name, .. } => {
                let value = HeaderValue::from_str(&value).map_err(|_| Unsigned("no header can hold this secret"))?;
                sample.headers.insert(name, value);
            }
            Self::Query(name) => sample.add_parameter(name, &value),
            Self::Json(path) => {
                let no_object = Unsigned("this scheme puts its signature into the body, which has to be a JSON object");
                let mut body: serde_json::Value = serde_json::from_slice(&sample.body).map_err(|_| no_object)?;
                let mut at = &mut body;
                for step in path {
                    at = at.as_object_mut().ok_or(no_object)?.entry(step).or_insert_with(|| serde_json::json!({}));
                }
                // A provider that writes a number there has written one in this payload too.
                *at = match value.parse::<u64>() {
                    Ok(number) if at.is_number() => number.into(),
                    _ => value.into(),
                };
                sample.body = body.to_string().into_bytes();
            }
        }
        Ok(())
    }
}

impl Sample {
    fn add_parameter(&mut self, name: &str, value: &str) {
        let pair = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url += &pair;
    }
}
