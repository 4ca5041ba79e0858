//! The client of the command line and of calls to URLs that the operator of this host chose.

use std::time::Duration;

pub use reqwest::{Client as SideClient, RequestBuilder as SideRequest, Response as SideResponse};

use super::tls;

/// Unless the call says otherwise with `RequestBuilder::timeout`.
const TIMEOUT_MS: u64 = 60_000;
const CONNECT_TIMEOUT_MS: u64 = 10_000;

/// The client of side calls, and of the command line: reqwest, without a proxy from the environment and without redirects, which
/// would carry the key along. It vets no address: a URL that came in with a hub file goes through [`super::Client`].
///
/// # Errors
///
/// None is expected; reqwest's builder can fail, and says why.
pub fn side_client() -> Result<SideClient, reqwest::Error> {
    SideClient::builder()
        .tls_backend_preconfigured(tls::client_config())
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_millis(CONNECT_TIMEOUT_MS))
        .timeout(Duration::from_millis(TIMEOUT_MS))
        .user_agent(concat!("Sluicebox/", env!("CARGO_PKG_VERSION")))
        .build()
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_needs_no_process_wide_provider() {
        super::side_client().expect("the TLS settings are the ones that reqwest knows");
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    }
}
