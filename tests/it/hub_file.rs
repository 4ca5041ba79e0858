//! The hub file as the truth: what differs, what is applied, what is exported, and the way back; by the command line as a person calls it, and
//! on files by chance.

mod chance;
mod editors;
mod errors;
mod first_steps;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};
use sluicebox_tests::{Host, guests, process};
use tempfile::TempDir;

use crate::documents::{blocks, page};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const HUB: &str = r#"[sources.github]
verify = { scheme = "github", secret = "${GH_SECRET}" }

[destinations.crm]
url = "https://crm.example.com/hooks"
secret = "file:crm.key"

[destinations.own]
url = "https://own.example.com/"

[plugins.redact]
path = "plugins/redact.wasm"
config = { fields = ["sender.email"] }

[rules.issues]
match.type = ["issues"]
match.data.action = ["opened", { prefix = "re" }]
plugins = ["redact"]
destinations = ["crm", "own"]
"#;

/// A host, and the folder of who works with it.
struct World {
    host: Host,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
        let world = Self { host, folder };
        fs::create_dir(world.path().join("plugins")).expect("a folder");
        fs::write(world.path().join("plugins/redact.wasm"), guests::module("redact")).expect("a file");
        fs::write(world.path().join("crm.key"), format!("{SECRET}\n")).expect("a file");
        world.write("hub.toml", HUB);
        world
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("a file");
    }

    fn call(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(process::binary());
        command.args(arguments).current_dir(self.path());
        // Which needs no host.
        if arguments[0] != "schema" {
            command.args(["--url", self.host.url(), "--key", self.host.key()]);
        }
        command.env("GH_SECRET", "canary-of-github").output().expect("an end")
    }

    /// What a command printed, which ended like this.
    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(!told.contains("canary-of") && !told.contains(SECRET), "{told}");
        told
    }

    fn works(&self, arguments: &[&str]) -> String {
        self.ends(0, arguments)
    }
}

