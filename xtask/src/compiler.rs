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

/// The toolchain that rustup is asked for. Whether a kernel's verifier accepts the program depends on
/// the code that the compiler makes of it, so this is one certain release: 1.96 nightly with LLVM 22,
/// from the cycle of [`KNOWN`]. It was chosen for that, and was not itself tested on the kernels.
pub const NIGHTLY: &str = "nightly-2026-04-03";
/// Where Debian's packages install a compiler.
pub const SYSTEM: &str = "/usr";

/// Releases, with the major version of their LLVM, whose program was accepted by every kernel of
/// `cargo xtask test --vm`: Debian's package `rustc-web`.
const KNOWN: [(&str, u32); 1] = [("1.96.0", 22)];

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

    /// All that can be used as they are. The preferred one comes first: one that is known to make
    /// what kernels accept.
    pub fn installed() -> Vec<Self> {
        let candidates = [NIGHTLY, SYSTEM].into_iter();
        let mut found: Vec<_> =
            candidates.filter_map(|toolchain| Self::examine(toolchain).ok()).collect();
        found.sort_by_key(|compiler| compiler.doubt().is_some());
        found
    }

    /// Why the kernel may refuse what it makes, if that is so.
    pub fn doubt(&self) -> Option<String> {
        let Self { release, llvm, .. } = self;
        if KNOWN.contains(&(release, *llvm)) {
            return None;
        }
        let known = KNOWN.map(|(release, llvm)| format!("rustc {release} with LLVM {llvm}"));
        Some(format!(
            "kernels may refuse the eBPF program: it was tested as made by {}, not by rustc \
             {release} with LLVM {llvm}. `cargo xtask test --vm` tells whether they accept it",
            known.join(", ")
        ))
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

/// Whether rustup has its toolchain, if only without the library's source.
pub fn has_nightly() -> bool {
    Version::of(NIGHTLY).is_ok()
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
    fn only_tested_releases_are_without_doubt() {
        let compiler =
            |release: &str, llvm| Compiler { toolchain: SYSTEM, llvm, release: release.to_owned() };
        assert_eq!(compiler("1.96.0", 22).doubt(), None);
        for (release, llvm) in [("1.96.0", 23), ("1.96.1", 22), ("1.96.0-nightly", 22)] {
            let doubt = compiler(release, llvm).doubt().unwrap();
            assert!(doubt.contains(&format!("rustc {release} with LLVM {llvm}")), "{doubt}");
            assert!(doubt.contains("made by rustc 1.96.0 with LLVM 22"), "{doubt}");
        }
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
