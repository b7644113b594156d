//! Rust compilers that can build the eBPF program: recent ones that have the library's source, of
//! which `core` is built for the BPF target.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    command::{command, find, output},
    linker,
};

/// rustup's toolchain with unstable options.
pub const NIGHTLY: &str = "nightly";
/// Where Debian's packages install a compiler.
pub const SYSTEM: &str = "/usr";

/// A compiler that can be used.
#[derive(Debug)]
pub struct Compiler {
    /// A rustup toolchain's name, or the prefix of one that was installed without rustup.
    pub toolchain: &'static str,
    /// What it is built on, and so what the linker must understand.
    pub llvm: u32,
    release: String,
}

impl Compiler {
    /// Examines a toolchain; the error says why it can't be used.
    pub fn examine(toolchain: &'static str) -> Result<Self> {
        let version = Version::of(toolchain)?;
        version.check()?;
        let core = library_source(toolchain)?.join("core");
        ensure!(core.is_dir(), "it lacks the library's source ({})", core.display());
        Ok(Self { toolchain, llvm: version.llvm, release: version.release })
    }

    /// All that can be used as they are, the preferred one first.
    pub fn installed() -> Vec<Self> {
        let candidates = [NIGHTLY, SYSTEM].into_iter();
        candidates.filter_map(|toolchain| Self::examine(toolchain).ok()).collect()
    }

    /// Whether unstable options must be unlocked, as they are only in a nightly release.
    pub fn bootstrap(&self) -> bool {
        !self.release.contains("nightly")
    }
}

impl fmt::Display for Compiler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { toolchain, llvm, release } = self;
        write!(formatter, "rustc {release} ({toolchain}, LLVM {llvm}) with library source")
    }
}

/// What a nightly toolchain lacks that can't be used yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Only the library's source.
    Source,
    /// It is too old, or there is none.
    Release,
}

/// Looks what rustup's nightly toolchain lacks. A release that is too new for the linker is an
/// error: there is no newer one that would do.
pub fn nightly_lack() -> Result<Lack> {
    let Ok(version) = Version::of(NIGHTLY) else {
        return Ok(Lack::Release);
    };
    match version.check() {
        Ok(()) => Ok(Lack::Source),
        Err(error) if version.llvm > *linker::LLVM.end() => Err(error),
        Err(_) => Ok(Lack::Release),
    }
}

fn rustc(toolchain: &str) -> Result<Command> {
    let mut rustc = if Path::new(toolchain).is_absolute() {
        let bin = Path::new(toolchain).join("bin");
        ensure!(bin.join("rustc").exists() && bin.join("cargo").exists(), "it is not installed");
        command(bin.join("rustc"))
    } else {
        ensure!(find("rustup").is_some(), "rustup is not installed");
        let mut rustup = command("rustup");
        // Only looking must not install anything.
        rustup.env("RUSTUP_AUTO_INSTALL", "0").args(["run", toolchain, "rustc"]);
        rustup
    };
    // Cargo points this at the libraries of the compiler that built this program.
    rustc.env_remove("LD_LIBRARY_PATH");
    Ok(rustc)
}

fn library_source(toolchain: &str) -> Result<PathBuf> {
    let sysroot = output(rustc(toolchain)?.args(["--print", "sysroot"]))?;
    Ok(Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library"))
}

#[derive(Debug, PartialEq, Eq)]
struct Version {
    release: String,
    llvm: u32,
}

impl Version {
    fn of(toolchain: &str) -> Result<Self> {
        let text = output(rustc(toolchain)?.arg("-vV"))?;
        Self::parse(&text).with_context(|| format!("unexpected version: {text}"))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut pairs = text.lines().filter_map(|line| line.split_once(": "));
        let mut value = |name| pairs.find(|pair| pair.0 == name).map(|pair| pair.1);
        let release = value("release")?.to_owned();
        let llvm = value("LLVM version")?.split('.').next()?.parse().ok()?;
        Some(Self { release, llvm })
    }

    fn check(&self) -> Result<()> {
        let minimum = env!("CARGO_PKG_RUST_VERSION");
        if numbers(&self.release) < numbers(minimum) {
            bail!("rustc {} is older than {minimum}", self.release);
        }
        ensure!(
            linker::LLVM.contains(&self.llvm),
            "bpf-linker {} does not fit its LLVM {}",
            linker::VERSION,
            self.llvm
        );
        Ok(())
    }
}

/// Major and minor version.
fn numbers(release: &str) -> Vec<u32> {
    let parts = release.split(['.', '-']).take(2);
    parts.map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "\
rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)
binary: rustc
host: x86_64-unknown-linux-gnu
release: 1.96.0
LLVM version: 22.1.8
";

    fn version(release: &str, llvm: u32) -> Version {
        Version { release: release.into(), llvm }
    }

    #[test]
    fn reads_version() {
        assert_eq!(Version::parse(DEBIAN), Some(version("1.96.0", 22)));
        assert_eq!(Version::parse("rustc 1.96.0"), None);
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert!(version("1.96.0", 22).check().is_ok());
        assert!(version("1.101.0-nightly", 23).check().is_ok());
        assert!(version("2.0.0", 23).check().is_ok());
        assert!(version("1.63.0", 22).check().is_err());
        assert!(version("1.120.0", 99).check().is_err());
    }
}
