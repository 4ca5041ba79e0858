//! The table against the parts, the default file against the table, and the layers against each other.

use std::{collections::BTreeSet, ffi::OsString, fmt::Debug};

use super::*;

/// Fields of the parts that have no setting of their own, and how they are set.
const BY_OTHER_MEANS: &[(&str, &str)] = &[
    ("config.ingest.drain_ms", "drain_seconds"),
    ("config.dispatch.drain_ms", "drain_seconds"),
    ("config.deliver.drain_ms", "drain_seconds"),
    ("config.ingest.tls", "tls_cert and tls_key"),
    ("config.plugin.workers", "plugin_workers"),
    ("config.plugin.verify_workers", "verify_workers"),
    ("config.plugin.compile.threads", "compile_threads"),
    ("config.plugin.cache", "data"),
    ("config.journal.folder", "data"),
    ("config.plugin.compiler", "the program that runs"),
    ("config.journal.disk", "tests only"),
];

/// The fields of a value, by what `Debug` shows of it: `a: 1,` and `b: B {` down to the matching brace, four spaces a level.
fn fields(path: &str, value: &dyn Debug) -> Vec<String> {
    let shown = format!("{value:#?}");
    let (mut found, mut around) = (Vec::new(), vec![path.to_owned()]);
    for line in shown.lines().skip(1) {
        let (depth, text) = ((line.len() - line.trim_start().len()) / 4, line.trim());
        around.truncate(depth);
        let Some((name, rest)) = text.split_once(": ").filter(|_| around.len() == depth) else { continue };
        let path = format!("{}.{name}", around.last().expect("a path"));
        if rest == "CompileLimits {" {
            around.push(path);
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_field_of_every_part_has_a_setting() {
    let Settings { config, process } = Settings::default();
    // Without `..`, so that a new part is not forgotten here. Where the main key is, the process's settings
    // say beside the environment (`cli/main_key`); `shutdown_delay_seconds` of the process sets the one in milliseconds.
    let Config {
        data: _,
        clock: _,
        main_key: _,
        ingest,
        dispatch,
        deliver,
        net,
        versioning,
        plugin,
        journal,
        api,
        retention,
        trace,
        shutdown_delay_ms: _,
    } = &config;
    let parts: [(&str, &dyn Debug); 11] = [
        ("process", &process),
        ("config.ingest", ingest),
        ("config.dispatch", dispatch),
        ("config.deliver", deliver),
        ("config.net", net),
        ("config.versioning", versioning),
        ("config.plugin", plugin),
        ("config.journal", journal),
        ("config.api", api),
        ("config.retention", retention),
        ("config.trace", trace),
    ];
    let fields: BTreeSet<String> = parts.iter().flat_map(|(path, part)| fields(path, part)).collect();
    let set: BTreeSet<String> = table::all().map(|setting| setting.field.to_owned()).collect();
    let others: BTreeSet<String> = BY_OTHER_MEANS.iter().map(|(field, _)| (*field).to_owned()).collect();
    let forgotten: Vec<&String> = fields.iter().filter(|field| !set.contains(*field) && !others.contains(*field)).collect();
    assert!(forgotten.is_empty(), "declare a setting in config/table/ for {forgotten:?}");
    let gone: Vec<&String> = set.union(&others).filter(|field| !fields.contains(*field)).collect();
    assert!(gone.is_empty(), "no such fields: {gone:?}");
}

#[test]
fn names_are_unlike_each_other() {
    let names: BTreeSet<&str> = table::all().map(|setting| setting.name).collect();
    assert_eq!(names.len(), table::all().count());
    assert!(table::SECTIONS.iter().all(|section| !names.contains(section.name)), "a section is no setting");
}

fn shown(settings: &Settings) -> String {
    let Settings { config, process } = settings;
    // Without `..`, as above.
    let Config {
        data,
        clock: _,
        main_key: _,
        ingest,
        dispatch,
        deliver,
        net,
        versioning,
        plugin,
        journal,
        api,
        retention,
        trace,
        shutdown_delay_ms,
    } = config;
    let ways: [&dyn Debug; 5] = [process, data, ingest, net, shutdown_delay_ms];
    let rest: [&dyn Debug; 8] = [dispatch, deliver, versioning, plugin, journal, api, retention, trace];
    format!("{ways:?}{rest:?}")
}

#[test]
fn the_default_file_uncommented_gives_the_defaults() {
    let is_setting = |line: &str| line.starts_with('#') && !line.starts_with("# ") && line != "#";
    let file: Vec<String> =
        default_file().lines().map(|line| if is_setting(line) { line[1..].to_owned() } else { line.to_owned() }).collect();
    let given = Given::of_file(&file.join("\n"), "sluicebox.toml").unwrap_or_else(|flaws| panic!("{flaws}"));
    assert!(table::all().all(|setting| given.origin(setting).is_some()), "every setting is in it");
    assert_eq!(shown(&given.settle().expect("good")), shown(&Settings::default()));
    assert_eq!(Given::of_file(&default_file(), "f"), Ok(Given::default()), "commented out it says nothing");
}

#[test]
fn the_default_file_in_the_documents_is_that_of_the_program() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sluicebox.toml");
    let written = std::fs::read_to_string(path).expect("docs/sluicebox.toml");
    assert!(written == default_file(), "write it again: sluicebox config default > docs/sluicebox.toml");
}

#[test]
fn the_schema_has_every_setting() {
    let schema = schema();
    for setting in table::all() {
        let section = if setting.section.is_empty() { String::new() } else { format!("/{}/properties", setting.section) };
        let found = schema.pointer(&format!("/properties{section}/{}", setting.name));
        assert!(found.is_some_and(|found| found.get("default").is_some()), "{setting:?}");
    }
}

fn of_file(text: &str) -> Result<Given, Vec<String>> {
    Given::of_file(text, "f.toml").map_err(|Flaws(flaws)| flaws.iter().map(Flaw::to_string).collect())
}

#[test]
fn all_errors_of_a_file_are_told_with_their_places() {
    let text = "lisen = \"x\"\nconnections_max = 1\n[ingest]\nconnections_max = \"many\"\ntls_cert = [1]\nhttp2_streams_max = 0\n\
                listen = \"[::]:1\"\nzebra = 2\n[ingets]\n[network]\nallow_network = [\"10.0.0.0/8\", \"nowhere\"]\nproxy = \"geheim\"\n";
    let told = of_file(text).expect_err("wrong");
    assert_eq!(
        told,
        [
            "f.toml:1:1: lisen: unknown key, did you mean `listen`?",
            "f.toml:2:1: connections_max: this belongs into [ingest]",
            "f.toml:4:19: ingest.connections_max: expected a number",
            "f.toml:5:12: ingest.tls_cert: expected a list of texts in quotes",
            "f.toml:6:21: ingest.http2_streams_max: 0 is too small; the least is 1",
            "f.toml:7:1: ingest.listen: this belongs before the first section",
            "f.toml:8:1: ingest.zebra: unknown key",
            "f.toml:9:2: ingets: unknown section; there are ingest, dispatch, deliver, network, plugins, journal, api, trace, did you mean `ingest`?",
            "f.toml:11:17: network.allow_network: `nowhere` is no network; write it as in 10.0.0.0/8 or 2001:db8::/32",
            "f.toml:12:9: network.proxy: a proxy is written as `http://host:port` or `http://user:password@host:port`",
        ]
    );
    assert_eq!(of_file("[ingest\n").expect_err("no TOML").len(), 1);
    for setting in ["calls_per_second_max", "wrong_keys_per_second_max"] {
        let told = of_file(&format!("[api]\n{setting} = 1000001\n")).expect_err("too many");
        assert!(told[0].ends_with("1000001 is not in 1 to 1000000"), "{told:?}");
    }
}

fn of_environment(variables: &[(&str, &str)]) -> Result<Given, Flaws> {
    Given::of_environment(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| OsString::from(*text)))
}

#[test]
fn a_flag_goes_before_the_environment_and_that_before_the_file() {
    let file = of_file("[ingest]\nconnections_max = 1\nidle_timeout_ms = 1\n").expect("good");
    let environment = of_environment(&[
        ("SLUICEBOX_CONNECTIONS_MAX", "2"),
        ("SLUICEBOX_IDLE_TIMEOUT_MS", "2"),
        ("SLUICEBOX_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::/32"),
        ("SLUICEBOX_PROXY", ""),
    ])
    .expect("good");
    let mut flags = Given::default();
    flags.flag(table::named("connections_max").expect("a setting"), vec!["3".to_owned()]).expect("good");
    let given = flags.over(environment).over(file);
    let Settings { config, .. } = given.settle().expect("good");
    assert_eq!((config.ingest.connections_max, config.ingest.idle_timeout_ms, config.ingest.trusted_proxies.len()), (3, 2, 2));
    let origin = |name| given.origin(table::named(name).expect("a setting")).map(ToString::to_string);
    assert_eq!(origin("connections_max").as_deref(), Some("--connections-max"));
    assert_eq!(origin("idle_timeout_ms").as_deref(), Some("SLUICEBOX_IDLE_TIMEOUT_MS"));
    assert_eq!(origin("proxy"), None, "an empty variable gives nothing");
}

#[test]
fn all_wrong_variables_are_told() {
    let told = of_environment(&[("SLUICEBOX_LISTEN", "here"), ("SLUICEBOX_RETAIN", "7")]).expect_err("wrong").to_string();
    assert_eq!(told.lines().count(), 2);
    assert!(told.starts_with("SLUICEBOX_LISTEN: `here` is no address"), "{told}");
}

#[test]
fn what_does_not_go_together_is_told_where_it_was_given() {
    let wrong = |text: &str| of_file(text).expect("each by itself is good").settle().err().expect("wrong").to_string();
    let told = wrong("[ingest]\ntls_cert = [\"a.pem\", \"b.pem\"]\ntls_key = [\"a.key\"]\n");
    assert_eq!(told, "f.toml:2:12: ingest.tls_cert: give each `tls_cert` its `tls_key`: there are 2 certificates and 1 keys");
    assert!(wrong("[journal]\njournal_bytes_max = 4\n").contains("1048576"));
    assert!(wrong("admin_listen = \"127.0.0.1:8484\"\n").contains("of their own"));
}

#[test]
fn what_is_refined_is_what_the_parts_are_run_with() {
    let text = "data = \"d\"\ndrain_seconds = 3\n[ingest]\ntls_cert = [\"a.pem\"]\ntls_key = [\"a.key\"]\n[plugins]\nplugin_workers = 7\n";
    let config = of_file(text).expect("good").settle().expect("good").refined();
    assert_eq!((config.drain_ms(), config.plugin.workers, config.ingest.tls.len()), (3_000, 7, 1));
    assert_eq!(config.journal.folder, PathBuf::from("d/journal"));
    let defaults = Settings::default().refined();
    assert_eq!(defaults.plugin.workers, plugin::Options::default().workers, "0 is what the cores say");
    assert_eq!(defaults.drain_ms(), Config::at("").drain_ms());
}

#[test]
fn a_reload_takes_up_what_it_can_and_tells_the_rest() {
    let before = of_file("log = \"info\"\n[ingest]\nconnections_max = 5\n").expect("good");
    let after = of_file("log = \"debug\"\nlisten = \"127.0.0.1:8484\"\n[network]\nproxy = \"http://a:b@c:1\"\n").expect("good");
    let (reloaded, changes) = before.reloaded(&after);
    let names = |settings: &[&Setting]| settings.iter().map(|setting| setting.name).collect::<Vec<_>>();
    assert_eq!(names(&changes.taken_up), ["log", "proxy"]);
    assert_eq!(names(&changes.kept), ["connections_max"], "saying the default is no change");
    let settings = reloaded.settle().expect("good");
    assert_eq!((settings.config.ingest.connections_max, settings.config.net.proxy.is_some()), (5, true));
    assert!(!format!("{reloaded:?}").contains("a:b"));
}
