//! One value as a person writes it on a command line, in the environment, or in quotes in the file.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf};

use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use crate::{
    hub::nearest,
    ingest::ForwardedHeader,
    net::Proxy,
    observe::{Ratio, Sampler, SamplerError},
};

/// A value that is one word.
pub(super) trait Word: Sized {
    /// From the word.
    ///
    /// # Errors
    ///
    /// What to write instead; a secret is not repeated.
    fn read(word: &str) -> Result<Self, String>;

    /// As it is written.
    fn show(&self) -> String;
}

impl Word for String {
    fn read(word: &str) -> Result<Self, String> {
        Ok(word.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Word for PathBuf {
    fn read(word: &str) -> Result<Self, String> {
        if word.is_empty() { Err("write a path".to_owned()) } else { Ok(Self::from(word)) }
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Word for SocketAddr {
    fn read(word: &str) -> Result<Self, String> {
        word.parse().map_err(|_| format!("`{word}` is no address with a port; write it as in 127.0.0.1:8484 or [::1]:8484"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Word for IpNet {
    fn read(word: &str) -> Result<Self, String> {
        word.parse().map_err(|_| format!("`{word}` is no network; write it as in 10.0.0.0/8 or 2001:db8::/32"))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Word for Proxy {
    fn read(word: &str) -> Result<Self, String> {
        word.parse().map_err(|error: crate::net::ProxyError| error.to_string())
    }

    /// It may hold a password.
    fn show(&self) -> String {
        super::HIDDEN.to_owned()
    }
}

impl Word for ForwardedHeader {
    fn read(word: &str) -> Result<Self, String> {
        word.parse().map_err(str::to_owned)
    }

    fn show(&self) -> String {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
        .to_owned()
    }
}

/// `443` or `9000-9100`.
impl Word for RangeInclusive<u16> {
    fn read(word: &str) -> Result<Self, String> {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        match (first.parse(), last.parse()) {
            (Ok(first @ 1..), Ok(last)) if first <= last => Ok(first..=last),
            _ => Err("write a port from 1 to 65535, or two with `-` between them, the smaller first".to_owned()),
        }
    }

    fn show(&self) -> String {
        if self.start() == self.end() { self.start().to_string() } else { format!("{}-{}", self.start(), self.end()) }
    }
}

impl Word for bool {
    fn read(word: &str) -> Result<Self, String> {
        match word {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(format!("`{word}` is neither; write on or off")),
        }
    }

    fn show(&self) -> String {
        if *self { "on" } else { "off" }.to_owned()
    }
}

impl Word for Sampler {
    fn read(word: &str) -> Result<Self, String> {
        word.parse().map_err(|error: SamplerError| error.to_string())
    }

    fn show(&self) -> String {
        self.name().to_owned()
    }
}

impl Word for Ratio {
    fn read(word: &str) -> Result<Self, String> {
        word.parse().map_err(|error: SamplerError| error.to_string())
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// How lines of the log are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

impl Word for LogFormat {
    fn read(word: &str) -> Result<Self, String> {
        match word {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("`{word}` is no format; write text or json")),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
        .to_owned()
    }
}

/// What is logged: a filter of `tracing`, which was parsed once to see that it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// All that is worth telling, and nothing of what is only looked for.
    #[must_use]
    pub fn info() -> Self {
        Self("info".to_owned())
    }

    /// As `tracing` takes it.
    #[must_use]
    pub fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

/// As `tracing` names them.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A level, in whatever case, or all of this program.
fn is_known(word: &str) -> bool {
    word == "sluicebox" || LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word))
}

impl Word for LogFilter {
    fn read(word: &str) -> Result<Self, String> {
        let told = |error| format!("`{word}` is no filter ({error}); write a level, or as in `info,sluicebox::deliver=debug`");
        EnvFilter::try_new(word).map_err(told)?;
        // A word alone is a level, or what `tracing` takes for the name of a target, of which there is none: nothing at all would be logged.
        let alone =
            word.split(',').map(str::trim).find(|one| one.bytes().all(|byte| byte.is_ascii_alphabetic()) && !is_known(one));
        match alone.filter(|one| !one.is_empty()) {
            Some(one) => {
                let meant = nearest(&one.to_lowercase(), LEVELS).map(|level| format!("; `{level}`?")).unwrap_or_default();
                Err(format!("`{one}` is no level (there are {}){meant}", LEVELS.join(", ")))
            }
            None => Ok(Self(word.to_owned())),
        }
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_one_or_a_range() {
        let read = <RangeInclusive<u16> as Word>::read;
        assert_eq!((read("443"), read("9000-9100")), (Ok(443..=443), Ok(9000..=9100)));
        for bad in ["", "0", "65536", "9100-9000", "80-", "web"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_filter_is_parsed_when_it_is_given() {
        assert!(LogFilter::read("info,sluicebox::deliver=debug").is_ok());
        assert!(LogFilter::read("sluicebox").is_ok() && LogFilter::read("INFO").is_ok());
        assert!(LogFilter::read("inof").expect_err("no level").contains("`info`?"));
        assert!(LogFilter::read("info,loud").expect_err("no level").contains("`loud` is no level"));
        assert!(LogFilter::read("sluicebox=loud").expect_err("no level").contains("write a level"));
    }

    #[test]
    fn a_password_is_not_shown() {
        let proxy = <Proxy as Word>::read("http://me:geheim@proxy:3128").expect("a proxy");
        assert!(!proxy.show().contains("geheim"));
        assert!(!<Proxy as Word>::read("ftp://me:geheim@proxy").expect_err("no proxy").contains("geheim"));
    }
}
