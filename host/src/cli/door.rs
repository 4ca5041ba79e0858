//! The flags of `sluicebox serve` for what comes in: limits, TLS, proxies.

use std::path::PathBuf;

use anyhow::ensure;
use ipnet::IpNet;

use crate::ingest::{CertificateFiles, ForwardedHeader, Options};

/// What senders may keep open and for how long, and whose word on a sender is taken.
#[derive(Debug, clap::Args)]
pub(super) struct Door {
    /// Connections held at once.
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().connections_max)]
    connections_max: usize,
    /// Connections held at once from one address (of IPv6, from one /64); those of `--trusted-proxies` are not counted.
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().connections_per_address_max)]
    connections_per_address_max: usize,
    /// How long a connection may take to send its first byte, the TLS handshake included.
    #[arg(long, value_name = "MS", default_value_t = Options::default().first_byte_timeout_ms)]
    first_byte_timeout_ms: u64,
    /// How long the headers of a request may take, from their first byte.
    #[arg(long, value_name = "MS", default_value_t = Options::default().header_timeout_ms)]
    header_timeout_ms: u64,
    /// How long a connection may be without a request.
    #[arg(long, value_name = "MS", default_value_t = Options::default().idle_timeout_ms)]
    idle_timeout_ms: u64,
    /// How long a body may take.
    #[arg(long, value_name = "MS", default_value_t = Options::default().body_timeout_ms)]
    body_timeout_ms: u64,
    /// How long a body may be slower than `--body-bytes-per-second-min`.
    #[arg(long, value_name = "MS", default_value_t = Options::default().body_grace_ms)]
    body_grace_ms: u64,
    /// What a body has to come to on average after `--body-grace-ms`; 0: any.
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().body_bytes_per_second_min)]
    body_bytes_per_second_min: u64,
    /// How long a request may take, from the end of its headers to its answer.
    #[arg(long, value_name = "MS", default_value_t = Options::default().request_timeout_ms)]
    request_timeout_ms: u64,
    /// The size of all headers of a request.
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().header_bytes_max)]
    header_bytes_max: usize,
    /// The bodies of all requests that are not stored yet.
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().body_bytes_in_flight_max)]
    body_bytes_in_flight_max: usize,
    /// A compressed body may come to so many times its size.
    #[arg(long, value_name = "TIMES", default_value_t = Options::default().decode_ratio_max)]
    decode_ratio_max: usize,
    /// Requests that wait for the journal at once.
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().append_backlog_max)]
    append_backlog_max: usize,
    /// Requests under way at once on one HTTP/2 connection.
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().http2_streams_max)]
    http2_streams_max: u32,
    /// Requests that one HTTP/2 connection may call off, where they are more than half of its requests.
    #[arg(long, value_name = "COUNT", default_value_t = Options::default().http2_resets_max)]
    http2_resets_max: u32,
    /// A certificate in PEM, followed by those that lead to its root: with it TLS is spoken, and nothing else. May be given several times,
    /// each with its key; by the name that a client asks for, or else the first is shown. Read again when it changes.
    #[arg(long, env = "SLUICEBOX_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Vec<PathBuf>,
    /// The key of the certificate, in PEM.
    #[arg(long, env = "SLUICEBOX_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Vec<PathBuf>,
    /// Networks, as in 10.0.0.0/8,10.1.2.3/32, whose connections begin with a header of the PROXY protocol (version 1 or 2), and have to.
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    proxy_protocol_from: Vec<IpNet>,
    /// Networks, as in 10.0.0.0/8,10.1.2.3/32, of proxies whose word is taken for who sent a request.
    #[arg(long, value_name = "NETWORKS", value_delimiter = ',')]
    trusted_proxies: Vec<IpNet>,
    /// The header in which they say it: `x-forwarded-for` or `forwarded`. The other one is not looked at.
    #[arg(long, value_name = "HEADER", default_value = "x-forwarded-for")]
    forwarded_header: ForwardedHeader,
}

impl Door {
    /// Sets what the flags say.
    pub(super) fn set(self, options: &mut Options) -> anyhow::Result<()> {
        let (certificates, keys) = (self.tls_cert.len(), self.tls_key.len());
        ensure!(
            certificates == keys,
            "give each --tls-cert its --tls-key: there are {certificates} certificates and {keys} keys"
        );
        let files = self.tls_cert.into_iter().zip(self.tls_key);
        *options = Options {
            connections_max: self.connections_max,
            connections_per_address_max: self.connections_per_address_max,
            first_byte_timeout_ms: self.first_byte_timeout_ms,
            header_timeout_ms: self.header_timeout_ms,
            idle_timeout_ms: self.idle_timeout_ms,
            body_timeout_ms: self.body_timeout_ms,
            body_grace_ms: self.body_grace_ms,
            body_bytes_per_second_min: self.body_bytes_per_second_min,
            request_timeout_ms: self.request_timeout_ms,
            header_bytes_max: self.header_bytes_max,
            body_bytes_in_flight_max: self.body_bytes_in_flight_max,
            decode_ratio_max: self.decode_ratio_max,
            append_backlog_max: self.append_backlog_max,
            http2_streams_max: self.http2_streams_max,
            http2_resets_max: self.http2_resets_max,
            tls: files.map(|(certificate, key)| CertificateFiles { certificate, key }).collect(),
            proxy_protocol_from: self.proxy_protocol_from,
            trusted_proxies: self.trusted_proxies,
            forwarded_header: self.forwarded_header,
            ..options.clone()
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        door: Door,
    }

    fn set(arguments: &[&str]) -> anyhow::Result<Options> {
        let mut options = Options::default();
        Line::try_parse_from([&["serve"], arguments].concat())?.door.set(&mut options)?;
        Ok(options)
    }

    #[test]
    fn without_settings_the_defaults_are_those_of_the_part() {
        assert_eq!(format!("{:?}", set(&[]).expect("good")), format!("{:?}", Options::default()));
    }

    #[test]
    fn networks_are_a_list() {
        let options = set(&["--trusted-proxies", "10.0.0.0/8,2001:db8::/32", "--forwarded-header", "forwarded"]).expect("good");
        assert_eq!((options.trusted_proxies.len(), options.forwarded_header), (2, ForwardedHeader::Forwarded));
        let wrong = |arguments: &[&str]| set(arguments).expect_err("refused").to_string();
        assert!(wrong(&["--forwarded-header", "via"]).contains("write x-forwarded-for or forwarded"));
    }

    #[test]
    fn each_certificate_has_its_key() {
        let pair = ["--tls-cert", "a.pem", "--tls-key", "a.key"];
        assert_eq!(set(&pair).expect("good").tls.len(), 1);
        assert!(set(&pair[..2]).is_err());
        let more = [&pair[..], &["--tls-cert", "b.pem"]].concat();
        let told = set(&more).expect_err("refused").to_string();
        assert!(told.contains("2 certificates and 1 keys"), "{told}");
    }
}
