//! Schemes beside Standard Webhooks: a table of the well-known ones, and `hmac`, the row that the hub file fills in itself. The words are
//! those by which a source declares how it verifies; what one Sluicebox signs by a scheme, another verifies by the scheme of that name.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{EagerHash, Hmac, KeyInit as _, Mac as _};
use http::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::{Content, Key, standard_webhooks};
use crate::event::{Invalid, Piece, Secret, is_host_owned, pieces};

/// How a destination is signed for beside Standard Webhooks, as the hub file declares it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SigningScheme")]
pub struct Spec {
    /// The scheme's name: `github`, `stripe`, `slack`, `shopify`, `svix`, or `hmac`, which takes the fields below `secret`.
    pub scheme: String,
    /// The shared secret; its bytes are the key. `svix` has none: it signs with the keys of Standard Webhooks.
    pub secret: Option<Secret>,
    /// The header for the signature.
    pub header: Option<String>,
    /// `sha256` unless told otherwise.
    pub algorithm: Option<Algorithm>,
    /// How the signature is written; `hex` unless told otherwise.
    pub encoding: Option<Encoding>,
    /// What stands before the signature, as in `sha256=`.
    pub prefix: Option<String>,
    /// What is signed, as text around `{id}`, `{timestamp}`, `{url}` and `{body}`; `{body}` unless told otherwise.
    pub signed: Option<String>,
    /// A header for the time of sending, in seconds since the Unix epoch.
    pub timestamp_header: Option<String>,
    /// A header for the message's id, beside `webhook-id`.
    pub id_header: Option<String>,
    /// `false`: instead of Standard Webhooks, of whose headers only `webhook-id` is left. Else beside it.
    pub standard_webhooks: Option<bool>,
}

/// Where `Spec` holds secrets: JSON pointers.
pub const SECRETS: &[&str] = &["/secret"];

/// The hash beneath the HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SigningAlgorithm")]
pub enum Algorithm {
    /// SHA-1, for receivers that know nothing better. An HMAC does not rest on what is broken of it (RFC 6194, section 3.3).
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SigningEncoding")]
pub enum Encoding {
    /// Hexadecimal digits in lower case.
    Hex,
    /// The standard alphabet, padded (RFC 4648, section 4).
    Base64,
}

/// What a scheme's headers look like, as text still to be checked.
#[derive(Clone, Copy)]
struct Layout<'a> {
    algorithm: Algorithm,
    encoding: Encoding,
    header: &'a str,
    /// What the time is written after, where it stands before the signature in its header.
    time_entry: Option<&'static str>,
    prefix: &'a str,
    signed: &'a str,
    timestamp_header: Option<&'a str>,
    id_header: Option<&'a str>,
}

const PLAIN: Layout<'static> = Layout {
    algorithm: Algorithm::Sha256,
    encoding: Encoding::Hex,
    header: "",
    time_entry: None,
    prefix: "",
    signed: "{body}",
    timestamp_header: None,
    id_header: None,
};

const LAYOUTS: [(&str, Layout<'static>); 4] = [
    ("github", Layout { header: "x-hub-signature-256", prefix: "sha256=", ..PLAIN }),
    (
        "stripe",
        Layout { header: "stripe-signature", time_entry: Some("t="), prefix: "v1=", signed: "{timestamp}.{body}", ..PLAIN },
    ),
    (
        "slack",
        Layout {
            header: "x-slack-signature",
            prefix: "v0=",
            signed: "v0:{timestamp}:{body}",
            timestamp_header: Some("x-slack-request-timestamp"),
            ..PLAIN
        },
    ),
    ("shopify", Layout { header: "x-shopify-hmac-sha256", encoding: Encoding::Base64, ..PLAIN }),
];

/// A refined scheme with its key.
#[derive(Clone, Debug)]
pub struct Scheme {
    form: Form,
    /// Whether Standard Webhooks signs too.
    beside_standard_webhooks: bool,
}

#[derive(Clone, Debug)]
enum Form {
    Hmac(Box<Signature>),
    /// Standard Webhooks under the names that it had before it was a standard.
    Svix,
}

#[derive(Clone)]
struct Signature {
    algorithm: Algorithm,
    encoding: Encoding,
    header: HeaderName,
    time_entry: Option<&'static str>,
    prefix: String,
    signed: Vec<Part>,
    timestamp_header: Option<HeaderName>,
    id_header: Option<HeaderName>,
    key: Zeroizing<Vec<u8>>,
}

/// A piece of the signed content.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Id,
    Timestamp,
    Url,
    Body,
}

