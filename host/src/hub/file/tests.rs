//! Hub files, good and bad, as their authors write them.

use std::fs;

use serde_json::json;

use super::*;

const GOOD: &str = r#"
[sources.github]
verify = { scheme = "github", secret = "${GITHUB_WEBHOOK_SECRET}" }

[plugins.redact]
path = "plugins/redact.wasm"
config = { fields = ["sender.email"] }

[destinations.crm]
url = "https://crm.example.com/hooks"
secret = "file:crm.key"

[rules.new-issues]
match.type = ["issues"]
match.data.action = ["opened", { prefix = "re" }]
plugins = ["redact"]
destinations = ["crm"]
"#;

fn key(kind: Kind, name: &str) -> Key {
    (kind, name.parse().expect("a name"))
}

fn told(text: &str) -> Vec<String> {
    read(text, "hub.toml").expect_err("a bad file").iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_file_becomes_a_draft() {
    let mut file = read(GOOD, "hub.toml").expect("a good file");
    let rule = json!({
        "match": { "type": ["issues"], "data": { "action": ["opened", { "prefix": "re" }] } },
        "plugins": ["redact"],
        "destinations": ["crm"],
    });
    assert_eq!(file.entries[&key(Kind::Rule, "new-issues")], rule);
    let redact = key(Kind::Plugin, "redact");
    assert_eq!(file.plugin_paths, [(redact.1.clone(), PathBuf::from("plugins/redact.wasm"))]);

    let digest = Digest::of(b"component");
    file.set_digest(&redact.1, &digest);
    assert_eq!(file.entries.len(), 4);
    let plugin = json!({ "path": "plugins/redact.wasm", "digest": digest.to_string(), "config": { "fields": ["sender.email"] } });
    assert_eq!(file.entries[&redact], plugin);
}

#[test]
fn secrets_are_resolved_where_the_client_is() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("crm.key"), "whsec_x\n").expect("written");
    let in_folder =
        |folder: &Path| read_all(&[Text { label: "hub.toml", text: GOOD, folder }], Names::Declared).expect("a good file");
    let mut file = in_folder(folder.path());
    let env = |name: &str| (name == "GITHUB_WEBHOOK_SECRET").then(|| "hush".to_owned());
    file.resolve_secrets(&env).expect("resolved");
    let secret = &file.entries[&key(Kind::Source, "github")]["verify"]["secret"];
    assert_eq!(secret, &json!({ "value": "hush", "ref": "${GITHUB_WEBHOOK_SECRET}" }));
    let secret = &file.entries[&key(Kind::Destination, "crm")]["secret"];
    assert_eq!(secret, &json!({ "value": "whsec_x", "ref": "file:crm.key" }));

    let errors = in_folder(&folder.path().join("nowhere")).resolve_secrets(&|_| None).expect_err("neither is there");
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "hub.toml:3:40: sources.github.verify.secret: the environment variable GITHUB_WEBHOOK_SECRET is not set");
    assert!(told[1].starts_with("hub.toml:11:10: destinations.crm.secret: cannot read crm.key: "), "{told:?}");
}

#[test]
fn a_reference_is_a_whole_text() {
    let mut file = read("[destinations.a]\nurl = \"x\"\nsecret = \"Bearer ${X}\"", "f").expect("a good file");
    assert_eq!(file.resolve_secrets(&|_| Some("x".into())).map_err(|errors| errors.len()), Err(1));
}

#[test]
fn all_errors_are_told_with_place_and_nearest_name() {
    let text = r#"
[destination.x]
url = "https://x"

[destinations.crm]
urll = "https://crm.example.com"

[destinations.Bad]
url = "https://bad"

[destinations.late]
url = 1979-05-27

[plugins.both]
path = "a.wasm"
digest = "sha256:00"

[plugins.neither]

[rules.x]
plugns = ["both"]

[rules.y]
destinations = ["crn", "crm"]
plugins = "both"

[rules.z]
destinations = ["crm", "crn"]
"#;
    assert_eq!(
        told(text),
        [
            "hub.toml:2:2: destination: unknown table; there are sources, destinations, plugins and rules, did you mean `destinations`?",
            "hub.toml:6:1: destinations.crm.urll: unknown key, did you mean `url`?",
            "hub.toml:8:15: destinations.Bad: `Bad` is not a name: 1 to 63 of a-z, 0-9, `-` and `_`, beginning with a letter or digit",
            "hub.toml:12:7: destinations.late.url: dates and times are not used here; write a text in quotes",
            "hub.toml:15:8: plugins.both.path: a plugin has a `path` or a `digest`, not both",
            "hub.toml:18:10: plugins.neither: a plugin needs the `path` of its component, or its `digest`",
            "hub.toml:21:1: rules.x.plugns: unknown key, did you mean `plugins`?",
            "hub.toml:24:17: rules.y.destinations[0]: no destination is called `crn`, did you mean `crm`?",
            "hub.toml:25:11: rules.y.plugins: expected a list, found a text",
            "hub.toml:28:24: rules.z.destinations[1]: no destination is called `crn`, did you mean `crm`?",
        ]
    );
}

