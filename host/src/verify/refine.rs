//! From what the hub file says to a scheme that can be asked: every name known, every secret a key, nothing left unused.

use http::HeaderName;

use super::{
    Proof, Scheme, Spec,
    key::{Key, KeyForm},
    scheme::{Layout, Method, PLAIN, Row, SCHEMES, TimeAt},
    signature::{Signature, SignedTime, TimePlace},
    template::{Slot, Template},
    token::{Token, Wrapping},
};
use crate::event::{Invalid, Name, Secret};

/// The most secrets that may be valid at a time; each costs a hash over the body.
const SECRETS_MAX: usize = 8;

/// The most headers that a source may name as credentials.
const CREDENTIAL_HEADERS_MAX: usize = 16;

/// Headers that carry credentials whatever the scheme: a proxy's, a browser's.
const CREDENTIAL_HEADERS: [HeaderName; 3] =
    [http::header::AUTHORIZATION, http::header::PROXY_AUTHORIZATION, http::header::COOKIE];

/// Checks the spec.
pub(super) fn refine(spec: &Spec) -> Result<Scheme, Invalid> {
    let row = row(&spec.scheme)?;
    refuse_foreign_settings(spec, row)?;
    let mut credential_headers = CREDENTIAL_HEADERS.to_vec();
    let proof = match &row.method {
        Method::Nothing => nothing(spec)?,
        Method::Signature(layout) => Proof::Signature(signature(spec, *layout)?),
        Method::Configured => Proof::Signature(signature(spec, configured(spec)?)?),
        Method::Token { header, wrapping } => {
            let token = token(spec, header, *wrapping)?;
            credential_headers.push(token.header.clone());
            Proof::Token(token)
        }
        Method::Plugin => {
            credential_headers.extend(named_credentials(spec)?);
            Proof::Plugin(plugin(spec)?)
        }
    };
    Ok(Scheme { proof, credential_headers })
}

fn row(name: &str) -> Result<&'static Row, Invalid> {
    SCHEMES.iter().find(|row| row.name == name).ok_or_else(|| {
        let nearness = |known: &str| strsim::jaro_winkler(name, known);
        let nearest = SCHEMES.iter().map(|row| row.name).max_by(|a, b| nearness(a).total_cmp(&nearness(b))).unwrap_or_default();
        let all: Vec<_> = SCHEMES.iter().map(|row| row.name).collect();
        Invalid::at("/scheme", format!("`{name}` is not a scheme; the nearest is `{nearest}`, of {}", all.join(", ")))
    })
}

/// A setting that its scheme does not look at would be believed to work.
fn refuse_foreign_settings(spec: &Spec, row: &Row) -> Result<(), Invalid> {
    let given = [
        ("header", spec.header.is_some()),
        ("algorithm", spec.algorithm.is_some()),
        ("encoding", spec.encoding.is_some()),
        ("prefix", spec.prefix.is_some()),
        ("signed", spec.signed.is_some()),
        ("timestamp_header", spec.timestamp_header.is_some()),
        ("id_header", spec.id_header.is_some()),
        ("tolerance", spec.tolerance.is_some()),
        ("url", spec.url.is_some()),
        ("username", spec.username.is_some()),
        ("plugin", spec.plugin.is_some()),
        ("credential_headers", !spec.credential_headers.is_empty()),
    ];
    match given.into_iter().find(|(field, given)| *given && !row.settings.contains(field)) {
        None => Ok(()),
        Some((field, _)) => {
            Err(Invalid::at(format!("/{field}"), format!("the scheme `{}` does not take `{field}`; remove it", row.name)))
        }
    }
}

fn nothing(spec: &Spec) -> Result<Proof, Invalid> {
    match secrets(spec).first() {
        None => Ok(Proof::Nothing),
        Some((pointer, _)) => {
            Err(Invalid::at(pointer, "the scheme `none` looks at no secret; remove it, or name another scheme"))
        }
    }
}

