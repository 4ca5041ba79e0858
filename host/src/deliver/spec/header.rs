//! The headers that a destination is sent with each message.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};

use crate::event::{Invalid, Secret, is_host_owned};

const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 4096;

/// Each a header that HTTP can carry and that is not the host's, none twice.
pub(super) fn refine(headers: &BTreeMap<String, Secret>) -> Result<Vec<(HeaderName, HeaderValue)>, Invalid> {
    if headers.len() > HEADERS_MAX {
        return Err(Invalid::at("/headers", format!("at most {HEADERS_MAX} headers, not {}", headers.len())));
    }
    let mut refined: Vec<(HeaderName, HeaderValue)> = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let (parsed, value) = refine_header(name, value)?;
        if refined.iter().any(|(other, _)| *other == parsed) {
            return Err(Invalid::at(header_pointer(name), format!("`{parsed}` is there twice, in other letters; keep one")));
        }
        refined.push((parsed, value));
    }
    Ok(refined)
}

fn refine_header(name: &str, value: &Secret) -> Result<(HeaderName, HeaderValue), Invalid> {
    let refused = |message: String| Invalid::at(header_pointer(name), message);
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused(format!("`{name}` is not a header's name")))?;
    if parsed.as_str() != "user-agent" && is_host_owned(parsed.as_str()) {
        return Err(refused(format!("`{parsed}` is set by Sluicebox itself; remove it")));
    }
    if value.expose().len() > HEADER_BYTES_MAX {
        return Err(refused(format!("a header's value has at most {HEADER_BYTES_MAX} bytes")));
    }
    let mut value = HeaderValue::from_str(value.expose())
        .map_err(|_| refused("a header's value is visible ASCII, spaces and tabs, on one line".to_owned()))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

fn header_pointer(name: &str) -> String {
    format!("/headers/{}", name.replace('~', "~0").replace('/', "~1"))
}
