//! The URL that a sender signed, as far as we can tell: with and without the port that its scheme has anyway.

/// The ways to write this URL that mean the same: as it is, and with or without its default port.
pub(super) fn readings(url: &str) -> Vec<String> {
    [Some(url.to_owned()), other_reading(url)].into_iter().flatten().collect()
}

fn other_reading(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let has_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
    match authority.strip_suffix(port) {
        Some(bare) => Some(format!("{scheme}://{bare}{path}")),
        None if has_port => None,
        None => Some(format!("{scheme}://{authority}{port}{path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_port_may_be_left_out() {
        let other = |url: &str| readings(url).get(1).cloned();
        assert_eq!(other("https://a.example/x?y=:443").as_deref(), Some("https://a.example:443/x?y=:443"));
        assert_eq!(other("https://a.example:443/x").as_deref(), Some("https://a.example/x"));
        assert_eq!(other("http://a.example").as_deref(), Some("http://a.example:80"));
        assert_eq!(other("https://u:p@[::1]?x").as_deref(), Some("https://u:p@[::1]:443?x"));
        for only in ["https://a.example:8443/x", "http://a.example:443/x", "https://[::1]:8443/", "ftp://a", "x", ""] {
            assert_eq!(readings(only), [only], "{only}");
        }
    }
}
