//! Which host a command speaks to, and by which key: from the command line, the environment, or a [profile](super::profiles), in this
//! order.
//!
//! A key is only ever sent to the host that it was named for: the profile that is the default is left aside where an address is given.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use super::{
    Hub,
    profiles::{self, Profile, Profiles},
};
use crate::event::Name;

const URL: &str = "http://127.0.0.1:8484";
const DATA: &str = "sluicebox-data";

impl Hub {
    /// The data folder of a host on this machine.
    pub(super) fn data_folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| DATA.into())
    }
}

/// A host, and where the key to it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Without a slash at its end.
    pub(super) url: String,
    /// The workspace of all calls; the key's own where it is not told.
    pub(super) workspace: Option<Name>,
    key: Key,
}

/// Where a key is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Here.
    Given(String),
    /// In a file.
    File(PathBuf),
    /// A program prints it.
    Command(Vec<String>),
    /// In a data folder.
    DataFolder(PathBuf),
}

impl Place {
    /// The place that a command line means.
    ///
    /// # Errors
    /// Where the file of profiles is not understood, or has no profile of the name.
    pub(super) fn of(hub: &Hub) -> anyhow::Result<Self> {
        let profiles = profiles::read()?;
        choose(hub, &profiles)
    }

    /// The key, read from wherever it is.
    pub(super) fn key(&self) -> anyhow::Result<String> {
        let key = match &self.key {
            Key::Given(key) => key.clone(),
            Key::File(file) => fs::read_to_string(file).with_context(|| format!("the key file {}", file.display()))?,
            Key::Command(command) => printed(command)?,
            Key::DataFolder(folder) => {
                let file = folder.join("admin.key");
                fs::read_to_string(&file).with_context(|| no_key(&file))?
            }
        };
        Ok(key.trim().to_owned())
    }
}

fn no_key(tried: &Path) -> String {
    format!(
        "no key: give --key, set SLUICEBOX_KEY, name the data folder by --data or a profile by --profile (tried {})",
        tried.display()
    )
}

fn choose(hub: &Hub, profiles: &Profiles) -> anyhow::Result<Place> {
    let profile = match (&hub.profile, &hub.url) {
        (Some(name), _) => Some(profiles.get(name)?),
        (None, None) => profiles.by_default()?,
        (None, Some(_)) => None,
    };
    let url = hub.url.clone().or_else(|| profile.and_then(|profile| profile.url.clone())).unwrap_or_else(|| URL.to_owned());
    let from_profile = || profile.and_then(Profile::key).cloned();
    let given = hub.key.clone().map(Key::Given).or_else(|| hub.data.clone().map(Key::DataFolder));
    let key = given.or_else(from_profile).unwrap_or_else(|| Key::DataFolder(DATA.into()));
    let workspace = hub.workspace.clone().or_else(|| profile.and_then(|profile| profile.workspace.clone()));
    Ok(Place { url: url.trim_end_matches('/').to_owned(), workspace, key })
}

/// What a program prints: its own words go to standard error, where it may ask for a passphrase.
fn printed(command: &[String]) -> anyhow::Result<String> {
    let (program, arguments) = command.split_first().context("key_command names no program")?;
    let told = Command::new(program).args(arguments).stderr(std::process::Stdio::inherit()).output();
    let told = told.with_context(|| format!("key_command: `{program}` could not be started"))?;
    ensure!(told.status.success(), "key_command: `{program}` ended with {}", told.status);
    String::from_utf8(told.stdout).with_context(|| format!("key_command: what `{program}` printed is no text"))
}

/// Without the key.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Given(_) => "Given(..)",
            Self::File(_) => "File(..)",
            Self::Command(_) => "Command(..)",
            Self::DataFolder(_) => "DataFolder(..)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "default = \"here\"\n\
        [profiles.here]\nurl = \"https://here.example/\"\nkey_file = \"/keys/here\"\n\
        [profiles.there]\nurl = \"https://there.example\"\nkey_command = [\"pass\", \"show\", \"there\"]\n\
        [profiles.keyless]\nurl = \"https://keyless.example\"\nworkspace = \"team\"\n";

    fn hub() -> Hub {
        Hub { url: None, key: None, data: None, profile: None, workspace: None, json: false }
    }

    fn chosen(hub: &Hub) -> (String, Key) {
        let profiles = profiles::parse(FILE, Path::new("/config")).expect("profiles");
        let Place { url, key, .. } = choose(hub, &profiles).expect("a place");
        (url, key)
    }

    #[test]
    fn what_is_given_comes_before_the_profile_and_the_profile_before_the_default() {
        let place = |url: &str, key: Key| (url.to_owned(), key);
        let here = Key::File("/keys/here".into());
        assert_eq!(chosen(&hub()), place("https://here.example", here));
        let there = Key::Command(["pass", "show", "there"].map(str::to_owned).to_vec());
        assert_eq!(chosen(&Hub { profile: Some("there".into()), ..hub() }), place("https://there.example", there));
        let given = Hub { key: Some("slk_1".into()), data: Some("folder".into()), ..hub() };
        assert_eq!(chosen(&given), place("https://here.example", Key::Given("slk_1".into())));
        let data = Hub { data: Some("folder".into()), ..hub() };
        assert_eq!(chosen(&data), place("https://here.example", Key::DataFolder("folder".into())));
        let keyless = Hub { profile: Some("keyless".into()), ..hub() };
        assert_eq!(chosen(&keyless), place("https://keyless.example", Key::DataFolder(DATA.into())));
        assert_eq!(choose(&hub(), &Profiles::default()).expect("a place").url, URL);
    }

    #[test]
    fn the_workspace_is_the_profiles_unless_one_is_told() {
        let profiles = profiles::parse(FILE, Path::new("/config")).expect("profiles");
        let workspace = |hub: &Hub| choose(hub, &profiles).expect("a place").workspace.map(|name| name.to_string());
        let keyless = Hub { profile: Some("keyless".into()), ..hub() };
        assert_eq!(workspace(&keyless).as_deref(), Some("team"));
        assert_eq!(workspace(&Hub { workspace: Some("other".parse().expect("a name")), ..keyless }).as_deref(), Some("other"));
        assert_eq!(workspace(&hub()), None);
    }

    #[test]
    fn the_default_profiles_key_goes_to_its_own_host_only() {
        let elsewhere = Hub { url: Some("http://127.0.0.1:1/".into()), ..hub() };
        assert_eq!(chosen(&elsewhere), ("http://127.0.0.1:1".to_owned(), Key::DataFolder(DATA.into())));
        let on_purpose = Hub { profile: Some("here".into()), ..elsewhere };
        assert_eq!(chosen(&on_purpose), ("http://127.0.0.1:1".to_owned(), Key::File("/keys/here".into())));
    }

    #[test]
    fn a_program_prints_the_key() {
        let place = |command: &[&str]| Place {
            url: String::new(),
            workspace: None,
            key: Key::Command(command.iter().map(|word| (*word).to_owned()).collect()),
        };
        assert_eq!(place(&["printf", " slk_1\\n"]).key().expect("a key"), "slk_1");
        assert!(place(&["false"]).key().expect_err("no key").to_string().contains("`false` ended with"));
    }
}
