//! What is compiled once is not compiled again, what is not as it was written is, and a compiler that fails costs its component and
//! nothing else.

use std::{fs, path::Path};

use prometheus_client::encoding::text::encode;
use tempfile::TempDir;
use wasmtime::Config;

use super::{
    super::{
        aot::{Cache, Compiler},
        late::Facts,
    },
    guest::{DROP, KEEP},
    *,
};

const KEY: [u8; 32] = [7; 32];

fn options(folder: &Path) -> Options {
    Options { workers: 1, queue_max: 2, cache: Some(folder.join("compiled")), ..Options::default() }
}

/// A machine on this cache, as after a start of the host.
fn restarted(folder: &Path, key: [u8; 32]) -> World {
    let world = World::with(&options(folder));
    world.plugins.open_cache(Zeroizing::new(key));
    world
}

impl World {
    /// What the compiler was asked, and what was found on disk.
    fn compiled_and_found(&self) -> (u64, u64) {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("metrics");
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).expect("a metric");
            line.rsplit(' ').next().expect("a value").parse().expect("a number")
        };
        (value("sluicebox_plugin_compilations_total "), value("sluicebox_plugin_cache_hits_total "))
    }

    async fn load(&self, guest: &Guest) -> Result<(Digest, Exports), LoadError> {
        self.plugins.load("redact.wasm", guest.component()).await
    }
}

/// The files of the cache.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder.join("compiled")).expect("a folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_start_finds_what_was_compiled_before_it() {
    let folder = TempDir::new().expect("a folder");
    let first = restarted(folder.path(), KEY);
    first.load(&Guest::filter(KEEP)).await.expect("a plugin");
    assert_eq!(first.compiled_and_found(), (1, 0));

    let second = restarted(folder.path(), KEY);
    let plugin = second.plugin("guest", &Guest::filter(KEEP), json!({})).await;
    assert_eq!(messages(&second.chain(&[plugin]).await).len(), 1);
    assert_eq!(second.compiled_and_found(), (0, 1));
    second.load(&Guest::filter(KEEP)).await.expect("it is in the catalogue");
    assert_eq!(second.compiled_and_found(), (0, 1));
}

#[tokio::test]
async fn what_is_no_plugin_is_not_kept() {
    let folder = TempDir::new().expect("a folder");
    let world = restarted(folder.path(), KEY);
    let nothing = wat::parse_str("(component)").expect("a component");
    assert_eq!(world.plugins.load("a.wasm", nothing.into()).await.expect_err("exports nothing").code, "P002");
    assert_eq!(world.compiled_and_found(), (1, 0));
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn what_is_not_as_it_was_written_is_compiled_anew() {
    let folder = TempDir::new().expect("a folder");
    restarted(folder.path(), KEY).load(&Guest::filter(KEEP)).await.expect("a plugin");
    let file = files(folder.path()).remove(0);
    let sound = fs::read(&file).expect("an artefact");
    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        bytes
    };
    let longer = [&sound[..], b"\0"].concat();
    let damaged = [0, 1, 20, sound.len() / 2, sound.len() - 1].map(|length| sound[..length].to_vec());
    let damaged = damaged.into_iter().chain([0, 7, 8, 39, 40, sound.len() / 2, sound.len() - 1].map(flipped)).chain([longer]);
    for (number, bytes) in damaged.enumerate() {
        fs::write(&file, bytes).expect("damaged");
        let world = restarted(folder.path(), KEY);
        world.load(&Guest::filter(KEEP)).await.expect("a plugin all the same");
        assert_eq!(world.compiled_and_found(), (1, 0), "damage {number}");
        let mended = restarted(folder.path(), KEY);
        mended.load(&Guest::filter(KEEP)).await.expect("a plugin");
        assert_eq!(mended.compiled_and_found(), (0, 1), "after damage {number}");
    }
}

#[tokio::test]
async fn what_is_anothers_is_compiled_anew() {
    let folder = TempDir::new().expect("a folder");
    let first = restarted(folder.path(), KEY);
    first.load(&Guest::filter(KEEP)).await.expect("a plugin");
    let keep = files(folder.path()).remove(0);
    first.load(&Guest::filter(DROP)).await.expect("a plugin");
    let drop = files(folder.path()).into_iter().find(|file| *file != keep).expect("a second file");

    fs::copy(&drop, &keep).expect("under another component's name");
    let renamed = restarted(folder.path(), KEY);
    assert_eq!(messages(&renamed.run(&Guest::filter(KEEP)).await).len(), 1, "it keeps, and does not drop");
    assert_eq!(renamed.compiled_and_found(), (1, 0));

    let foreign = restarted(folder.path(), [8; 32]);
    foreign.load(&Guest::filter(KEEP)).await.expect("a plugin");
    assert_eq!(foreign.compiled_and_found(), (1, 0));
}

