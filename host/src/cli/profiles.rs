//! The file that says which hosts there are: `$XDG_CONFIG_HOME/sluicebox/config.toml`, by default `~/.config/sluicebox/config.toml`.

use std::{
    collections::BTreeMap,
    env, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail, ensure};
use strsim::jaro_winkler;
use toml::{Table, Value};

use super::place::Key;
use crate::event::Name;

/// Another path to the file.
const VARIABLE: &str = "SLUICEBOX_PROFILES";

/// Who else than its owner may read a file.
const OTHERS_READ: u32 = 0o044;

/// The hosts that are known by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Profiles {
    default: Option<String>,
    named: BTreeMap<String, Profile>,
}

/// One of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    /// Where it is.
    pub(super) url: Option<String>,
    /// The workspace that it is used for.
    pub(super) workspace: Option<Name>,
    key: Option<Key>,
}

impl Profile {
    /// Where the key to it is.
    pub(super) fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }
}

impl Profiles {
    /// The profile of this name.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn get(&self, name: &str) -> anyhow::Result<&Profile> {
        self.named.get(name).ok_or_else(|| match nearest(name, self.named.keys().map(String::as_str)) {
            Some(near) => anyhow!("there is no profile `{name}`; did you mean `{near}`?"),
            None => anyhow!("there is no profile `{name}`, nor any other; write [profiles.{name}] into {}", told(&path())),
        })
    }

    /// The profile for who names none.
    ///
    /// # Errors
    /// Where the file names one that it does not have.
    pub(super) fn by_default(&self) -> anyhow::Result<Option<&Profile>> {
        self.default.as_deref().map(|name| self.get(name).context("`default`")).transpose()
    }
}

/// Reads the file; without it there are none.
///
/// # Errors
/// Where it cannot be read or is not understood.
pub(super) fn read() -> anyhow::Result<Profiles> {
    let Some(path) = path() else { return Ok(Profiles::default()) };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Profiles::default());
        }
        Err(error) => return Err(anyhow::Error::new(error).context(format!("cannot read {}", path.display()))),
    };
    let profiles = parse(&text, path.parent().unwrap_or(Path::new("."))).with_context(|| path.display().to_string())?;
    let mode = fs::metadata(&path)?.permissions().mode();
    if mode & OTHERS_READ != 0 && profiles.named.values().any(|profile| matches!(profile.key, Some(Key::Given(_)))) {
        errln!("sluicebox: {0} holds a key, and others may read it: chmod 600 {0}", path.display());
    }
    Ok(profiles)
}

fn path() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = || set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
    set(VARIABLE).or_else(|| Some(folder()?.join("sluicebox/config.toml")))
}

fn told(path: &Option<PathBuf>) -> String {
    path.as_ref().map_or_else(|| format!("a file, and name it by {VARIABLE}"), |path| path.display().to_string())
}

/// The profiles of a file in this folder, which its `key_file`s are relative to.
pub(super) fn parse(text: &str, folder: &Path) -> anyhow::Result<Profiles> {
    let mut file: Table = toml::from_str(text)?;
    let default = string(&mut file, "default")?;
    let named = match file.remove("profiles") {
        None => Table::new(),
        Some(Value::Table(named)) => named,
        Some(_) => bail!("`profiles` has to be a table, as in [profiles.prod]"),
    };
    refuse_others(&file, &["default", "profiles"])?;
    let profile = |(name, value): (String, Value)| {
        let Value::Table(fields) = value else { bail!("`profiles.{name}` has to be a table") };
        let profile = profile(fields, folder).with_context(|| format!("profiles.{name}"))?;
        Ok((name, profile))
    };
    Ok(Profiles { default, named: named.into_iter().map(profile).collect::<anyhow::Result<_>>()? })
}

fn profile(mut fields: Table, folder: &Path) -> anyhow::Result<Profile> {
    let url = string(&mut fields, "url")?;
    let workspace = string(&mut fields, "workspace")?.map(|name| name.parse::<Name>()).transpose().context("workspace")?;
    let given = string(&mut fields, "key")?.map(Key::Given);
    let file = string(&mut fields, "key_file")?.map(|file| Key::File(folder.join(file)));
    let command = match fields.remove("key_command") {
        None => None,
        Some(value) => {
            let words: Vec<String> =
                value.try_into().map_err(|_| anyhow!("`key_command` is a list of words: [\"pass\", \"show\", \"hub\"]"))?;
            ensure!(!words.is_empty(), "`key_command` names no program");
            Some(Key::Command(words))
        }
    };
    refuse_others(&fields, &["url", "workspace", "key", "key_file", "key_command"])?;
    let mut keys = [given, file, command].into_iter().flatten();
    let key = keys.next();
    ensure!(keys.next().is_none(), "`key`, `key_file` and `key_command` are three ways to one key; keep one");
    Ok(Profile { url, workspace, key })
}

fn string(table: &mut Table, key: &str) -> anyhow::Result<Option<String>> {
    match table.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        // Not the value: it may be a key.
        Some(_) => bail!("`{key}` has to be a text"),
    }
}

fn refuse_others(table: &Table, known: &[&str]) -> anyhow::Result<()> {
    let Some(key) = table.keys().next() else { return Ok(()) };
    bail!("unknown key `{key}`; did you mean `{}`?", nearest(key, known.iter().copied()).unwrap_or_default())
}

fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known.max_by(|a, b| jaro_winkler(a, word).total_cmp(&jaro_winkler(b, word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let error = parse(text, Path::new("/config")).and_then(|profiles| profiles.by_default().map(|_| ()));
        format!("{:#}", error.expect_err("it is wrong"))
    }

    #[test]
    fn a_key_file_is_beside_the_file() {
        let profiles = parse("[profiles.a]\nkey_file = \"a.key\"", Path::new("/config")).expect("profiles");
        assert_eq!(profiles.get("a").expect("a profile").key(), Some(&Key::File("/config/a.key".into())));
        assert!(profiles.get("b").expect_err("no profile").to_string().contains("did you mean `a`"));
        assert!(Profiles::default().get("b").expect_err("no profile").to_string().contains("[profiles.b]"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_the_nearest_name() {
        assert_eq!(refused("defualt = \"a\""), "unknown key `defualt`; did you mean `default`?");
        assert_eq!(refused("[profiles.a]\nulr = \"x\""), "profiles.a: unknown key `ulr`; did you mean `url`?");
        assert!(refused("[profiles.a]\nkey = \"x\"\nkey_file = \"y\"").contains("keep one"));
        assert!(refused("[profiles.a]\nkey_command = \"pass show x\"").contains("list of words"));
        assert!(refused("default = \"b\"\n[profiles.a]").contains("there is no profile `b`; did you mean `a`?"));
        let wrong = refused("[profiles.a]\nkey = 4711");
        assert!(!wrong.contains("4711"), "it may be a key: {wrong}");
    }
}
