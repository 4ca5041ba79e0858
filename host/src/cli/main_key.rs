//! Where `sluicebox serve` has its main key from: a flag, the environment, a credential of systemd, or else the data folder; the first of these
//! that there is.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    event::Secret,
    hub::{MainKeyOptions, MainKeySource},
};

const KEY: &str = "SLUICEBOX_MAIN_KEY";
const OLD_KEY: &str = "SLUICEBOX_MAIN_KEY_OLD";
/// The folder of what the unit's `LoadCredential=` and its like name (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
const CREDENTIAL: &str = "sluicebox-main-key";
const OLD_CREDENTIAL: &str = "sluicebox-main-key-old";

/// The flags.
#[derive(Debug, clap::Args)]
pub(super) struct MainKey {
    /// A file with the main key, 64 hexadecimal digits; else SLUICEBOX_MAIN_KEY, else the systemd credential `sluicebox-main-key`, else main.key
    /// in the data folder, which is made at the first start.
    #[arg(long, value_name = "FILE")]
    main_key_file: Option<PathBuf>,
    /// A file with the main key before this one (or SLUICEBOX_MAIN_KEY_OLD, or the credential `sluicebox-main-key-old`): a data folder that is
    /// still under that one is put under the new one.
    #[arg(long, value_name = "FILE")]
    old_main_key_file: Option<PathBuf>,
    #[arg(skip)]
    environment: Environment,
}

/// What the environment says, taken out of it.
#[derive(Debug, Default)]
struct Environment {
    key: Option<Secret>,
    old_key: Option<Secret>,
    credentials: Option<PathBuf>,
}

impl MainKey {
    /// Takes what is secret out of this process's environment. Before any thread is started.
    pub(super) fn take_environment(&mut self) {
        let credentials = env::var_os(CREDENTIALS).map(PathBuf::from);
        self.environment = Environment { key: take(KEY), old_key: take(OLD_KEY), credentials };
    }

    pub(super) fn options(self) -> MainKeyOptions {
        let Environment { key, old_key, credentials } = self.environment;
        let credential = |name| credentials.as_deref().and_then(|folder| credential(folder, name));
        MainKeyOptions {
            source: source(self.main_key_file, (KEY, key), credential(CREDENTIAL)).unwrap_or_default(),
            old: source(self.old_main_key_file, (OLD_KEY, old_key), credential(OLD_CREDENTIAL)),
        }
    }
}

fn source(
    file: Option<PathBuf>,
    (variable, text): (&'static str, Option<Secret>),
    credential: Option<PathBuf>,
) -> Option<MainKeySource> {
    let file = file.map(MainKeySource::File);
    // An empty variable is refused by who reads it: whoever sets one did not mean that a key be made.
    let environment = || text.map(|text| MainKeySource::Environment(variable, text));
    file.or_else(environment).or(credential.map(MainKeySource::File))
}

/// Other programs' units have credentials too.
fn credential(folder: &Path, name: &str) -> Option<PathBuf> {
    Some(folder.join(name)).filter(|file| file.exists())
}

#[expect(unsafe_code, reason = "a main key that stays in the environment is handed to whatever this process starts")]
fn take(variable: &str) -> Option<Secret> {
    let value = env::var_os(variable)?;
    // SAFETY: `cli::main` calls this before it makes the runtime, so there is no other thread that could read the environment.
    unsafe { env::remove_var(variable) };
    Some(Secret::new(value.to_string_lossy().into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_comes_before_the_environment_and_that_before_a_credential() {
        let text = |text: Option<&str>| (KEY, text.map(|text| Secret::new(text.to_owned())));
        let chosen = |file: Option<&str>, variable, credential: Option<&str>| {
            let chosen = source(file.map(PathBuf::from), text(variable), credential.map(PathBuf::from));
            chosen.map(|source| source.to_string())
        };
        assert_eq!(chosen(Some("a"), Some("b"), Some("c")).as_deref(), Some("a"));
        assert_eq!(chosen(None, Some("b"), Some("c")).as_deref(), Some(KEY));
        assert_eq!(chosen(None, Some(""), Some("c")).as_deref(), Some(KEY), "refused later, and not passed over");
        assert_eq!(chosen(None, None, Some("c")).as_deref(), Some("c"));
        assert_eq!(chosen(None, None, None), None);
    }

    #[test]
    fn a_credential_of_another_program_is_none_of_ours() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("database-password"), "x").expect("written");
        assert_eq!(credential(folder.path(), CREDENTIAL), None);
        std::fs::write(folder.path().join(CREDENTIAL), "x").expect("written");
        assert_eq!(credential(folder.path(), CREDENTIAL), Some(folder.path().join(CREDENTIAL)));
    }
}
