//! Where `sluicebox serve` has its main key from: a flag, the environment, sluicebox.toml, a credential of systemd, or else the data folder; the
//! first of these that there is.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::{
    config::{Given, Origin, Process, table},
    event::Secret,
    hub::{MainKeyOptions, MainKeySource},
};

const KEY: &str = "SLUICEBOX_MAIN_KEY";
const OLD_KEY: &str = "SLUICEBOX_MAIN_KEY_OLD";
/// The folder of what the unit's `LoadCredential=` and its like name (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
const CREDENTIAL: &str = "sluicebox-main-key";
const OLD_CREDENTIAL: &str = "sluicebox-main-key-old";

/// What the environment says, taken out of it.
#[derive(Debug, Default)]
pub(super) struct Environment {
    key: Option<Secret>,
    old_key: Option<Secret>,
    credentials: Option<PathBuf>,
}

impl Environment {
    /// Takes what is secret out of this process's environment. Before any thread is started.
    pub(super) fn take(&mut self) {
        let credentials = env::var_os(CREDENTIALS).map(PathBuf::from);
        *self = Self { key: take(KEY), old_key: take(OLD_KEY), credentials };
    }

    /// Beside what the settings say.
    pub(super) fn options(self, given: &Given, settings: &Process) -> MainKeyOptions {
        let credential = |name| self.credentials.as_deref().and_then(|folder| credential(folder, name));
        let named = |name: &str, path: &Option<PathBuf>| {
            let origin = table::named(name).and_then(|setting| given.origin(setting));
            path.clone().map(|path| Named { path, by_file: matches!(origin, Some(Origin::File { .. })) })
        };
        let (key, old_key) =
            (named("main_key_file", &settings.main_key_file), named("old_main_key_file", &settings.old_main_key_file));
        MainKeyOptions {
            source: source(key, (KEY, self.key.clone()), credential(CREDENTIAL)).unwrap_or_default(),
            old: source(old_key, (OLD_KEY, self.old_key.clone()), credential(OLD_CREDENTIAL)),
        }
    }
}

/// A file that a setting names.
struct Named {
    path: PathBuf,
    /// By sluicebox.toml, which the environment goes before.
    by_file: bool,
}

/// The first that there is.
fn source(
    named: Option<Named>,
    (variable, text): (&'static str, Option<Secret>),
    credential: Option<PathBuf>,
) -> Option<MainKeySource> {
    // An empty variable is refused by who reads it: whoever sets one did not mean that a key be made.
    let environment = text.map(|text| MainKeySource::Environment(variable, text));
    match named {
        Some(Named { path, by_file: false }) => Some(MainKeySource::File(path)),
        Some(Named { path, by_file: true }) => environment.or(Some(MainKeySource::File(path))),
        None => environment.or(credential.map(MainKeySource::File)),
    }
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
    fn the_flag_comes_before_the_environment_then_the_file_and_then_a_credential() {
        let text = |text: Option<&str>| (KEY, text.map(|text| Secret::new(text.to_owned())));
        let chosen = |file: Option<(&str, bool)>, variable, credential: Option<&str>| {
            let named = file.map(|(path, by_file)| Named { path: path.into(), by_file });
            source(named, text(variable), credential.map(PathBuf::from)).map(|source| source.to_string())
        };
        assert_eq!(chosen(Some(("a", false)), Some("b"), Some("c")).as_deref(), Some("a"));
        assert_eq!(chosen(Some(("a", true)), Some("b"), Some("c")).as_deref(), Some(KEY));
        assert_eq!(chosen(Some(("a", true)), None, Some("c")).as_deref(), Some("a"));
        assert_eq!(chosen(None, Some("b"), Some("c")).as_deref(), Some(KEY));
        assert_eq!(chosen(None, Some(""), Some("c")).as_deref(), Some(KEY), "refused later, and not passed over");
        assert_eq!(chosen(None, None, Some("c")).as_deref(), Some("c"));
        assert_eq!(chosen(None, None, None), None);
    }

    #[test]
    fn a_setting_is_told_from_its_variable() {
        let settings = |given: &Given| given.settle().expect("good").process;
        let environment = || Environment { key: Some(Secret::new("k".to_owned())), ..Environment::default() };
        let chosen = |given: &Given| environment().options(given, &settings(given)).source.to_string();
        let file = Given::of_file("main_key_file = \"/a\"\nold_main_key_file = \"/b\"\n", "f.toml").expect("good");
        assert_eq!(chosen(&file), KEY);
        let variable = Given::of_environment(|name| (name == "SLUICEBOX_MAIN_KEY_FILE").then(|| "/v".into())).expect("good");
        assert_eq!(chosen(&variable.over(file.clone())), "/v");
        let options = Environment::default().options(&file, &settings(&file));
        assert_eq!(
            (options.source.to_string(), options.old.map(|old| old.to_string())),
            ("/a".to_owned(), Some("/b".to_owned()))
        );
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