#[test]
fn errors_of_syntax_come_alone_and_with_their_place() {
    let told = told("[rules.x]\nplugins = [\n\n[destinations.y]\nurll = 1\n");
    assert!(!told.is_empty() && told.iter().all(|error| error.starts_with("hub.toml:")), "{told:?}");
    assert!(!told.iter().any(|error| error.contains("urll")), "{told:?}");
}

#[test]
fn what_is_no_table_is_told() {
    assert_eq!(told("rules = 1"), ["hub.toml:1:1: rules: expected a table of rules"]);
    assert_eq!(told("rules.a = 1"), ["hub.toml:1:7: rules.a: expected a table, found a whole number"]);
    assert!(read("", "hub.toml").is_ok_and(|file| file.entries.is_empty()));
}

#[test]
fn the_servers_problems_are_found_in_the_file() {
    let file = read(GOOD, "hub.toml").expect("a good file");
    let located = |kind, name: &str, pointer: &str| {
        let problem = Problem { kind, name: name.into(), pointer: pointer.into(), message: "no".into() };
        file.locate(&problem).to_string()
    };
    assert_eq!(
        located(Kind::Rule, "new-issues", "/match/data/action/1/prefix"),
        "hub.toml:15:43: rules.new-issues.match.data.action[1].prefix: no"
    );
    assert_eq!(located(Kind::Plugin, "redact", "/digest"), "hub.toml:6:8: plugins.redact.path: no");
    assert_eq!(located(Kind::Rule, "new-issues", "/batch"), "hub.toml:13:8: rules.new-issues.batch: no");
    assert_eq!(located(Kind::Rule, "elsewhere", ""), "hub.toml:1:1: rules.elsewhere: no");
}

#[test]
fn settings_are_no_place_for_secrets() {
    let digest = Digest::of(b"");
    let text = format!("[plugins.p]\ndigest = \"{digest}\"\nconfig = {{ token = \"${{T}}\", more = [\"x\", \"file:key\"] }}\n");
    let told = told(&text);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("hub.toml:3:20: plugins.p.config.token: settings are no place for secrets"), "{told:?}");
    assert!(told[1].starts_with("hub.toml:3:41: plugins.p.config.more[1]: "), "{told:?}");
}

fn all_told(texts: &[(&str, &str)], names: Names) -> Vec<String> {
    let texts: Vec<_> = texts.iter().map(|&(label, text)| Text { label, text, folder: Path::new("") }).collect();
    read_all(&texts, names).expect_err("bad files").iter().map(ToString::to_string).collect()
}

#[test]
fn several_files_are_one() {
    let (rules, ways) = ("[rules.r]\ndestinations = [\"d\"]\n", "[destinations.d]\nurl = \"https://d\"\n");
    let texts = [("rules.toml", rules), ("ways.toml", ways)].map(|(label, text)| Text { label, text, folder: Path::new("") });
    let file = read_all(&texts, Names::Declared).expect("they fit");
    assert_eq!(file.entries.len(), 2);
    let problem = Problem { kind: Kind::Destination, name: "d".into(), pointer: "/url".into(), message: "no".into() };
    assert_eq!(file.locate(&problem).to_string(), "ways.toml:2:7: destinations.d.url: no");

    let twice = all_told(&[("a.toml", ways), ("b.toml", &format!("\n{ways}"))], Names::Declared);
    assert_eq!(twice, ["b.toml:2:15: destinations.d: declared twice: a.toml:1:15 has one too"]);
    let all =
        all_told(&[("a.toml", "[rules.r]\nplugns = []\n"), ("b.toml", "[sources.\n"), ("c.toml", "[source]\n")], Names::Declared);
    let files: Vec<&str> = all.iter().map(|error| &error[..6]).collect();
    assert!(files.starts_with(&["a.toml", "b.toml"]) && files.last() == Some(&"c.toml"), "{all:?}");
}