fn plugin(spec: &Spec) -> Result<Name, Invalid> {
    if let Some((pointer, _)) = secrets(spec).first() {
        let message = "a plugin's secrets are granted to it: move this to `grants.secrets` of the plugin (see docs/plugins.md)";
        return Err(Invalid::at(pointer, message));
    }
    spec.plugin.clone().ok_or_else(|| Invalid::at("/plugin", "name the plugin that verifies, as in plugin = \"discord-verify\""))
}

fn named_credentials(spec: &Spec) -> Result<Vec<HeaderName>, Invalid> {
    let names = &spec.credential_headers;
    if names.len() > CREDENTIAL_HEADERS_MAX {
        let message = format!("more than {CREDENTIAL_HEADERS_MAX} headers; name only those that would let their reader in");
        return Err(Invalid::at("/credential_headers", message));
    }
    names.iter().enumerate().map(|(at, name)| header_name(name, &format!("/credential_headers/{at}"))).collect()
}

fn token(spec: &Spec, header: &str, wrapping: Wrapping) -> Result<Token, Invalid> {
    let header = header_name(spec.header.as_deref().unwrap_or(header), "/header")?;
    let mut expected = keys(spec, KeyForm::Text)?;
    if wrapping == Wrapping::Basic {
        let user = username(spec)?;
        expected = expected.iter().map(|password| Key::new([user.as_bytes(), b":", password.expose()].concat())).collect();
    }
    Ok(Token { header, wrapping, expected })
}

fn username(spec: &Spec) -> Result<&str, Invalid> {
    match spec.username.as_deref() {
        None => Err(Invalid::at("/username", "the scheme `basic` needs a `username`; the secret is the password")),
        Some(user) if user.contains(':') => Err(Invalid::at("/username", "a user's name has no colon (RFC 7617)")),
        Some(user) => Ok(user),
    }
}

/// The layout that the spec of an `hmac` describes.
fn configured(spec: &Spec) -> Result<Layout<'_>, Invalid> {
    let header = spec.header.as_deref().ok_or_else(|| Invalid::at("/header", "name the header that holds the signature"))?;
    let time = spec.timestamp_header.as_deref().map(TimeAt::Header);
    if time.is_none() && spec.tolerance.is_some() {
        return Err(Invalid::at(
            "/tolerance",
            "without a `timestamp_header` there is no time to compare; name it, or remove this",
        ));
    }
    Ok(Layout {
        algorithm: spec.algorithm.unwrap_or(PLAIN.algorithm),
        encoding: spec.encoding.unwrap_or(PLAIN.encoding),
        header,
        prefix: spec.prefix.as_deref().unwrap_or(PLAIN.prefix),
        time,
        id_header: spec.id_header.as_deref(),
        signed: spec.signed.as_deref().unwrap_or(PLAIN.signed),
        tolerance_ms: spec.tolerance.map_or(PLAIN.tolerance_ms, |tolerance| tolerance.ms),
        ..PLAIN
    })
}

fn signature(spec: &Spec, layout: Layout<'_>) -> Result<Signature, Invalid> {
    let signed = Template::parse(layout.signed).map_err(|message| Invalid::at("/signed", message))?;
    signs_what_it_names(spec, layout, &signed)?;
    if spec.signed.is_some() {
        reads_one_way(spec, &signed)?;
    }
    let time = layout.time.map(|at| signed_time(at, layout.tolerance_ms)).transpose()?;
    Ok(Signature {
        algorithm: layout.algorithm,
        encoding: layout.encoding,
        header: header_name(layout.header, "/header")?,
        separator: layout.separator,
        prefix: layout.prefix.to_owned(),
        time,
        id_header: layout.id_header.map(|name| header_name(name, "/id_header")).transpose()?,
        signed,
        url: spec.url.clone(),
        keys: keys(spec, layout.key)?,
    })
}

