//! All settings as values: what the table's fields are paths into. Refined once into what a host is run with.

use std::{net::SocketAddr, path::PathBuf};

use super::{Config, LogFilter, LogFormat};
use crate::ingest::CertificateFiles;

/// A journal without any event has half of it.
const JOURNAL_BYTES_MIN: u64 = 1 << 20;

/// All settings.
#[derive(Clone)]
pub struct Settings {
    /// Those of the host's parts.
    pub config: Config,
    /// Those of the process.
    pub process: Process,
}

/// Settings that are of no one part, or are written otherwise than the part has them.
#[derive(Clone, Debug)]
pub struct Process {
    /// Holds everything that is kept.
    pub data: PathBuf,
    /// For senders, and for operators where they have no address of their own.
    pub listen: SocketAddr,
    /// For operators.
    pub admin_listen: Option<SocketAddr>,
    /// Where the main key is, unless the environment or the service manager has it.
    pub main_key_file: Option<PathBuf>,
    /// Where the one before it is.
    pub old_main_key_file: Option<PathBuf>,
    /// Of each flow.
    pub drain_seconds: u64,
    /// From being told to stop to the end of what comes in.
    pub shutdown_delay_seconds: u64,
    /// How to log.
    pub log_format: LogFormat,
    /// What to log.
    pub log: LogFilter,
    /// Each with the key at the same place.
    pub tls_cert: Vec<PathBuf>,
    /// Each with the certificate at the same place.
    pub tls_key: Vec<PathBuf>,
    /// 0: as many as the cores say, like the next two.
    pub plugin_workers: usize,
    /// Of plugins that verify.
    pub verify_workers: usize,
    /// Of one compilation.
    pub compile_threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        let process = Process {
            data: PathBuf::from("sluicebox-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 8484)),
            admin_listen: None,
            main_key_file: None,
            old_main_key_file: None,
            drain_seconds: Config::at("").drain_ms() / 1000,
            shutdown_delay_seconds: 0,
            log_format: LogFormat::Text,
            log: LogFilter::info(),
            tls_cert: Vec::new(),
            tls_key: Vec::new(),
            plugin_workers: 0,
            verify_workers: 0,
            compile_threads: 0,
        };
        Self { config: Config::at(&process.data), process }
    }
}

impl Settings {
    /// What does not go together, each with the setting that it is told at.
    pub(super) fn misfits(&self) -> Vec<(&'static str, String)> {
        let Self { config, process } = self;
        let mut misfits = Vec::new();
        let (certificates, keys) = (process.tls_cert.len(), process.tls_key.len());
        if certificates != keys {
            let at = if certificates > keys { "tls_cert" } else { "tls_key" };
            let told = format!("give each `tls_cert` its `tls_key`: there are {certificates} certificates and {keys} keys");
            misfits.push((at, told));
        }
        if config.journal.bytes_max.is_some_and(|bytes| bytes < JOURNAL_BYTES_MIN) {
            misfits.push(("journal_bytes_max", format!("too small; the least is {JOURNAL_BYTES_MIN}, and 0 for no limit")));
        }
        if process.admin_listen.is_some_and(|admin| admin == process.listen && admin.port() != 0) {
            let told = "this is what `listen` says too; give operators an address of their own, or leave this out";
            misfits.push(("admin_listen", told.to_owned()));
        }
        misfits
    }

    /// What a host is run with.
    #[must_use]
    pub fn refined(&self) -> Config {
        let Self { mut config, process } = self.clone();
        config.keep_in(process.data);
        config.set_drain_ms(process.drain_seconds * 1000);
        config.shutdown_delay_ms = process.shutdown_delay_seconds * 1000;
        let files = process.tls_cert.into_iter().zip(process.tls_key);
        config.ingest.tls = files.map(|(certificate, key)| CertificateFiles { certificate, key }).collect();
        let by_cores = |given: usize, cores: usize| if given == 0 { cores } else { given };
        config.plugin.workers = by_cores(process.plugin_workers, config.plugin.workers);
        config.plugin.verify_workers = by_cores(process.verify_workers, config.plugin.verify_workers);
        config.plugin.compile.threads = by_cores(process.compile_threads, config.plugin.compile.threads);
        config
    }
}