impl Spec {
    /// Checks the spec.
    ///
    /// # Errors
    /// Where the scheme is unknown, its secret is missing, or a field belongs to another scheme or cannot be used.
    pub fn refine(&self) -> Result<Scheme, Invalid> {
        let form = match self.scheme.as_str() {
            "svix" => self.svix()?,
            "hmac" => Form::Hmac(Box::new(self.signature(self.configured()?)?)),
            name => {
                let found = LAYOUTS.iter().find(|(known, _)| *known == name);
                let (_, layout) = found.ok_or_else(|| {
                    Invalid::at(
                        "/scheme",
                        format!("`{name}` is not a scheme; there are github, stripe, slack, shopify, svix and hmac"),
                    )
                })?;
                self.refuse_settings()?;
                Form::Hmac(Box::new(self.signature(*layout)?))
            }
        };
        Ok(Scheme { form, beside_standard_webhooks: self.standard_webhooks.unwrap_or(true) })
    }

    fn svix(&self) -> Result<Form, Invalid> {
        if self.secret.is_some() {
            let message = "`svix` signs with the destination's own `secret` and `secrets`; remove this";
            return Err(Invalid::at("/secret", message));
        }
        self.refuse_settings().map(|()| Form::Svix)
    }

    /// A setting that its scheme does not look at would be believed to work.
    fn refuse_settings(&self) -> Result<(), Invalid> {
        let given = [
            ("header", self.header.is_some()),
            ("algorithm", self.algorithm.is_some()),
            ("encoding", self.encoding.is_some()),
            ("prefix", self.prefix.is_some()),
            ("signed", self.signed.is_some()),
            ("timestamp_header", self.timestamp_header.is_some()),
            ("id_header", self.id_header.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((field, _)) => {
                let message =
                    format!("the scheme `{}` does not take `{field}`; remove it, or write `scheme = \"hmac\"`", self.scheme);
                Err(Invalid::at(format!("/{field}"), message))
            }
        }
    }

    /// The layout that the spec of an `hmac` describes.
    fn configured(&self) -> Result<Layout<'_>, Invalid> {
        let header = self.header.as_deref().ok_or_else(|| Invalid::at("/header", "name the header for the signature"))?;
        Ok(Layout {
            algorithm: self.algorithm.unwrap_or(PLAIN.algorithm),
            encoding: self.encoding.unwrap_or(PLAIN.encoding),
            header,
            prefix: self.prefix.as_deref().unwrap_or(PLAIN.prefix),
            signed: self.signed.as_deref().unwrap_or(PLAIN.signed),
            timestamp_header: self.timestamp_header.as_deref(),
            id_header: self.id_header.as_deref(),
            ..PLAIN
        })
    }

    fn signature(&self, layout: Layout<'_>) -> Result<Signature, Invalid> {
        let signed = parts(layout.signed).map_err(|message| Invalid::at("/signed", message))?;
        let has_time = layout.timestamp_header.is_some() || layout.time_entry.is_some();
        if signed.contains(&Part::Timestamp) && !has_time {
            let message = "`{timestamp}` needs a `timestamp_header`: a receiver has to know the time that was signed";
            return Err(Invalid::at("/signed", message));
        }
        if layout.prefix.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
            return Err(Invalid::at("/prefix", "a prefix is visible ASCII and spaces"));
        }
        let secret = self.secret.as_ref().map(Secret::expose).filter(|secret| !secret.is_empty());
        let secret = secret.ok_or_else(|| {
            Invalid::at("/secret", format!("the scheme `{}` needs a secret, the one that the receiver has", self.scheme))
        })?;
        Ok(Signature {
            algorithm: layout.algorithm,
            encoding: layout.encoding,
            header: header_name(layout.header, "/header")?,
            time_entry: layout.time_entry,
            prefix: layout.prefix.to_owned(),
            signed,
            timestamp_header: layout.timestamp_header.map(|name| header_name(name, "/timestamp_header")).transpose()?,
            id_header: layout.id_header.map(|name| header_name(name, "/id_header")).transpose()?,
            key: Zeroizing::new(secret.as_bytes().to_vec()),
        })
    }
}