/// What is named must be signed, or a forger could choose it; what is signed must be named, or nobody could check it.
fn signs_what_it_names(spec: &Spec, layout: Layout<'_>, signed: &Template) -> Result<(), Invalid> {
    let pairs = [
        (Slot::Timestamp, layout.time.is_some(), "timestamp_header", "{timestamp}"),
        (Slot::Id, layout.id_header.is_some(), "id_header", "{id}"),
    ];
    for (slot, named, field, text) in pairs {
        match (named, signed.has(slot)) {
            (true, false) => {
                return Err(Invalid::at(format!("/{field}"), format!("`signed` has no `{text}`: add it, or remove this")));
            }
            (false, true) => return Err(Invalid::at("/signed", format!("`{text}` needs a `{field}`; name the header"))),
            _ => {}
        }
    }
    if spec.url.is_some() && !signed.has(Slot::Url) {
        return Err(Invalid::at("/url", "`signed` has no `{url}`: add it, or remove this"));
    }
    Ok(())
}

/// Of two readings of the same signed bytes, a forger sends the other. So what the sender chooses has an end that can be told; the
/// schemes of providers are as they are, and `square` has a check of its own.
fn reads_one_way(spec: &Spec, signed: &Template) -> Result<(), Invalid> {
    let refuse = |message: &str| Err(Invalid::at("/signed", message));
    let seen_url = signed.text_after(Slot::Url).filter(|_| spec.url.is_none());
    if signed.text_after(Slot::Id) == Some("") {
        return refuse("put text behind `{id}`, as in `{id}.{body}`: else bytes of what follows could pass for the id's");
    }
    if seen_url.is_some_and(|end| !end.contains(NOT_IN_A_URL)) {
        return refuse("name the `url` that the sender signs, or put text behind `{url}` that no URL holds, such as `|`");
    }
    if (signed.has(Slot::Id) || seen_url.is_some()) && !signed.ends_with_body() {
        return refuse("put `{body}` last: it may hold anything, so its bytes could pass for those of what follows");
    }
    Ok(())
}

/// What RFC 3986 keeps out of every part of a URL.
const NOT_IN_A_URL: [char; 11] = [' ', '\t', '\n', '"', '<', '>', '\\', '^', '`', '|', '\r'];

fn signed_time(at: TimeAt<'_>, tolerance_ms: u64) -> Result<SignedTime, Invalid> {
    let place = match at {
        TimeAt::Header(name) => TimePlace::Header(header_name(name, "/timestamp_header")?),
        TimeAt::Entry(prefix) => TimePlace::Entry(prefix.to_owned()),
    };
    Ok(SignedTime { place, tolerance_ms })
}

fn header_name(name: &str, pointer: &str) -> Result<HeaderName, Invalid> {
    name.parse().map_err(|_| Invalid::at(pointer, format!("`{name}` is not the name of a header")))
}

/// The keys of a scheme that needs at least one.
fn keys(spec: &Spec, form: KeyForm) -> Result<Vec<Key>, Invalid> {
    let secrets = secrets(spec);
    if secrets.is_empty() {
        return Err(Invalid::at(
            "/secret",
            format!("the scheme `{}` needs a secret, the one that the provider has", spec.scheme),
        ));
    }
    if secrets.len() > SECRETS_MAX {
        return Err(Invalid::at("/secrets", format!("more than {SECRETS_MAX} secrets; remove those no longer in use")));
    }
    secrets.into_iter().map(|(pointer, secret)| Key::of(secret, form, &pointer)).collect()
}

/// All secrets, each with its pointer.
fn secrets(spec: &Spec) -> Vec<(String, &Secret)> {
    let several = spec.secrets.iter().enumerate().map(|(index, secret)| (format!("/secrets/{index}"), secret));
    spec.secret.iter().map(|secret| ("/secret".to_owned(), secret)).chain(several).collect()
}
