//! Where a destination is.

use http::Uri;

use crate::{event::Invalid, net};

const URL_BYTES_MAX: usize = 2048;

/// An absolute URL of http or https, with nothing in it that would not be sent as it reads.
pub(super) fn refine(text: &str) -> Result<Uri, Invalid> {
    let refused = |message: &str| Invalid::at("/url", message);
    if text.len() > URL_BYTES_MAX {
        return Err(refused(&format!("a URL has at most {URL_BYTES_MAX} bytes")));
    }
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
    net::check_url(&url).map_err(|error| refused(&error.to_string()))?;
    Ok(url)
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
        ] {
            assert_eq!(refine(bad).expect_err(bad).pointer, "/url");
        }
        for good in ["http://example.com", "https://example.com:8443/a?b=c", "http://[::1]:8080/", "http://127.0.0.1/"] {
            refine(good).expect(good);
        }
    }
}
