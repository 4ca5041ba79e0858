//! From what the hub file says to a scheme that can be asked: every name known, every secret a key, nothing left unused.

mod jwt;
mod keys;
mod layout;
mod rules;

use http::HeaderName;

use super::{
    Proof, Scheme, Spec,
    half::Half,
    handshake::Handshake,
    key::{Key, KeyForm},
    place::{Place, header_name},
    table::{Layout, Method, Row, Shown, schemes},
    token::{Token, Wrapping},
};
use crate::event::{Invalid, Name};

/// The most headers that a source may name as credentials.
const CREDENTIAL_HEADERS_MAX: usize = 16;

/// Headers that carry credentials whatever the scheme: a proxy's, a browser's, and what authenticating proxies add.
const CREDENTIAL_HEADERS: [HeaderName; 8] = [
    http::header::AUTHORIZATION,
    http::header::PROXY_AUTHORIZATION,
    http::header::COOKIE,
    HeaderName::from_static("cf-access-jwt-assertion"),
    HeaderName::from_static("x-amzn-oidc-accesstoken"),
    HeaderName::from_static("x-amzn-oidc-data"),
    HeaderName::from_static("x-goog-iap-jwt-assertion"),
    HeaderName::from_static("x-ms-token-aad-access-token"),
];

/// What every scheme takes.
const OF_ALL: &str = "credential_headers";

/// Checks the spec.
pub(super) fn refine(spec: &Spec) -> Result<Scheme, Invalid> {
    let row = row(&spec.scheme)?;
    refuse_foreign_settings(spec, row)?;
    let mut credential_headers = CREDENTIAL_HEADERS.to_vec();
    credential_headers.extend(named_credentials(spec)?);
    let proof = match row.method {
        Method::Nothing => nothing(spec)?,
        Method::Signature(layout) => signature(spec, layout)?,
        Method::Configured => signature(spec, layout::configured(spec)?)?,
        Method::Token(shown) => Proof::Token(token(spec, shown)?),
        Method::Either(shown, layout) => {
            // Whichever of the two is in use, the provider may show the secret of the other.
            credential_headers.extend(Place::of(shown.place, None, "/header")?.header().cloned());
            if keys::are_signing(spec)? { signature(spec, layout)? } else { Proof::Token(token(spec, shown)?) }
        }
        Method::Jwt => Proof::Jwt(Box::new(jwt::refine(spec)?)),
        Method::Plugin => Proof::Plugin(plugin(spec)?),
    };
    let shown = match &proof {
        Proof::Token(token) => Some(&token.place),
        Proof::Jwt(jwt) => Some(&jwt.place),
        _ => None,
    };
    credential_headers.extend(shown.and_then(Place::header).cloned());
    let handshake = handshake(spec, row, &proof)?;
    Ok(Scheme { proof, handshake, credential_headers })
}

fn signature(spec: &Spec, layout: Layout<'_>) -> Result<Proof, Invalid> {
    Ok(Proof::Signature(Box::new(layout::signature(spec, layout)?)))
}

fn handshake(spec: &Spec, row: &Row, proof: &Proof) -> Result<Option<Handshake>, Invalid> {
    let token = spec.verify_token.as_ref().map(|word| Key::of(word.expose(), KeyForm::Text, "/verify_token")).transpose()?;
    let Some(name) = spec.handshake.as_deref().or(row.handshake) else {
        return match token {
            None => Ok(None),
            Some(_) => Err(Invalid::at("/verify_token", "only a `handshake` looks at this; name it, as in handshake = \"meta\"")),
        };
    };
    let key = match proof {
        Proof::Signature(signature) => signature.versions.iter().flat_map(|version| &version.keys).find_map(|key| match key {
            Half::Shared(key) => Some(key),
            Half::Public(_) => None,
        }),
        _ => None,
    };
    Handshake::of(name, token, key).map(Some)
}

fn row(name: &str) -> Result<&'static Row, Invalid> {
    schemes().find(|row| row.name == name).ok_or_else(|| {
        let nearness = |known: &str| strsim::jaro_winkler(name, known);
        let nearest = schemes().map(|row| row.name).max_by(|a, b| nearness(a).total_cmp(&nearness(b))).unwrap_or_default();
        let all: Vec<_> = schemes().map(|row| row.name).collect();
        Invalid::at("/scheme", format!("`{name}` is not a scheme; the nearest is `{nearest}`, of {}", all.join(", ")))
    })
}

/// A setting that its scheme does not look at would be believed to work.
fn refuse_foreign_settings(spec: &Spec, row: &Row) -> Result<(), Invalid> {
    match spec.settings().into_iter().find(|(field, given)| *given && *field != OF_ALL && !row.settings.contains(field)) {
        None => Ok(()),
        Some((field, _)) => {
            Err(Invalid::at(format!("/{field}"), format!("the scheme `{}` does not take `{field}`; remove it", row.name)))
        }
    }
}

fn nothing(spec: &Spec) -> Result<Proof, Invalid> {
    match keys::given(spec).first() {
        None => Ok(Proof::Nothing),
        Some(key) => Err(Invalid::at(&key.pointer, "the scheme `none` looks at no secret; remove it, or name another scheme")),
    }
}

fn plugin(spec: &Spec) -> Result<Name, Invalid> {
    if let Some(key) = keys::given(spec).first() {
        let message = "a plugin's secrets are granted to it: move this to `grants.secrets` of the plugin (see docs/plugins.md)";
        return Err(Invalid::at(&key.pointer, message));
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

fn token(spec: &Spec, shown: Shown) -> Result<Token, Invalid> {
    let (at, pointer) = layout::place(spec)?.unwrap_or((shown.place, "/header"));
    let mut expected = keys::secrets(spec, KeyForm::Text)?;
    if shown.wrapping == Wrapping::Basic {
        let user = username(spec)?;
        expected = expected.iter().map(|password| Key::new([user.as_bytes(), b":", password.expose()].concat())).collect();
    }
    Ok(Token { place: Place::of(at, None, pointer)?, wrapping: shown.wrapping, expected })
}

fn username(spec: &Spec) -> Result<&str, Invalid> {
    match spec.username.as_deref() {
        None => Err(Invalid::at("/username", "the scheme `basic` needs a `username`; the secret is the password")),
        Some(user) if user.contains(':') => Err(Invalid::at("/username", "a user's name has no colon (RFC 7617)")),
        Some(user) => Ok(user),
    }
}
