//! Builds a program of the eBPF crate. Shared with the build script of the benchmark's tool.
//!
//! aya-build does nearly this, but offers no way to choose the BPF instruction set.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, bail};
use object::build::elf::{Builder, SectionData};

/// The instruction set with 32-bit arithmetic and jumps, which every kernel from 5.1 has.
const BPF_CPU: &str = "v3";

/// Builds a binary of `vtap-ebpf` and leaves it in `OUT_DIR`, with `.o` after its name.
pub fn build(name: &str) -> ExitCode {
    match try_build(name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn try_build(name: &str) -> Result<()> {
    let manifest_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").context("not cargo")?);
    let workspace = manifest_dir.parent().context("no workspace")?;
    for part in ["vtap-ebpf", "vtap-common/src", "vtap-common/Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={}", workspace.join(part).display());
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", workspace.join("vtap-user/build").display());
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").context("OUT_DIR is not set")?);
    let toolchain = EbpfToolchain::find(&out_dir)?;
    let target = format!("bpf{}-unknown-none", if is_little_endian() { "el" } else { "eb" });
    let status = toolchain
        .cargo()?
        .args(["build", "--quiet", "--release", "--package", "vtap-ebpf", "--bin", name])
        .args(["-Zbuild-std=core", "--target", &target, "--target-dir"])
        .arg(&toolchain.target_dir)
        .current_dir(workspace)
        .status()
        .context("cannot run the eBPF toolchain's cargo: run `cargo xtask setup`")?;
    if !status.success() {
        bail!("the eBPF program {name} does not build");
    }
    let object = toolchain.target_dir.join(target).join("release").join(name);
    let object = without_debug_info(&fs::read(object)?).context("cannot strip the object")?;
    fs::write(out_dir.join(name).with_extension("o"), object)?;
    Ok(())
}

/// The object without DWARF, which is three quarters of it. The kernel wants only BTF, and what is
/// embedded takes memory.
fn without_debug_info(object: &[u8]) -> Result<Vec<u8>> {
    let mut object = Builder::read(object)?;
    for section in &mut object.sections {
        let name = section.name.as_slice();
        section.delete = name.starts_with(b".debug") || name.starts_with(b".rel.debug");
    }
    object.delete_orphans();
    // LLVM keeps the names of sections among those of symbols, and this writer does not.
    let names = object.sections.add();
    names.name = ".shstrtab".into();
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    object.write(&mut stripped)?;
    Ok(stripped)
}

fn is_little_endian() -> bool {
    env::var("CARGO_CFG_TARGET_ENDIAN").is_ok_and(|endian| endian == "little")
}

/// What `cargo xtask setup` found or installed.
struct EbpfToolchain {
    /// Prefix of an installed compiler (`/usr`), or name of a rustup toolchain.
    name: String,
    /// Whether a stable compiler is to accept unstable options.
    bootstrap: bool,
    linker_dir: PathBuf,
    /// Where all of its programs are built, so that `core` is built once.
    target_dir: PathBuf,
}

impl EbpfToolchain {
    fn find(out_dir: &Path) -> Result<Self> {
        // Setup writes into the target directory, which is some way up.
        let file = out_dir
            .ancestors()
            .map(|dir| dir.join("vtap-tools/toolchain.env"))
            .find(|file| file.exists());
        let found = file.as_deref().and_then(Self::read);
        found.context("the eBPF toolchain is not set up: run `cargo xtask setup`")
    }

    fn read(file: &Path) -> Option<Self> {
        println!("cargo:rerun-if-changed={}", file.display());
        let text = fs::read_to_string(file).ok()?;
        let value = |key| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.find(|pair| pair.0 == key).map(|pair| pair.1)
        };
        let linker_dir = PathBuf::from(value("LINKER_DIR")?);
        linker_dir.join("bpf-linker").exists().then_some(Self {
            name: value("TOOLCHAIN")?.to_owned(),
            bootstrap: value("RUSTC_BOOTSTRAP") == Some("1"),
            linker_dir,
            target_dir: file.with_file_name("ebpf"),
        })
    }

    /// The toolchain's cargo, set up to call its rustc and the BPF linker.
    fn cargo(&self) -> Result<Command> {
        let installed = Path::new(&self.name).is_absolute();
        let bin = Path::new(&self.name).join("bin");
        let mut cargo = if installed {
            let mut cargo = Command::new(bin.join("cargo"));
            cargo.env("RUSTC", bin.join("rustc"));
            cargo
        } else {
            let mut cargo = Command::new("rustup");
            cargo.args(["run", &self.name, "cargo"]).env_remove("RUSTC");
            cargo
        };
        let path = env::var_os("PATH").unwrap_or_default();
        let dirs = [self.linker_dir.clone()].into_iter().chain(env::split_paths(&path));
        let arch = env::var("CARGO_CFG_TARGET_ARCH").context("CARGO_CFG_TARGET_ARCH is not set")?;
        let rustflags = [
            format!("--cfg=bpf_target_arch=\"{arch}\""),
            format!("-Ctarget-cpu={BPF_CPU}"),
            "-Cdebuginfo=2".into(),
            "-Clink-arg=--btf".into(),
        ];
        cargo
            .env("PATH", env::join_paths(dirs)?)
            .env("CARGO_ENCODED_RUSTFLAGS", rustflags.join("\x1f"))
            // Of the cargo that runs this script, and for another compiler.
            .env_remove("RUSTC_WRAPPER")
            .env_remove("RUSTC_WORKSPACE_WRAPPER")
            .env_remove("RUSTUP_TOOLCHAIN");
        if self.bootstrap {
            cargo.env("RUSTC_BOOTSTRAP", "1");
        }
        Ok(cargo)
    }
}
