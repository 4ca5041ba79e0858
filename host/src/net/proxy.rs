//! The proxy of the operator's choice, as it is written in settings.

use std::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderValue, Uri, uri::Scheme};

/// An HTTP proxy that deliveries are tunnelled through. Nothing in the environment (`HTTPS_PROXY` and the like) makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// `http`, with a host, without a user name.
    pub(super) url: Uri,
    /// For `proxy-authorization`; sensitive.
    pub(super) authorization: Option<HeaderValue>,
}

/// Why a text is no proxy. It does not repeat the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a proxy is written as `http://host:port` or `http://user:password@host:port`")]
pub struct ProxyError;

impl FromStr for Proxy {
    type Err = ProxyError;

    fn from_str(text: &str) -> Result<Self, ProxyError> {
        let url: Uri = text.parse().map_err(|_| ProxyError)?;
        let authority = url.authority().ok_or(ProxyError)?;
        let pathless = matches!(url.path_and_query().map(|path| path.as_str()), None | Some("/"));
        if url.scheme() != Some(&Scheme::HTTP) || authority.host().is_empty() || !pathless {
            return Err(ProxyError);
        }
        let (user, host) = match authority.as_str().rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority.as_str()),
        };
        let url = format!("http://{host}").parse().map_err(|_| ProxyError)?;
        Ok(Self { url, authorization: user.map(basic).transpose()? })
    }
}

/// Credentials as they stand before the `@`, as a value of `proxy-authorization` (RFC 7617).
fn basic(user_and_password: &str) -> Result<HeaderValue, ProxyError> {
    let decoded = percent_decoded(user_and_password).ok_or(ProxyError)?;
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(decoded))).map_err(|_| ProxyError)?;
    value.set_sensitive(true);
    Ok(value)
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                hex::decode(digits).ok()?.pop()?
            }
            other => other,
        });
    }
    Some(decoded)
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy").field("url", &self.url).field("authorization", &self.authorization.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_with_or_without_credentials() {
        let plain: Proxy = "http://proxy.example:3128".parse().expect("a proxy");
        assert_eq!((plain.url.to_string().as_str(), plain.authorization), ("http://proxy.example:3128/", None));
        let known: Proxy = "http://me:p%40ss@10.0.0.1:3128/".parse().expect("a proxy");
        assert_eq!(known.url.to_string(), "http://10.0.0.1:3128/");
        // me:p@ss
        assert_eq!(known.authorization.expect("credentials"), "Basic bWU6cEBzcw==");
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_no_password_shown() {
        for bad in ["", "proxy:3128", "https://proxy:3128", "socks5://proxy:1080", "http://proxy/path", "http://a:%zz@proxy"] {
            assert_eq!(bad.parse::<Proxy>(), Err(ProxyError), "{bad}");
        }
        let known: Proxy = "http://me:geheim@proxy:3128".parse().expect("a proxy");
        assert!(!format!("{known:?}").contains("geheim") && !format!("{known:?}").contains("Basic"));
    }
}
