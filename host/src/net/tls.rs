//! How TLS is spoken: TLS 1.2 and 1.3 by ring, trusting Mozilla's roots as compiled in, so that a machine without a certificate store
//! behaves like any other. Handed to each client; no process-wide provider is installed, since two hosts may share a process.

use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{ClientConfig, crypto::ring};

/// The settings of a TLS client, without ALPN, which each client sets for itself.
pub(super) fn client_config() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
        .with_webpki_roots()
        .with_no_client_auth()
}
