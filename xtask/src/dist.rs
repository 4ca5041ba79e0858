//! `cargo xtask dist`: what is handed to others, in `target/dist`. The binary is static (musl), so that it runs on every Linux and in an
//! image that holds nothing else; glibc would look up names by libraries that have to be there, of its own version.

use std::{
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, bail, ensure};

use crate::{bounded::run_within, cargo, licences, official, root, run, step, target_folder};

const PROFILE: &str = "shipped";

/// Ten minutes on a machine of its own; on one that is busy, a multiple.
const BUILD_TIME_MAX: Duration = Duration::from_secs(90 * 60);

/// What the binary is meant to stay under.
const BINARY_BYTES_AIM: u64 = 40_000_000;

/// A completion script: the shell, and the name by which the shell finds it.
const COMPLETIONS: [(&str, &str); 3] = [("bash", "sluicebox.bash"), ("zsh", "_sluicebox"), ("fish", "sluicebox.fish")];

/// What goes along with the binary, as it is in the sources.
const BESIDE: [&str; 3] = ["LICENSE", "CHANGELOG.md", "packaging/sluicebox.service"];

/// Builds and gathers all of it.
pub(crate) fn make() -> anyhow::Result<()> {
    let target = format!("{ARCH}-unknown-linux-musl");
    install_target(&target)?;
    step("building the binary (ten minutes and more: it contains a WebAssembly compiler)");
    let mut build = cargo();
    build.args(["build", "--locked", "--profile", PROFILE, "--target", &target, "--package", "sluicebox", "--bins"]);
    run_within(BUILD_TIME_MAX, &mut build)?;
    let built = target_folder().join(&target).join(PROFILE);
    ensure!(is_static(&built.join("sluicebox"))?, "the binary asks for a loader; it was meant to be static");
    put_beside(&built, &target)?;

    let dist = target_folder().join("dist");
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }
    // Empty: what the image's volume begins with.
    fs::create_dir_all(dist.join("empty"))?;
    step("packing");
    let archive = format!("sluicebox-{}-{ARCH}-linux", env!("CARGO_PKG_VERSION"));
    gather(&built, &dist.join(&archive))?;
    fs::copy(built.join("sluicebox"), dist.join("sluicebox"))?;
    run(Command::new("tar")
        .args(["--create", "--gzip", "--owner=0", "--group=0", "--sort=name", "--file"])
        .args([&format!("{archive}.tar.gz"), &archive])
        .current_dir(&dist))?;
    pack_debian(&official::need(official::DEBIAN)?, &["--target", &target], &dist, &target_folder())?;
    sums(&dist)?;
    tell(&dist)
}

/// A Debian package of this build's debug binary: for tests, which look at its shape each time, and have no time for the build of the other.
pub(crate) fn package_for_tests(cargo_deb: &Path, binary: &Path) -> anyhow::Result<PathBuf> {
    let folder = target_folder().join("packaging");
    let (built, file) = (folder.join(PROFILE), folder.join("sluicebox.deb"));
    let changed = |file: &Path| fs::metadata(file).and_then(|file| file.modified());
    if changed(&file).is_ok_and(|made| changed(binary).is_ok_and(|built| built < made)) {
        return Ok(file);
    }
    step("packing the Debian package that is tested");
    fs::create_dir_all(&built)?;
    run(Command::new("strip").arg("-o").arg(built.join("sluicebox")).arg(binary))?;
    put_beside(&built, &format!("{ARCH}-unknown-linux-musl"))?;
    pack_debian(cargo_deb, &["--fast"], &file, &folder)?;
    Ok(file)
}

fn pack_debian(cargo_deb: &Path, how: &[&str], to: &Path, target_folder: &Path) -> anyhow::Result<()> {
    let mut deb = Command::new(cargo_deb.join("bin/cargo-deb"));
    deb.args(["--no-build", "--no-strip", "--package", "sluicebox", "--profile", PROFILE, "--output"]).arg(to).args(how);
    run(deb.current_dir(root()).env("CARGO_TARGET_DIR", target_folder))
}

fn install_target(target: &str) -> anyhow::Result<()> {
    let added = Command::new("rustup").args(["target", "add", target]).current_dir(root()).status();
    ensure!(
        added.is_ok_and(|status| status.success()),
        "this Rust has no standard library for {target}: rustup target add {target}"
    );
    let compiler = Command::new("musl-gcc").arg("--version").output();
    ensure!(
        compiler.is_ok(),
        "there is no C compiler for {target}: apt-get install musl-tools, or what has `musl-gcc` elsewhere"
    );
    Ok(())
}

/// What is made by the binary or of its sources, where cargo-deb looks for it.
fn put_beside(built: &Path, target: &str) -> anyhow::Result<()> {
    let folder = built.join("completions");
    fs::create_dir_all(&folder)?;
    for (shell, file) in COMPLETIONS {
        let made = Command::new(built.join("sluicebox")).args(["completions", shell]).output()?;
        ensure!(made.status.success(), "sluicebox completions {shell}: {}", String::from_utf8_lossy(&made.stderr));
        fs::write(folder.join(file), made.stdout)?;
    }
    fs::write(built.join("THIRD-PARTY.txt"), licences::of_what_is_linked(target)?)?;
    Ok(())
}

fn gather(built: &Path, into: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(into.join("completions"))?;
    for file in ["sluicebox", "THIRD-PARTY.txt"]
        .map(PathBuf::from)
        .into_iter()
        .chain(COMPLETIONS.map(|(_, file)| Path::new("completions").join(file)))
    {
        fs::copy(built.join(&file), into.join(&file)).with_context(|| file.display().to_string())?;
    }
    for file in BESIDE {
        let name = Path::new(file).file_name().unwrap_or_default();
        fs::copy(root().join(file), into.join(name)).context(file)?;
    }
    Ok(())
}

/// Whether a 64-bit ELF file names no program that has to load it (a segment PT_INTERP).
fn is_static(file: &Path) -> anyhow::Result<bool> {
    const PT_INTERP: u32 = 3;
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    let number = |at: usize, size: usize| -> anyhow::Result<u64> {
        let field = bytes.get(at..at + size).context("no ELF file")?;
        Ok(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    };
    ensure!(bytes.starts_with(b"\x7fELF\x02\x01"), "{} is no 64-bit ELF file", file.display());
    let (first, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for segment in 0..count {
        if number(usize::try_from(first + segment * size)?, 4)? == u64::from(PT_INTERP) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn sums(dist: &Path) -> anyhow::Result<()> {
    let mut files: Vec<String> = Vec::new();
    for entry in fs::read_dir(dist)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    files.sort();
    let made = Command::new("sha256sum").args(&files).current_dir(dist).output()?;
    ensure!(made.status.success(), "sha256sum: {}", String::from_utf8_lossy(&made.stderr));
    Ok(fs::write(dist.join("SHA256SUMS"), made.stdout)?)
}

/// The sizes, also where they are not what they were meant to be.
fn tell(dist: &Path) -> anyhow::Result<()> {
    step(&format!("done: {}", dist.display()));
    let mut lines = Vec::new();
    for entry in fs::read_dir(dist)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            lines.push(format!("{:>12} bytes  {}", entry.metadata()?.len(), entry.file_name().to_string_lossy()));
        }
    }
    lines.sort_by(|a, b| a[19..].cmp(&b[19..]));
    println!("{}", lines.join("\n"));
    let size = fs::metadata(dist.join("sluicebox"))?.len();
    if size > BINARY_BYTES_AIM {
        bail!("the binary has {size} bytes, more than the {BINARY_BYTES_AIM} that it is meant to stay under");
    }
    Ok(())
}
