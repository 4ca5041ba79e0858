//! What is wrong with hub files is told at once: by the reader of files and by the host, each thing once, with its place and its hint.

use std::{fs, process::Command};

use serde_json::{Value, json};
use sluicebox_tests::{guests, process};

use super::{World, expect};

const WAYS: &str = r#"[sources.github]
verify = { scheme = "github", sceret = "x", secret = "${UNSET_HERE}" }
mehtods = ["PUT"]

[destinations.crm]
urll = "https://crm.example.com/hooks"
timeout = "soon"
secret = "${UNSET_HERE}"

[destinations.own]
url = "ftp://own.example.com/"
secret = "no signing secret"
concurrency = 1000
tls = { client_certificate = "file:absent.pem", client_key = "${UNSET_HERE}" }

[plugins.redact]
path = "plugins/redact.wasm"
config = { feilds = ["a"] }
limits = { time_ms = 0 }

[plugins.absent]
path = "plugins/absent.wasm"

[plugins.junk]
path = "plugins/junk.wasm"

[plugins.foreign]
path = "plugins/foreign.wasm"
limits = { memry = 1 }
"#;

const RULES: &str = r#"[rules.issues]
match.source = ["gihtub"]
match.type = [{ prefx = "a" }]
match.data.n = []
plugins = ["redcat", "absent"]
destinations = ["crm", "onw"]

[rules.fine]
match.source = ["github"]
plugins = ["redact", "junk", "foreign"]
destinations = ["crm", "own"]

[rules.lost]
destinatons = ["crm"]
batch = { max_events = 0 }

[rule.typo]
destinations = ["crm"]
forward_headers = ["a b"]
"#;

/// Where each error is, and a part of what it says.
const TOLD: &[(&str, &str)] = &[
    ("ways.toml:2:31: sources.github.verify.sceret: ", "unknown key, did you mean `secret`?"),
    ("ways.toml:2:54: sources.github.verify.secret: ", "the environment variable UNSET_HERE is not set"),
    ("ways.toml:3:1: sources.github.mehtods: ", "unknown key, did you mean `methods`?"),
    ("ways.toml:6:1: destinations.crm.urll: ", "unknown key, did you mean `url`?"),
    ("ways.toml:7:11: destinations.crm.timeout: ", "`soon` is not a length of time"),
    ("ways.toml:8:10: destinations.crm.secret: ", "the environment variable UNSET_HERE is not set"),
    ("ways.toml:11:7: destinations.own.url: ", "a URL begins with `https://`"),
    ("ways.toml:12:10: destinations.own.secret: ", "whsec_"),
    ("ways.toml:13:15: destinations.own.concurrency: ", "256"),
    ("ways.toml:14:30: destinations.own.tls.client_certificate: ", "cannot read absent.pem"),
    ("ways.toml:14:62: destinations.own.tls.client_key: ", "the environment variable UNSET_HERE is not set"),
    ("ways.toml:18:21: plugins.redact.config.feilds: ", "did you mean `fields`?"),
    ("ways.toml:19:22: plugins.redact.limits.time_ms: ", "0 is not within 1 and 5000"),
    ("ways.toml:22:8: plugins.absent.path: ", "cannot read plugins/absent.wasm"),
    ("ways.toml:25:8: plugins.junk.path: ", "plugins/junk.wasm is no plugin: error[P001]: the file is not WebAssembly; build"),
    ("ways.toml:28:8: plugins.foreign.path: ", "its component is refused: "),
    ("ways.toml:29:12: plugins.foreign.limits.memry: ", "unknown key"),
    ("rules.toml:2:17: rules.issues.match.source[0]: ", "no source is called `gihtub`, did you mean `github`?"),
    ("rules.toml:3:15: rules.issues.match.type[0]: ", "the nearest is `prefix`"),
    ("rules.toml:4:16: rules.issues.match.data.n: ", "empty"),
    ("rules.toml:5:12: rules.issues.plugins[0]: ", "no plugin is called `redcat`, did you mean `redact`?"),
    ("rules.toml:6:24: rules.issues.destinations[1]: ", "no destination is called `onw`, did you mean `own`?"),
    ("rules.toml:14:1: rules.lost.destinatons: ", "unknown key, did you mean `destinations`?"),
    ("rules.toml:15:24: rules.lost.batch.max_events: ", "0 is outside of 1 to 10000"),
    ("rules.toml:17:2: rule: ", "unknown table; there are sources, destinations, plugins and rules, did you mean `rules`?"),
    ("rules.toml:19:20: rules.typo.forward_headers[0]: ", "`a b` is not a header name"),
];