#[test]
fn what_stands_on_the_hub_may_be_named_where_it_stays() {
    let text = "[rules.r]\ndestinations = [\"d\"]\n[sources.s]\nverify = { scheme = \"plugin\", plugin = \"p\" }\n\
                [destinations.on]\nkind = \"hub\"\nsource = \"t\"\n";
    let texts = [Text { label: "f", text, folder: Path::new("") }];
    assert!(read_all(&texts, Names::Standing).is_ok());
    let told = all_told(&[("f", text)], Names::Declared);
    assert_eq!(told[0], "f:2:17: rules.r.destinations[0]: no destination is called `d`");
    assert_eq!(told[1], "f:4:40: sources.s.verify.plugin: no plugin is called `p`");
    assert_eq!(told[2], "f:7:10: destinations.on.source: no source is called `t`, did you mean `s`?");
}

#[test]
fn a_secret_may_be_said_to_stay() {
    let text = "[destinations.d]\nurl = \"https://d\"\nsecret = { set = true }\nsecrets = [{ secret = { set = true }, until = \"2030-01-01T00:00:00Z\" }]\n";
    assert!(read(text, "f").is_ok());
}

#[test]
fn one_entry_has_all_its_errors_told() {
    let text = r#"
[sources.shop]
verify = { scheme = "hmac", sceret = "x", headr = "y" }
max_body_bytes = "1 MiB"
mehtods = ["PUT"]

[destinations.crm]
urll = "https://crm.example.com"
timeout = "soon"
concurrency = [1, inf]
headers = { a = 1, b = "good", c = true }

[plugins.p]
path = "p.wasm"
limts = {}
grants = { sate = true, metrics = "yes" }

[rules.r]
match.source = ["shp"]
plugins = [5, "p", "q"]
destinatons = ["crm"]
"#;
    assert_eq!(
        told(text),
        [
            "hub.toml:3:29: sources.shop.verify.sceret: unknown key, did you mean `secret`?",
            "hub.toml:3:43: sources.shop.verify.headr: unknown key, did you mean `header`?",
            "hub.toml:4:18: sources.shop.max_body_bytes: expected a whole number, 0 or more, found a text",
            "hub.toml:5:1: sources.shop.mehtods: unknown key, did you mean `methods`?",
            "hub.toml:8:1: destinations.crm.urll: unknown key, did you mean `url`?",
            "hub.toml:9:11: destinations.crm.timeout: `soon` is not a length of time; write it as in \"250ms\", \"30s\", \"5m\" or \"2d\"",
            "hub.toml:10:15: destinations.crm.concurrency: expected a whole number, 0 or more, found a list",
            "hub.toml:10:19: destinations.crm.concurrency[1]: infinite numbers and `nan` are not used here",
            "hub.toml:11:17: destinations.crm.headers.a: expected a secret: text, or { value, ref }, found a whole number",
            "hub.toml:11:36: destinations.crm.headers.c: expected a secret: text, or { value, ref }, found true or false",
            "hub.toml:15:1: plugins.p.limts: unknown key, did you mean `limits`?",
            "hub.toml:16:12: plugins.p.grants.sate: unknown key, did you mean `state`?",
            "hub.toml:16:35: plugins.p.grants.metrics: expected true or false, found a text",
            "hub.toml:19:17: rules.r.match.source[0]: no source is called `shp`, did you mean `shop`?",
            "hub.toml:20:12: rules.r.plugins[0]: expected a text, found a whole number",
            "hub.toml:20:20: rules.r.plugins[2]: no plugin is called `q`, did you mean `p`?",
            "hub.toml:21:1: rules.r.destinatons: unknown key, did you mean `destinations`?",
        ]
    );
}

#[test]
fn what_stands_under_a_wrong_heading_is_known_by_name() {
    let text = "[destination.crm]\nurl = \"https://crm\"\ntimout = \"1s\"\n[rules.r]\ndestinations = [\"crm\"]\n[rules.s]\ndestinations = [\"d\"]\n\
                [destinations]\nd = 1\n";
    let told = told(text);
    assert!(told[0].starts_with("hub.toml:1:2: destination: unknown table"), "{told:?}");
    assert_eq!(told[1], "hub.toml:3:1: destinations.crm.timout: unknown key, did you mean `timeout`?");
    assert_eq!(told[2], "hub.toml:9:1: destinations.d: expected a table, found a whole number");
    assert_eq!(told.len(), 3, "{told:?}");
}
