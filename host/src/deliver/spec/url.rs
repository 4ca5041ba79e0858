//! Where a destination is.

use http::Uri;

use crate::{
    deliver::{target::Target, template::Template},
    event::{Invalid, Piece, pieces},
    net,
};

const URL_BYTES_MAX: usize = 2048;

/// An absolute URL of http or https, with nothing in it that would not be sent as it reads; its path and query may have slots.
pub(in crate::deliver) fn refine(text: &str) -> Result<Target, Invalid> {
    if text.len() > URL_BYTES_MAX {
        return Err(refused(format!("a URL has at most {URL_BYTES_MAX} bytes")));
    }
    let has_slots = Template::parse(text).map_err(refused)?.has_slots();
    if has_slots { filled(text) } else { fixed(text).map(Target::Fixed) }
}

fn filled(text: &str) -> Result<Target, Invalid> {
    let begin = text.find("://").map_or(0, |at| at + "://".len());
    let (origin, rest) = text.split_at(text[begin..].find(['/', '?']).map_or(text.len(), |at| begin + at));
    if origin.contains('{') {
        return Err(refused("slots stand in the path and the query only: what comes in must not choose whom it is sent to"));
    }
    // What the slots cannot change is checked with something in their place.
    let example: String =
        pieces(rest).map_err(refused)?.into_iter().map(|piece| if let Piece::Text(text) = piece { text } else { "x" }).collect();
    let origin = fixed(&format!("{origin}{example}"))?;
    if origin.path().split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(refused("a URL with slots has no `.` or `..` in its path; write the path that they lead to"));
    }
    let template = |text| Template::parse(text).map_err(refused);
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    Ok(Target::Filled { origin, path: template(path)?, query: query.map(template).transpose()? })
}

/// A URL without slots, of a destination or of what belongs to it.
pub(super) fn fixed(text: &str) -> Result<Uri, Invalid> {
    // Asked first, since `Uri` drops a fragment without a word.
    if text.contains('#') {
        return Err(refused("a URL to send to has no fragment; remove `#` and what follows, or write it `%23`"));
    }
    let url: Uri = text
        .parse()
        .map_err(|_| refused("this is no URL; write it as in \"https://example.com/hooks\", other than ASCII percent-encoded"))?;
    if !matches!(url.scheme_str(), Some("http" | "https")) {
        return Err(refused("a URL begins with `https://` or `http://`"));
    }
    net::check_url(&url).map_err(|error| refused(error.to_string()))?;
    Ok(url)
}

fn refused(message: impl Into<String>) -> Invalid {
    Invalid::at("/url", message)
}

#[cfg(test)]
mod tests {
    use super::refine;

    #[test]
    fn a_url_is_http_with_a_host_and_nothing_hidden() {
        for bad in [
            "",
            "example.com",
            "/hooks",
            "ftp://example.com/",
            "https://",
            "https:///x",
            "https://example.com/#part",
            "https://user:word@example.com/",
            "https://user@example.com/",
            "https://example.com:0/",
            "https://example.com:99999/",
            "https://example.com:/",
            "https://exa mple.com/",
            "https://exämple.com/",
            "http://0x7f.0.0.1/",
            "http://[fe80::1%25eth0]/",
            "https://{data.host}/",
            "https://example.com:{data.port}/",
            "{data.scheme}://example.com/",
            "https://example.com{data.more}",
            "https://example.com/{data.x",
            "https://example.com/{x}",
            "https://example.com/a/../{id}",
            "https://example.com/{id}#x",
        ] {
            assert_eq!(refine(bad).expect_err(bad).pointer, "/url");
        }
        for good in [
            "http://example.com",
            "https://example.com:8443/a?b=c",
            "http://[::1]:8080/",
            "http://127.0.0.1/",
            "https://a/{id}?b={data.c}",
        ] {
            refine(good).expect(good);
        }
    }
}
