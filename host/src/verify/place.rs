//! Where a request holds a signature, a time, an id or a challenge: a header, a field of the JSON body, a parameter of the query. What is
//! there has to stand exactly once, because of two the sender's proxy and we might believe different ones.

use std::{borrow::Cow, fmt};

use http::HeaderName;

use super::{
    Refusal, Request,
    json::{self, Found},
};
use crate::event::Invalid;

/// A place as text still to be checked.
#[derive(Clone, Copy, Debug)]
pub(super) enum PlaceAt<'a> {
    /// The value of this header.
    Header(&'a str),
    /// At this dotted path of the JSON body.
    Json(&'a str),
    /// This parameter of the query.
    Query(&'a str),
}

/// A checked place.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// A header; where it has another name too, either will do.
    Header { name: HeaderName, alias: Option<HeaderName> },
    /// Steps into the JSON body.
    Json(Vec<String>),
    /// A parameter of the query.
    Query(String),
}

impl Place {
    /// The place of this description; `alias` are the beginnings of headers that may stand for each other. `pointer` tells the field that an
    /// error is about.
    pub(super) fn of(at: PlaceAt<'_>, alias: Option<(&str, &str)>, pointer: &str) -> Result<Self, Invalid> {
        Ok(match at {
            PlaceAt::Header(text) => {
                let name = header_name(text, pointer)?;
                let other = alias.and_then(|(from, to)| Some(format!("{to}{}", name.as_str().strip_prefix(from)?)));
                Self::Header { alias: other.map(|other| header_name(&other, pointer)).transpose()?, name }
            }
            PlaceAt::Json(path) => {
                let steps: Vec<_> = path.strip_prefix("$.").unwrap_or(path).split('.').map(str::to_owned).collect();
                if steps.iter().any(String::is_empty) {
                    return Err(Invalid::at(pointer, "a path has a name between its dots, as in `signature.token`"));
                }
                Self::Json(steps)
            }
            PlaceAt::Query("") => return Err(Invalid::at(pointer, "name the parameter of the query")),
            PlaceAt::Query(name) => Self::Query(name.to_owned()),
        })
    }

    /// What stands there.
    pub(super) fn find<'a>(&self, request: Request<'a>) -> Result<Cow<'a, str>, Refusal> {
        self.look(request)?.ok_or_else(|| Refusal::missing(self))
    }

    /// What stands there, where there is something.
    pub(super) fn look<'a>(&self, request: Request<'a>) -> Result<Option<Cow<'a, str>>, Refusal> {
        match self {
            Self::Header { name, alias } => {
                let own = header(request.headers, name)?;
                let other = alias.as_ref().map_or(Ok(None), |alias| header(request.headers, alias))?;
                match (own, other) {
                    (Some(own), Some(other)) if own != other => Err(Refusal::repeated(self)),
                    (own, other) => own.or(other).map(|value| text(value, self)).transpose(),
                }
            }
            Self::Json(path) => match json::find(request.body, path) {
                Ok(Found::Text(text)) => Ok(Some(text.into())),
                Ok(Found::Nothing) => Ok(None),
                Ok(Found::Other) => Err(Refusal::malformed(format!("{self} is no text"))),
                Err(error) => Err(Refusal::malformed(format!("{self} cannot be read: {error}"))),
            },
            Self::Query(name) => {
                let mut values = parameters(request.url).filter(|(key, _)| key == name).map(|(_, value)| value);
                match (values.next(), values.next()) {
                    (value, None) => Ok(value),
                    _ => Err(Refusal::repeated(self)),
                }
            }
        }
    }

    /// The header, where it is one.
    pub(super) fn header(&self) -> Option<&HeaderName> {
        if let Self::Header { name, .. } = self { Some(name) } else { None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header { name, alias: None } => write!(f, "the header `{name}`"),
            Self::Header { name, alias: Some(alias) } => write!(f, "the header `{name}` (or `{alias}`)"),
            Self::Json(path) => write!(f, "`{}` of the JSON body", path.join(".")),
            Self::Query(name) => write!(f, "the query's `{name}`"),
        }
    }
}

/// The name of a header.
pub(super) fn header_name(name: &str, pointer: &str) -> Result<HeaderName, Invalid> {
    name.parse().map_err(|_| Invalid::at(pointer, format!("`{name}` is not the name of a header")))
}

/// The parameters of a URL's query, decoded.
pub(super) fn parameters(url: &str) -> form_urlencoded::Parse<'_> {
    form_urlencoded::parse(url.split_once('?').map_or("", |(_, query)| query).as_bytes())
}

/// The one value of a header.
fn header<'a>(headers: &'a http::HeaderMap, name: &HeaderName) -> Result<Option<&'a [u8]>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(http::HeaderValue::as_bytes)),
        _ => Err(Refusal::repeated(format!("the header `{name}`"))),
    }
}

fn text<'a>(value: &'a [u8], place: &Place) -> Result<Cow<'a, str>, Refusal> {
    std::str::from_utf8(value).map(Cow::Borrowed).map_err(|_| Refusal::malformed(format!("{place} is not text")))
}
