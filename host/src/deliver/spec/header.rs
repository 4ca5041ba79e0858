//! The headers that a destination is sent with each message.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};

use crate::{
    deliver::{header::HeaderText, template::Template},
    event::{Invalid, Secret, is_host_owned},
};

const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 4096;

/// Each a header that HTTP can carry and that is not the host's, none twice.
pub(super) fn refine(headers: &BTreeMap<String, Secret>) -> Result<Vec<(HeaderName, HeaderText)>, Invalid> {
    if headers.len() > HEADERS_MAX {
        return Err(Invalid::at("/headers", format!("at most {HEADERS_MAX} headers, not {}", headers.len())));
    }
    let mut refined: Vec<(HeaderName, HeaderText)> = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let (parsed, value) = refine_header(name, value)?;
        if refined.iter().any(|(other, _)| *other == parsed) {
            return Err(Invalid::at(header_pointer(name), format!("`{parsed}` is there twice, in other letters; keep one")));
        }
        refined.push((parsed, value));
    }
    Ok(refined)
}

fn refine_header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderText), Invalid> {
    let refused = |message: String| Invalid::at(header_pointer(name), message);
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused(format!("`{name}` is not a header's name")))?;
    if parsed.as_str() != "user-agent" && is_host_owned(parsed.as_str()) {
        return Err(refused(format!("`{parsed}` is set by Sluicebox itself; remove it")));
    }
    if value.expose().len() > HEADER_BYTES_MAX {
        return Err(refused(format!("a header's value has at most {HEADER_BYTES_MAX} bytes")));
    }
    let text = value.expose();
    let not_a_value = || refused("a header's value is visible ASCII, spaces and tabs, on one line".to_owned());
    // What came by a reference is a secret as it stands, whatever braces it has.
    if value.reference.is_some() || !text.contains('{') {
        return Ok((parsed, HeaderText::Fixed(fixed(text).ok_or_else(not_a_value)?)));
    }
    fixed(text).ok_or_else(not_a_value)?;
    // Which slot is wrong is not said: it may be a part of a secret.
    let template = Template::parse(text).map_err(|_| {
        refused("braces stand around `id`, `event`, `source`, `type`, `subject`, `time`, `headers.NAME` or `data.PATH`; a value with \
                 braces of its own is given by a reference, `${NAME}` or `file:`".to_owned())
    })?;
    Ok((parsed, HeaderText::Filled(template)))
}

/// A value that HTTP can carry.
pub(super) fn fixed(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn header_pointer(name: &str) -> String {
    format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"))
}
