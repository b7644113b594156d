//! The record of what builds the eBPF program, which setup leaves for vtap's build script.

use std::{
    fmt::{self, Display},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::compiler::Compiler;

/// What `toolchain.env` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    name: String,
    bootstrap: bool,
    linker_dir: PathBuf,
    /// The linker's, which may be newer than the compiler's.
    llvm: Option<u32>,
}

impl Toolchain {
    /// A compiler with its linker.
    pub fn new(compiler: &Compiler, linker_dir: PathBuf, llvm: u32) -> Self {
        Self {
            name: compiler.toolchain.to_owned(),
            bootstrap: compiler.bootstrap(),
            linker_dir,
            llvm: Some(llvm),
        }
    }

    /// The recorded one, if it is still there.
    pub fn read(tools: &Path) -> Option<Self> {
        let text = fs::read_to_string(file(tools)).ok()?;
        Self::parse(&text).filter(|toolchain| toolchain.linker_dir.join("bpf-linker").exists())
    }

    /// Records it. An equal record stays untouched, since a newer file means a new eBPF build.
    pub fn write(&self, tools: &Path) -> Result<()> {
        let (file, text) = (file(tools), self.to_string());
        if fs::read_to_string(&file).is_ok_and(|old| old == text) {
            return Ok(());
        }
        fs::create_dir_all(tools)
            .and_then(|()| fs::write(&file, text))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Whether it is this compiler with a linker in this place that understands it.
    pub fn fits(&self, compiler: &Compiler, linker_dir: &Path) -> bool {
        self.name == compiler.toolchain
            && self.linker_dir == linker_dir
            && self.llvm.is_some_and(|llvm| llvm >= compiler.llvm)
    }

    /// Its compiler, if that can still be used.
    pub fn compiler(&self) -> Option<Compiler> {
        Compiler::installed().into_iter().find(|compiler| compiler.toolchain == self.name)
    }

    fn parse(text: &str) -> Option<Self> {
        let value = |key| {
            let mut pairs = text.lines().filter_map(|line| line.split_once('='));
            pairs.find(|pair| pair.0 == key).map(|pair| pair.1)
        };
        Some(Self {
            name: value("TOOLCHAIN")?.to_owned(),
            bootstrap: value("RUSTC_BOOTSTRAP") == Some("1"),
            linker_dir: value("LINKER_DIR")?.into(),
            llvm: value("LINKER_LLVM").and_then(|llvm| llvm.parse().ok()),
        })
    }
}

impl Display for Toolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, bootstrap, linker_dir, llvm } = self;
        writeln!(formatter, "TOOLCHAIN={name}")?;
        writeln!(formatter, "RUSTC_BOOTSTRAP={}", u8::from(*bootstrap))?;
        writeln!(formatter, "LINKER_DIR={}", linker_dir.display())?;
        llvm.map_or(Ok(()), |llvm| writeln!(formatter, "LINKER_LLVM={llvm}"))
    }
}

fn file(tools: &Path) -> PathBuf {
    tools.join("toolchain.env")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(linker_dir: &Path) -> Toolchain {
        Toolchain {
            name: "/usr".into(),
            bootstrap: true,
            linker_dir: linker_dir.into(),
            llvm: Some(22),
        }
    }

    #[test]
    fn text_is_read_back() {
        let toolchain = example(Path::new("/a b/bin"));
        assert_eq!(Toolchain::parse(&toolchain.to_string()), Some(toolchain));
    }

    #[test]
    fn only_name_and_linker_are_mandatory() {
        let parsed = Toolchain::parse("LINKER_DIR=/bin\nTOOLCHAIN=nightly\n").unwrap();
        assert!(!parsed.bootstrap);
        assert_eq!(parsed.llvm, None);
        assert_eq!(Toolchain::parse("TOOLCHAIN=nightly\n"), None);
    }

    #[test]
    fn missing_linker_voids_the_record() {
        let dir = tempfile::tempdir().unwrap();
        example(dir.path()).write(dir.path()).unwrap();
        assert_eq!(Toolchain::read(dir.path()), None);
        fs::write(dir.path().join("bpf-linker"), "").unwrap();
        assert_eq!(Toolchain::read(dir.path()), Some(example(dir.path())));
    }

    #[test]
    fn equal_record_is_not_rewritten() {
        let dir = tempfile::tempdir().unwrap();
        example(dir.path()).write(dir.path()).unwrap();
        let written = || fs::metadata(file(dir.path())).unwrap().modified().unwrap();
        let first = written();
        example(dir.path()).write(dir.path()).unwrap();
        assert_eq!(written(), first);
    }
}