fn lines(told: &str) -> Vec<&str> {
    told.lines().filter(|line| line.contains(".toml:")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_errors_of_files_and_hub_are_told_at_once() {
    let world = World::new().await;
    world.write("ways.toml", WAYS);
    world.write("rules.toml", RULES);
    world.write("plugins/junk.wasm", "no component");
    fs::write(world.path().join("plugins/foreign.wasm"), guests::component("wrong-interface")).expect("a file");
    for arguments in [&["apply", "ways.toml", "rules.toml"][..], &["apply", "--prune", "ways.toml", "rules.toml"]] {
        let told = world.ends(1, arguments);
        expect(&told, &["nothing was applied"]);
        let found = lines(&told);
        for (index, (place, hint)) in TOLD.iter().enumerate() {
            let line = found.get(index).copied().unwrap_or_default();
            assert!(line.starts_with(place) && line.contains(hint), "{place} {hint}\nis not {line:?} of\n{told}");
        }
        assert_eq!(found.len(), TOLD.len(), "no error follows from another:\n{told}");
    }
    let told = world.ends(1, &["apply", "nowhere.toml", "neither.toml"]);
    expect(&told, &["cannot read nowhere.toml: ", "cannot read neither.toml: "]);
    assert!(world.works(&["revisions", "list"]).is_empty(), "nothing was changed");
    let there = world.host.get("/v1/export").await.json;
    assert!(["sources", "destinations", "plugins", "rules"].iter().all(|kind| there[kind] == json!({})), "{there}");
    world.host.stop().await;
}

/// The same by the API, where no file has told anything before.
#[tokio::test(flavor = "multi_thread")]
async fn all_problems_of_a_call_are_told_at_once() {
    let world = World::new().await;
    let hub = json!({
        "sources": { "shop": { "verify": { "scheme": "none", "sceret": 1 }, "mehtods": 1 } },
        "destinations": { "crm": { "urll": "https://crm", "timeout": "1ms" } },
        "rules": { "r": { "match": { "source": ["shpo"], "type": 1 }, "destinations": ["crm", "cmr"], "plugns": [] } },
    });
    let refused = world.host.send("/v1/apply", &hub).await;
    assert_eq!(refused.status, 422, "{}", refused.json);
    let problems = refused.json["problems"].as_array().expect("problems");
    let place = |problem: &Value| format!("{} {} {}", problem["kind"], problem["name"], problem["pointer"]).replace('"', "");
    let mut places: Vec<String> = problems.iter().map(place).collect();
    places.sort();
    let expected = [
        "destinations crm /timeout",
        "destinations crm /urll",
        "rules r /destinations/1",
        "rules r /match/source/0",
        "rules r /match/type",
        "rules r /plugns",
        "sources shop /mehtods",
        "sources shop /verify/sceret",
    ];
    assert_eq!(places, expected, "{}", refused.json);
    world.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_rules_name_is_not_deleted() {
    let world = World::new().await;
    let hub = "[sources.shop]\nverify = { scheme = \"none\" }\n[destinations.crm]\nurl = \"https://crm.example.com\"\n\
               [rules.r]\nmatch.source = [\"shop\"]\ndestinations = [\"crm\"]\n";
    world.write("hub.toml", hub);
    world.works(&["apply", "hub.toml"]);
    let refused = world.host.delete("/v1/sources/shop").await;
    assert_eq!((refused.status, &refused.json["type"]), (422, &json!("urn:sluicebox:problem:in-use")), "{}", refused.json);
    world.write(
        "hub.toml",
        hub.split_once("[destinations").map(|(_, rest)| format!("[destinations{rest}")).expect("it is there").as_str(),
    );
    let told = world.ends(1, &["apply", "--prune", "hub.toml"]);
    expect(&told, &["hub.toml:4:17: rules.r.match.source[0]: no source is called `shop`"]);
    assert_eq!(lines(&told).len(), 1, "{told}");
    world.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_host_knows_is_left_where_it_does_not_answer() {
    let world = World::new().await;
    let (url, folder) = (world.host.url().to_owned(), world.folder);
    world.host.stop().await;
    let told = |text: &str| {
        fs::write(folder.path().join("hub.toml"), text).expect("a file");
        let mut command = Command::new(process::binary());
        command.args(["apply", "hub.toml", "--url", &url, "--key", "x"]).current_dir(folder.path());
        let output = command.output().expect("an end");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let wrong = told("[rules.r]\nplugns = []\n");
    expect(
        &wrong,
        &["hub.toml:2:1: rules.r.plugns: unknown key", "what only the host can check is not checked", "no host answers"],
    );
    let no_toml = told("[rules.r\n");
    assert!(no_toml.contains("hub.toml:1:") && !no_toml.contains("no host answers"), "{no_toml}");
    expect(&told("[rules.r]\ndestinations = [\"d\"]\n"), &["sluicebox: no host answers"]);
}