fn parts(text: &str) -> Result<Vec<Part>, String> {
    let part = |piece| match piece {
        Piece::Text(text) => Ok(Part::Text(text.to_owned())),
        Piece::Slot("id") => Ok(Part::Id),
        Piece::Slot("timestamp") => Ok(Part::Timestamp),
        Piece::Slot("url") => Ok(Part::Url),
        Piece::Slot("body") => Ok(Part::Body),
        Piece::Slot(name) => {
            Err(format!("`{{{name}}}` is unknown; there are `{{id}}`, `{{timestamp}}`, `{{url}}` and `{{body}}`"))
        }
    };
    let parts: Vec<_> = pieces(text)?.into_iter().map(part).collect::<Result<_, _>>()?;
    let missing = || "`{body}` is missing: anybody could change what is not signed".to_owned();
    if parts.contains(&Part::Body) { Ok(parts) } else { Err(missing()) }
}

fn header_name(name: &str, pointer: &str) -> Result<HeaderName, Invalid> {
    let parsed: HeaderName = name.parse().map_err(|_| Invalid::at(pointer, format!("`{name}` is not the name of a header")))?;
    if is_host_owned(parsed.as_str()) || parsed == http::header::CONTENT_TYPE {
        return Err(Invalid::at(pointer, format!("`{parsed}` has a meaning of its own; name another header")));
    }
    Ok(parsed)
}

impl Scheme {
    /// Whether Standard Webhooks signs too.
    #[must_use]
    pub fn is_beside_standard_webhooks(&self) -> bool {
        self.beside_standard_webhooks
    }

    /// The headers of one attempt. `keys` are those of Standard Webhooks.
    #[must_use]
    pub fn headers<'k>(&self, keys: impl IntoIterator<Item = &'k Key>, content: Content<'_>) -> Vec<(HeaderName, String)> {
        match &self.form {
            Form::Hmac(signature) => signature.headers(content),
            Form::Svix => vec![
                (HeaderName::from_static("svix-id"), content.id.to_owned()),
                (HeaderName::from_static("svix-timestamp"), content.timestamp_secs.to_string()),
                (HeaderName::from_static("svix-signature"), standard_webhooks(keys, content)),
            ],
        }
    }
}

impl Signature {
    fn headers(&self, content: Content<'_>) -> Vec<(HeaderName, String)> {
        let timestamp = content.timestamp_secs.to_string();
        let time = self.time_entry.map(|entry| format!("{entry}{timestamp},")).unwrap_or_default();
        let signature = self.encoding.encode(&self.mac(content, &timestamp));
        let mut headers = vec![(self.header.clone(), format!("{time}{}{signature}", self.prefix))];
        headers.extend(self.timestamp_header.iter().map(|name| (name.clone(), timestamp.clone())));
        headers.extend(self.id_header.iter().map(|name| (name.clone(), content.id.to_owned())));
        headers
    }

    fn mac(&self, content: Content<'_>, timestamp: &str) -> Vec<u8> {
        match self.algorithm {
            Algorithm::Sha1 => self.mac_by::<Sha1>(content, timestamp),
            Algorithm::Sha256 => self.mac_by::<Sha256>(content, timestamp),
            Algorithm::Sha512 => self.mac_by::<Sha512>(content, timestamp),
        }
    }

    fn mac_by<D: EagerHash>(&self, content: Content<'_>, timestamp: &str) -> Vec<u8> {
        let mut mac = Hmac::<D>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        for part in &self.signed {
            mac.update(match part {
                Part::Text(text) => text.as_bytes(),
                Part::Id => content.id.as_bytes(),
                Part::Timestamp => timestamp.as_bytes(),
                Part::Url => content.url.as_bytes(),
                Part::Body => content.body,
            });
        }
        mac.finalize().into_bytes().to_vec()
    }
}

impl Encoding {
    fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => BASE64_STANDARD.encode(bytes),
        }
    }
}

/// Without the key.
impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("algorithm", &self.algorithm).field("header", &self.header).finish_non_exhaustive()
    }
}
