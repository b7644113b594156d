//! Kernels from Debian's archive, unpacked and not installed.

use std::{
    fmt::{self, Write as _},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    command::{command, output, patiently},
    report,
};

/// Depends on the newest build; old ones leave the archive.
const NEWEST: &str = "linux-image-cloud-amd64";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const MIRROR: &str = "http://deb.debian.org/";

/// A line of kernels, and the suites that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    line: &'static str,
    suites: &'static [(&'static str, &'static str)],
}

/// Archive and suite.
const KERNELS: &[Kernel] = &[
    Kernel {
        line: "5.10",
        suites: &[("debian", "bullseye"), ("debian-security", "bullseye-security")],
    },
    Kernel { line: "6.1", suites: &[("debian", "bookworm")] },
    Kernel { line: "6.12", suites: &[("debian", "trixie")] },
    Kernel { line: "7.2", suites: &[("debian", "sid")] },
];

/// All of them, as an option's value.
pub const ALL: &str = "5.10,6.1,6.12,7.2";

impl std::str::FromStr for Kernel {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let known = KERNELS.iter().find(|kernel| kernel.line == line);
        known.cloned().ok_or_else(|| format!("the kernels are {ALL}"))
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.line)
    }
}

/// An unpacked kernel.
pub struct Unpacked {
    /// What the boot loader loads.
    pub image: PathBuf,
    /// Has its modules in `lib/modules`.
    pub root: PathBuf,
    /// As `uname -r` tells.
    pub release: String,
}

impl Kernel {
    /// Fetches and unpacks the newest build, unless one is in `dir` already.
    pub fn fetch(&self, dir: &Path) -> Result<Unpacked> {
        let root = dir.join("kernel");
        if let Ok(unpacked) = Unpacked::find(&root) {
            report::found(format_args!("kernel {} is in {}", unpacked.release, root.display()));
            return Ok(unpacked);
        }
        let apt = PrivateApt::new(self, &dir.join("apt"))?;
        report::doing(format_args!("looking up the newest kernel {self} in Debian's archive"));
        patiently(apt.run("apt-get").args(["-q", "update"]), None)?;
        let image = apt.depends(NEWEST, &["linux-image-"])?;
        let image = image.first().context("the archive's newest kernel has no image")?.clone();
        ensure!(
            image.starts_with(&format!("linux-image-{}.", self.line)),
            "the suite has {image} instead"
        );
        // Some builds have the image and the modules in packages of their own.
        let mut packages = apt.depends(&image, &["linux-binary-", "linux-modules-"])?;
        packages.push(image);
        report::doing(format_args!("fetching {}", packages.join(", ")));
        patiently(apt.run("apt-get").args(["-q", "download"]).args(&packages), None)?;
        unpack(&apt.dir, &root)?;
        Unpacked::find(&root)
    }
}

fn unpack(from: &Path, root: &Path) -> Result<()> {
    let partial = root.with_extension("partial");
    let _ = fs::remove_dir_all(&partial);
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            output(command("dpkg").arg("-x").arg(path).arg(&partial))?;
        }
    }
    // What is there has no kernel.
    let _ = fs::remove_dir_all(root);
    Ok(fs::rename(partial, root)?)
}

impl Unpacked {
    /// Newer packages have everything below `usr`, and the image beside the modules.
    fn find(root: &Path) -> Result<Self> {
        let bases = [root.to_owned(), root.join("usr")];
        let base = bases.into_iter().find(|base| base.join("lib/modules").is_dir());
        let base = base.with_context(|| format!("no modules in {}", root.display()))?;
        let modules = fs::read_dir(base.join("lib/modules"))?.next().context("no modules")??;
        let release = modules.file_name().to_string_lossy().into_owned();
        let images = [root.join(format!("boot/vmlinuz-{release}")), modules.path().join("vmlinuz")];
        let image = images.into_iter().find(|image| image.is_file());
        let image = image.with_context(|| format!("no image of {release}"))?;
        Ok(Self { image, root: base, release })
    }
}

/// apt with package lists of its own, which leaves this machine's as they are.
struct PrivateApt {
    dir: PathBuf,
}

impl PrivateApt {
    fn new(kernel: &Kernel, dir: &Path) -> Result<Self> {
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(part))?;
        }
        let mut sources = String::new();
        for (archive, suite) in kernel.suites {
            let uri = mirror(archive);
            writeln!(sources, "deb [signed-by={KEYRING} arch=amd64] {uri} {suite} main")?;
        }
        fs::write(dir.join("sources.list"), sources)?;
        let shown = dir.display();
        let config = format!(
            "Dir::State::lists \"{shown}/lists\";\n\
             Dir::Cache \"{shown}/cache\";\n\
             Dir::Etc::sourcelist \"{shown}/sources.list\";\n\
             Dir::Etc::sourceparts \"/dev/null\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::Check-Valid-Until \"false\";\n\
             Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n\
             APT::Sandbox::User \"root\";\n"
        );
        fs::write(dir.join("apt.conf"), config)?;
        Ok(Self { dir: dir.to_owned() })
    }

    fn run(&self, program: &str) -> Command {
        let mut apt = command(program);
        apt.env("APT_CONFIG", self.dir.join("apt.conf")).current_dir(&self.dir);
        apt
    }

    /// The packages that a package depends on and whose names begin so.
    fn depends(&self, package: &str, prefixes: &[&str]) -> Result<Vec<String>> {
        let shown = output(self.run("apt-cache").args(["--no-all-versions", "show", package]))?;
        let line = shown.lines().find_map(|line| line.strip_prefix("Depends: "));
        let line = line.with_context(|| format!("{package} depends on nothing"))?;
        let names = line.split([',', '|']).filter_map(|name| name.split_whitespace().next());
        let wanted = names.filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)));
        Ok(wanted.map(str::to_owned).collect())
    }
}

/// Where this machine gets such an archive from, else Debian's own server.
fn mirror(archive: &str) -> String {
    let lists = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let files = lists.map(|entry| entry.path()).chain([PathBuf::from("/etc/apt/sources.list")]);
    let text: String = files.filter_map(|file| fs::read_to_string(file).ok()).collect();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut uris = lines.flat_map(str::split_whitespace).map(|uri| uri.trim_end_matches('/'));
    let found = uris.find(|uri| uri.contains("://") && uri.ends_with(&format!("/{archive}")));
    found.map_or_else(|| format!("{MIRROR}{archive}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_known() {
        let all: Result<Vec<Kernel>, _> = ALL.split(',').map(str::parse).collect();
        assert_eq!(all.unwrap().len(), KERNELS.len());
        assert!("4.9".parse::<Kernel>().unwrap_err().contains("5.10"));
    }
}