#[tokio::test]
async fn what_another_engine_compiled_is_compiled_anew() {
    let folder = TempDir::new().expect("a folder");
    let (component, world) = (Guest::filter(KEEP).component(), restarted(folder.path(), KEY));
    let other = Engine::new(Config::new().wasm_component_model(true)).expect("an engine");
    let stale = Compiler::new(other, &Options::default()).compile("a", &component).expect("compiles");
    let compiled = folder.path().join("compiled");
    let cache = Cache::open(&compiled, Zeroizing::new(KEY), &world.plugins.engine, 1 << 30).expect("opens");
    let facts = Facts { exports: Exports::default(), memory_bytes_at_start: 0 };
    cache.keep(&Digest::of(&component), &stale, facts);
    world.load(&Guest::filter(KEEP)).await.expect("a plugin all the same");
    assert_eq!(world.compiled_and_found(), (1, 0), "it has the right name and key, and yet does not fit");

    fs::write(compiled.join("00-x86_64-linux-0123456789abcdef.aot"), "stale").expect("written");
    fs::write(compiled.join("00.aot.tmp"), "half").expect("written");
    let swept = restarted(folder.path(), KEY);
    assert_eq!(files(folder.path()).len(), 1);
    swept.load(&Guest::filter(KEEP)).await.expect("a plugin");
    assert_eq!(swept.compiled_and_found(), (0, 1));
}

#[tokio::test]
async fn the_folder_is_bounded_and_need_not_be_there() {
    let folder = TempDir::new().expect("a folder");
    let small = World::with(&Options { cache_bytes_max: 1, ..options(folder.path()) });
    small.plugins.open_cache(Zeroizing::new(KEY));
    small.load(&Guest::filter(KEEP)).await.expect("a plugin");
    small.load(&Guest::filter(DROP)).await.expect("a plugin");
    assert_eq!(files(folder.path()).len(), 1, "the one that was written last");

    let barred = TempDir::new().expect("a folder");
    fs::write(barred.path().join("compiled"), "no folder").expect("written");
    let world = restarted(barred.path(), KEY);
    world.load(&Guest::filter(KEEP)).await.expect("a plugin all the same");
    assert_eq!(world.compiled_and_found(), (1, 0));
}

/// What becomes of a component whose compiler is the script of this name.
async fn compiled_by(compiler: &str) -> LoadError {
    let compiler = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plugin/tests/compilers").join(compiler);
    let compile = CompileLimits { wall_ms: if compiler.ends_with("hangs") { 100 } else { 60_000 }, ..CompileLimits::default() };
    let world = World::with(&Options { workers: 1, queue_max: 2, compiler: Some(compiler), compile, ..Options::default() });
    let error = world.load(&Guest::filter(KEEP)).await.expect_err("is not compiled");
    assert_eq!(world.compiled_and_found(), (1, 0));
    error
}

#[tokio::test]
async fn a_compiler_that_fails_tells_which_limit_and_setting() {
    for (compiler, code, words, setting) in [
        ("hangs", "P012", "was not compiled within 100 ms", "plugin.compile.wall_ms (`sluicebox serve --compile-wall-ms`)"),
        ("eats", "P012", "within 2048 MiB of memory", "--compile-memory-bytes"),
        ("burns", "P012", "within 60 s of processor time", "--compile-cpu-seconds"),
        ("crashes", "P013", "SIGSEGV", "not the plugin's fault"),
        ("is-not-there", "P013", "No such file", "not the plugin's fault"),
        ("refuses", "P009", "cannot be compiled: too many functions", "limits"),
    ] {
        let error = compiled_by(compiler).await;
        assert_eq!(error.code, code, "{compiler}: {error}");
        assert!(error.message.contains("redact.wasm") && error.message.contains(words), "{compiler}: {error}");
        assert!(error.message.contains(setting), "{compiler}: {error}");
    }
}
