//! The quick start, as a new user goes through it: in an empty folder with a clean home, with the page alone.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Instant,
};

use sluicebox_tests::{PATIENCE, process};
use tempfile::TempDir;

use crate::documents::page;

/// A step of the page.
#[derive(Debug)]
enum Step {
    /// A file's name and text.
    File(String, String),
    /// Commands for a shell.
    Run(String),
    /// A command that goes on, in a terminal of its own.
    Serve(String),
}

/// The blocks of a page in their order. A block of TOML is the file that the text before it names last.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut pieces = page.split("```");
    let mut text = pieces.next().unwrap_or_default();
    while let (Some(block), Some(after)) = (pieces.next(), pieces.next()) {
        let (language, block) = block.split_once('\n').expect("a block");
        steps.push(match language {
            "sh" => Step::Run(block.to_owned()),
            "sh serve" => Step::Serve(block.to_owned()),
            "toml" => Step::File(file_named_in(text), block.to_owned()),
            other => panic!("what is a block of `{other}`?"),
        });
        text = after;
    }
    steps
}

fn file_named_in(text: &str) -> String {
    let named = text.split('`').skip(1).step_by(2).find(|name| Path::new(name).extension().is_some_and(|e| e == "toml"));
    named.expect("the text before a file says its name").to_owned()
}

/// One shell after the other, each where and with the variables with which the last one ended.
struct Newcomer {
    home: TempDir,
    address: String,
    host: Option<Child>,
}

impl Newcomer {
    fn new() -> Self {
        let home = TempDir::new().expect("a folder");
        let bin = home.path().join("bin");
        fs::create_dir(&bin).expect("a folder");
        symlink(process::binary(), bin.join("sluicebox")).expect("a link");
        symlink(root(), home.path().join("sluicebox")).expect("a link");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        Self { home, address: format!("127.0.0.1:{port}"), host: None }
    }

    /// The page's address is the one that everybody would have; tests have one each.
    fn localized(&self, text: &str) -> String {
        text.replace("127.0.0.1:8484", &self.address)
    }

    fn shell(&self, script: &str) -> Command {
        let state = self.home.path().join("state");
        let (resume, keep) = (
            format!("[ -e {0} ] && . {0}", state.display()),
            format!("trap '{{ export -p; echo cd \"$PWD\"; }} > {}' EXIT", state.display()),
        );
        let mut shell = Command::new("bash");
        shell.arg("-c").arg(format!("{resume}\nset -euo pipefail\n{keep}\n{script}"));
        let path = format!("{}:{}", self.home.path().join("bin").display(), std::env::var("PATH").expect("a path"));
        // Cargo and rustup are found where they are, not below the clean home.
        let tools = ["CARGO_HOME", "RUSTUP_HOME"].map(|name| (name, std::env::var(name).ok()));
        shell.env_clear().env("PATH", path).env("HOME", self.home.path()).current_dir(self.home.path());
        shell.envs(tools.into_iter().filter_map(|(name, value)| Some((name, value?))));
        for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let standing = std::env::home_dir().map(|home| home.join(folder)).filter(|folder| folder.exists());
            if let (Err(_), Some(folder)) = (std::env::var(name), standing) {
                shell.env(name, folder);
            }
        }
        shell.env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", root().join("target/authoring"));
        shell.env("SLUICEBOX_URL", format!("http://{}", self.address)).env("SLUICEBOX_LISTEN", &self.address);
        shell
    }

    fn run(&self, script: &str) -> Output {
        self.shell(&self.localized(script)).stdin(Stdio::null()).output().expect("an end")
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::File(name, text) => {
                let put = format!("cat > {name} <<'END OF FILE'\n{}END OF FILE\n", self.localized(text));
                assert!(self.run(&put).status.success(), "{name}");
            }
            Step::Run(script) => {
                let output = self.run(script);
                let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
                assert!(output.status.success(), "{script}\n{told}");
            }
            Step::Serve(script) => {
                let log = fs::File::create(self.home.path().join("log")).expect("a file");
                let mut shell = self.shell(&format!("exec {}", self.localized(script)));
                self.host = Some(shell.stdin(Stdio::null()).stderr(log).spawn().expect("a host"));
                self.until_ready();
            }
        }
    }

    fn until_ready(&self) {
        let begun = Instant::now();
        while !self.run("sluicebox events > /dev/null 2>&1").status.success() {
            assert!(begun.elapsed() < PATIENCE, "{}", fs::read_to_string(self.home.path().join("log")).unwrap_or_default());
        }
    }

    /// Asks until the output has this.
    fn until(&self, command: &str, wanted: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        loop {
            let output = self.run(command);
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            if output.status.success() && wanted(&told) {
                return;
            }
            let failed = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(begun.elapsed() < PATIENCE, "{command} still says:\n{told}{failed}");
        }
    }

    fn stop(&mut self) {
        if let Some(mut host) = self.host.take() {
            drop(host.kill());
            drop(host.wait());
        }
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("a folder")
}

/// How often a word stands in a text.
fn times(text: &str, word: &str) -> usize {
    text.matches(word).count()
}

#[test]
fn the_quick_start_leads_where_it_says() {
    let mut newcomer = Newcomer::new();
    let mut delivered = 0;
    for step in steps(&page("docs/quick-start.md")) {
        newcomer.take(&step);
        // What the next step shows takes its moment; a person would look again.
        let Step::Run(script) = &step else { continue };
        if script.contains("sluicebox dead\n") {
            newcomer.until("sluicebox dead --json", |told| times(told, "\"delivery\"") >= 2);
        } else if script.contains("sluicebox retry") {
            delivered += 2;
        } else if script.contains("plugin.toml") && script.contains("trigger") {
            // By the rule from before and by the plugin's.
            delivered += 2;
        } else if script.contains("CRM_SECRET_BEFORE") {
            delivered += 2;
        } else if script.contains("trigger") {
            delivered += 1;
        }
        if delivered > 0 {
            newcomer.until("sluicebox deliveries --state delivered --json", |told| times(told, "\"destination\"") >= delivered);
        }
    }
    assert!(delivered >= 7, "the page sends something");

    // The copy goes on: what was delivered is there, and the next event is signed by the secrets from before.
    newcomer.stop();
    newcomer.take(&Step::Serve("sluicebox serve --data restored --allow-network 127.0.0.0/8".to_owned()));
    newcomer.take(&Step::Run(
        "sluicebox trigger shop sample.order.created --data restored --set type=order.paid --set id=7 --set total_cents=12300"
            .to_owned(),
    ));
    newcomer.until("sluicebox deliveries --data restored --state delivered --json", |told| {
        times(told, "\"destination\"") >= delivered + 2
    });
}