fn expect(told: &str, parts: &[&str]) {
    for part in parts {
        assert!(told.contains(part), "{part:?} is missing in:\n{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_diff_tells_is_what_apply_does() {
    let world = World::new().await;
    let told = world.ends(3, &["diff", "hub.toml"]);
    expect(&told, &["+ source github", "+ destination crm", "secret: the secret is set, from file:crm.key", "+ rule issues"]);
    expect(&told, &["not uploaded yet", "5 changes to revision 0"]);
    assert_eq!(world.host.get("/v1/components/sha256:00").await.status, 400);
    assert!(world.works(&["revisions", "list"]).is_empty(), "nothing was done");

    let said = world.works(&["apply", "hub.toml", "-m", "first of all"]);
    expect(&said, &["created source github", "secret of destination own", "revision 1"]);
    expect(&world.works(&["diff", "hub.toml"]), &["nothing to change, revision 1"]);
    expect(&world.works(&["apply", "hub.toml"]), &["revision 1, nothing to change"]);

    world.write("hub.toml", &HUB.replace("[\"issues\"]", "[\"issues\", \"pulls\"]").replace("file:crm.key", "${GH_SECRET}"));
    let told = world.call(&["diff", "hub.toml", "--json"]);
    assert_eq!(told.status.code(), Some(1), "it would be refused");
    let plan: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!((&plan["changes"].as_array().map(Vec::len), &plan["revision"]), (&Some(2), &json!(1)));
    let field = json!({ "pointer": "/match/type", "before": ["issues"], "after": ["issues", "pulls"] });
    assert_eq!(plan["changes"][1]["fields"], json!([field]));
    let secret = json!([{ "pointer": "/secret", "before": { "ref": "file:crm.key" }, "after": { "ref": "${GH_SECRET}" }, "secret": true }]);
    assert_eq!(plan["changes"][0]["fields"], secret);
    // And that this is no signing secret at all.
    assert!(plan["problems"][0]["pointer"] == "/secret", "{plan}");
    world.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_do_not_overwrite_each_other() {
    let world = World::new().await;
    world.works(&["apply", "hub.toml"]);
    world.write("hub.toml", &HUB.replace("[\"issues\"]", "[\"pulls\"]"));
    world.host.put("/v1/sources/open", &json!({ "verify": { "scheme": "none" } })).await;
    let told = world.ends(1, &["apply", "hub.toml", "--expect", "1"]);
    expect(&told, &["made to revision 1", "revision 2 is in force"]);
    let hub = json!({ "rules": { "r": { "destinations": ["crm"] } } });
    let refused = world.host.send("/v1/apply?expect=1", &hub).await;
    assert_eq!((refused.status, &refused.json["type"]), (412, &json!("urn:sluicebox:problem:revision-changed")));
    assert_eq!(refused.json["revision"], 2);
    expect(&world.works(&["apply", "hub.toml", "--expect", "2"]), &["updated rule issues", "revision 3"]);
    world.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_what_was_applied() {
    let world = World::new().await;
    world.works(&["apply", "hub.toml"]);
    assert_eq!(world.works(&["export"]), HUB);
    world.works(&["export", "--output", "again.toml"]);
    expect(&world.works(&["diff", "--prune", "again.toml"]), &["nothing to change"]);

    // Elsewhere, with the components beside it.
    fs::create_dir(world.path().join("out")).expect("a folder");
    world.works(&["export", "--output", "out/hub.toml", "--components", "out/wasm"]);
    let exported = fs::read_to_string(world.path().join("out/hub.toml")).expect("a file");
    expect(&exported, &["path = \"wasm/redact.wasm\""]);
    fs::copy(world.path().join("crm.key"), world.path().join("out/crm.key")).expect("copied");
    let elsewhere = World { host: Host::start().await, folder: TempDir::new().expect("a folder") };
    let file = world.path().join("out/hub.toml").display().to_string();
    expect(&elsewhere.works(&["apply", &file]), &["created rule issues", "secret of destination own"]);
    let digest = |export: Value| export["plugins"]["redact"]["digest"].clone();
    let [here, there] = [world.host.get("/v1/export").await.json, elsewhere.host.get("/v1/export").await.json].map(digest);
    assert_eq!(here, there, "the same bytes");
    elsewhere.host.stop().await;
    world.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_changed_since_is_told_and_overwritten() {
    let world = World::new().await;
    expect(&world.works(&["drift"]), &["no hub file was applied yet"]);
    world.works(&["apply", "hub.toml"]);
    expect(&world.works(&["drift"]), &["nothing was changed since the hub file of revision 1"]);
    let mut rule = world.host.get("/v1/rules/issues").await.json;
    rule["match"]["type"] = json!(["by hand"]);
    assert_eq!(world.host.put("/v1/rules/issues", &rule).await.status, 200);
    assert_eq!(world.host.delete("/v1/sources/github").await.status, 200);
    let told = world.works(&["drift"]);
    expect(
        &told,
        &["updated rule issues in revision 2", "deleted source github in revision 3", "since the hub file of revision 1"],
    );
    let told = world.ends(3, &["diff", "hub.toml"]);
    expect(&told, &["+ source github  (changed by the API since, in revision 3)", "~ rule issues  (changed by the API since"]);
    let said = world.works(&["apply", "hub.toml"]);
    expect(&said, &["warning: rule issues was changed by the API in revision 2", "updated rule issues"]);
    expect(&world.works(&["drift"]), &["nothing was changed since the hub file of revision 4"]);
    world.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn revisions_are_listed_compared_and_brought_back() {
    let world = World::new().await;
    world.works(&["apply", "hub.toml", "--message", "the first"]);
    let first = world.host.get("/v1/export").await.json;
    world.write("other.toml", "[sources.open]\nverify = { scheme = \"none\" }\n");
    world.works(&["apply", "--prune", "other.toml", "--message", "the second"]);
    let listed = world.works(&["revisions", "list"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].contains("+1 ~0 -5  the second") && lines[1].contains("+5 ~0 -0  the first"), "{listed}");
    expect(&world.works(&["revisions", "list", "--limit", "1"]), &["the second", "more: --after 2"]);
    expect(&world.works(&["revisions", "list", "--after", "2"]), &["the first"]);
    expect(&world.works(&["revisions", "show", "2"]), &["+ source open", "- rule issues"]);
    expect(&world.works(&["revisions", "diff", "1", "2"]), &["- destination crm", "+ source open"]);
    expect(&world.works(&["revisions", "diff", "2"]), &["nothing differs between revision 2 and 2"]);
    expect(&world.ends(1, &["revisions", "show", "9"]), &["no revision 9"]);

    let told = world.ends(1, &["rollback", "1", "--expect", "1"]);
    expect(&told, &["revision 2 is in force"]);
    expect(&world.works(&["rollback", "1"]), &["created rule issues", "deleted source open", "revision 3"]);
    let back = world.host.get("/v1/export").await.json;
    assert_eq!(back["rules"], first["rules"]);
    assert_eq!(back["destinations"], first["destinations"]);
    expect(&world.works(&["diff", "--prune", "hub.toml"]), &["nothing to change"]);
    let listed = world.host.get("/v1/revisions/3").await.json;
    assert_eq!((&listed["origin"], &listed["message"]), (&json!("rollback"), &json!("back to revision 1")));
    world.host.stop().await;
}

/// The page's hub file and its commands, in order, as they stand there.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_work() {
    let (world, page) = (World::new().await, page("docs/hub-file.md"));
    world.write("hub.toml", &blocks(&page, "toml")[0].replace("GITHUB_WEBHOOK_SECRET", "GH_SECRET"));
    for line in blocks(&page, "sh").concat().lines() {
        let command = line.split('#').next().unwrap_or_default().trim();
        let (command, file) = command.split_once(" > ").unwrap_or((command, ""));
        let mut quoted = command.strip_prefix("sluicebox ").expect("a command").split('"');
        let mut words: Vec<&str> = quoted.next().unwrap_or_default().split_whitespace().collect();
        words.extend(quoted.next());
        let told = world.ends(if words[0] == "diff" { 3 } else { 0 }, &words);
        if !file.is_empty() {
            world.write(file, &told);
        }
    }
    assert_eq!(world.host.get("/v1/revisions").await.json["items"][0]["message"], "issues to CRM");
    world.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_and_folders_are_one() {
    let world = World::new().await;
    fs::create_dir(world.path().join("conf")).expect("a folder");
    let (ways, rules) = HUB.split_once("[plugins.redact]").expect("two halves");
    world.write("conf/1-ways.toml", &ways.replace("file:crm.key", "file:../crm.key"));
    world.write("conf/2-rules.toml", &format!("[plugins.redact]{}", rules.replace("plugins/redact", "../plugins/redact")));
    world.write("conf/notes.txt", "no hub file");
    world.works(&["apply", "--prune", "conf"]);
    expect(&world.works(&["diff", "conf/2-rules.toml", "conf/1-ways.toml"]), &["nothing to change"]);
    // What stands on the hub may be named, as long as it stays.
    expect(&world.works(&["diff", "conf/2-rules.toml"]), &["nothing to change"]);
    expect(
        &world.ends(1, &["diff", "--prune", "conf/2-rules.toml"]),
        &["conf/2-rules.toml:9:17", "no destination is called `crm`"],
    );
    let told = world.ends(1, &["apply", "conf", "hub.toml"]);
    expect(&told, &["hub.toml:1:10: sources.github: declared twice: conf/1-ways.toml:1:10"]);
    world.host.stop().await;
}
