//! The flags of all settings, made from the table, and where the file is that they go before.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command, builder::ValueParser, parser::ValueSource};

use crate::config::{Flaws, Form, Given, Setting, Settings, table};

/// Read where neither a flag nor a variable names a file, and it is there.
const FILE: &str = "sluicebox.toml";
const VARIABLE: &str = "SLUICEBOX_CONFIG";
/// The id of `--config` among the arguments; no setting has it, which a test holds.
const CONFIG: &str = "config";

/// What the command line says of settings.
#[derive(Clone, Debug)]
pub(super) struct Flags {
    file: Option<PathBuf>,
    given: Given,
}

impl Flags {
    /// The file that settings are read from, if any.
    pub(super) fn file(&self) -> Option<PathBuf> {
        self.file.clone().or_else(|| Some(PathBuf::from(FILE)).filter(|file| file.exists()))
    }

    /// Reads the file and the environment, as they are now, below these flags.
    pub(super) fn read(&self) -> anyhow::Result<(Given, Settings)> {
        let mut flaws = Vec::new();
        let mut good = |layer: Result<Given, Flaws>| {
            layer.unwrap_or_else(|Flaws(more)| {
                flaws.extend(more);
                Given::default()
            })
        };
        let file = match self.file() {
            Some(path) => good(Given::of_file(&text_of(&path)?, &path.display().to_string())),
            None => Given::default(),
        };
        let environment = good(Given::of_environment(|name| env::var_os(name)));
        if !flaws.is_empty() {
            return Err(Flaws(flaws).into());
        }
        let given = self.given.clone().over(environment).over(file);
        let settings = given.settle()?;
        Ok((given, settings))
    }
}

pub(super) fn text_of(path: &Path) -> anyhow::Result<String> {
    let text = fs::read(path).and_then(|bytes| String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8")));
    text.with_context(|| format!("{} could not be read", path.display()))
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(CONFIG)
            .long(CONFIG)
            .env(VARIABLE)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("The file of settings; else sluicebox.toml in the working directory, where there is one")
            .long_help(
                "The file of settings (`sluicebox config default` prints one); else sluicebox.toml in the working directory, where there \
                 is one. Variables of the environment go before the file, and flags before both",
            );
        let defaults = Settings::default();
        table::flags().fold(command.arg(file), |command, (setting, flag)| command.arg(argument(setting, flag, &defaults)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Given::default();
        for setting in table::all().filter(|setting| matches.value_source(setting.name) == Some(ValueSource::CommandLine)) {
            let texts = matches.get_many::<String>(setting.name).unwrap_or_default();
            let words = texts.flat_map(|text| setting.split(text)).collect();
            given
                .flag(setting, words)
                .map_err(|flaw| clap::Error::raw(clap::error::ErrorKind::ValueValidation, format!("{flaw}\n")))?;
        }
        Ok(Self { file: matches.get_one::<PathBuf>(CONFIG).cloned(), given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn argument(setting: &'static Setting, flag: &'static str, defaults: &Settings) -> Arg {
    let default = setting.value(defaults).join(",");
    let default = if default.is_empty() { "none" } else { &default };
    let help = setting.told();
    let heading = if setting.section.is_empty() { "Process" } else { setting.section };
    Arg::new(setting.name)
        .long(flag)
        .value_name(setting.unit)
        .action(if setting.form == Form::List { ArgAction::Append } else { ArgAction::Set })
        .value_parser(parser(setting))
        .help_heading(heading)
        .help(format!("{} [env: {}] [default: {default}]", help.trim_end_matches('.'), setting.variable()))
}

/// Checks a value at once, so that clap tells where it stands; but it repeats what it refuses, so not one that may hold a secret.
fn parser(setting: &'static Setting) -> ValueParser {
    if setting.secret {
        return ValueParser::string();
    }
    ValueParser::new(move |text: &str| match setting.set(&mut Settings::default(), &setting.split(text)) {
        Ok(()) => Ok(text.to_owned()),
        Err(message) => Err(message),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        flags: Flags,
    }

    fn settle(arguments: &[&str]) -> anyhow::Result<Settings> {
        let line = Line::try_parse_from([&["serve"], arguments].concat())?;
        Ok(line.flags.given.settle()?)
    }

    fn wrong(arguments: &[&str]) -> String {
        settle(arguments).err().expect("refused").to_string()
    }

    #[test]
    fn every_setting_has_its_flag() {
        use clap::CommandFactory;

        Line::command().debug_assert();
        assert!(table::named(CONFIG).is_none());
    }

    #[test]
    fn settings_are_lengths_of_time_bytes_and_lists() {
        let arguments = ["--retain", "12h", "--journal-bytes-max", "4000000000", "--trusted-proxies", "10.0.0.0/8,2001:db8::/32"];
        let config = settle(&arguments).expect("good").config;
        assert_eq!((config.retention.settled_ms, config.journal.bytes_max), (43_200_000, Some(4_000_000_000)));
        assert_eq!(config.ingest.trusted_proxies.len(), 2);
        let several = ["--allow-network", "10.0.0.0/8", "--allow-network", "127.0.0.0/8", "--allow-port", "443"];
        let config = settle(&several).expect("good").config;
        assert_eq!((config.net.allow_networks.len(), config.net.allow_ports), (2, vec![443..=443]));
    }

    #[test]
    fn a_wrong_value_is_told_with_its_flag() {
        assert!(wrong(&["--retain", "7"]).contains("write it as in"), "{}", wrong(&["--retain", "7"]));
        assert!(wrong(&["--forwarded-header", "via"]).contains("write x-forwarded-for or forwarded"));
        assert!(wrong(&["--journal-bytes-max", "4"]).contains("1048576"));
        assert!(wrong(&["--tls-cert", "a.pem"]).contains("1 certificates and 0 keys"));
        let proxy = wrong(&["--proxy", "ftp://me:geheim@proxy"]);
        assert!(proxy.contains("--proxy: a proxy is written as") && !proxy.contains("geheim"), "{proxy}");
        assert!(wrong(&["--conections-max", "4"]).contains("--connections-max"));
    }
}
