//! The guest's whole file system: busybox, some of this machine's programs with their libraries,
//! the kernel's modules, and what is to be tested.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, bail, ensure};

use super::kernel::Unpacked;
use crate::command::{command, find, output};

/// What the tests run besides busybox's own programs, and instead of those with fewer options; its
/// shell prefers its own ones.
const PROGRAMS: [&str; 12] = [
    "sh", "ip", "tc", "bpftool", "ethtool", "tcpdump", "ping", "setpriv", "unshare", "prlimit",
    "timeout", "nohup",
];

/// Drivers of the interfaces that are tapped, what the tests make, and what lists sockets over
/// netlink: a guest does not load modules by itself. Where a kernel has one of
/// them built in, there is no such module.
const MODULES: [&str; 17] = [
    "virtio_pci",
    "virtio_net",
    "veth",
    "bridge",
    "vxlan",
    "8021q",
    "macvlan",
    "tun",
    "ipip",
    "ip_gre",
    "af_packet",
    "af_packet_diag",
    "udp_diag",
    "raw_diag",
    "sch_fq_codel",
    "sch_ingress",
    "cls_bpf",
];

/// The first process of the guest.
const INIT: &str = include_str!("init.sh");

/// tcpdump gives up its privileges to a user of its own.
const USERS: &str = "root:x:0:0::/:/bin/sh\ntcpdump:x:1:1::/:/bin/sh\n";

/// A file system in the making.
pub struct Initramfs {
    root: PathBuf,
}

impl Initramfs {
    /// With what every guest has.
    pub fn new(root: PathBuf) -> Result<Self> {
        let _ = fs::remove_dir_all(&root);
        for dir in ["bin", "proc", "sys", "dev", "tmp", "run", "etc", "tests", "modules"] {
            fs::create_dir_all(root.join(dir))?;
        }
        let mut initramfs = Self { root };
        initramfs.add_text("init", INIT)?;
        initramfs.add_text("etc/passwd", USERS)?;
        output(command("chmod").arg("755").arg(initramfs.root.join("init")))?;
        let busybox = find("busybox").context("busybox is not installed")?;
        initramfs.add_program(&busybox, "bin/busybox")?;
        for name in PROGRAMS {
            let Some(program) = find(name) else { continue };
            initramfs.add_program(&program, &format!("usr/bin/{name}"))?;
        }
        Ok(initramfs)
    }

    /// Adds a file of text.
    pub fn add_text(&mut self, to: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.root.join(to), text)?)
    }

    /// Adds a program, without its debugging information, and the libraries that it is linked to.
    pub fn add_program(&mut self, program: &Path, to: &str) -> Result<()> {
        let place = self.place(to)?;
        output(command("strip").arg("-o").arg(&place).arg(program))?;
        // Statically linked programs have none, and ldd says so by its exit code.
        let Ok(libraries) = output(command("ldd").arg(program)) else { return Ok(()) };
        let paths = libraries.split_whitespace().filter(|word| word.starts_with('/'));
        for library in paths.collect::<BTreeSet<_>>() {
            let place = self.place(library.trim_start_matches('/'))?;
            fs::copy(library, place).with_context(|| format!("cannot copy {library}"))?;
        }
        Ok(())
    }

    /// Adds the modules in the order in which they are to be loaded.
    pub fn add_modules(&mut self, kernel: &Unpacked) -> Result<()> {
        let Unpacked { root, release, .. } = kernel;
        output(command("depmod").arg("-b").arg(root).arg(release))?;
        let mut seen = BTreeSet::new();
        for module in MODULES {
            let mut modprobe = command("modprobe");
            modprobe.arg("-d").arg(root).args(["-S", release, "--show-depends", module]);
            let Ok(shown) = output(&mut modprobe) else { continue };
            let files = shown.lines().filter_map(|line| line.strip_prefix("insmod "));
            for file in files.filter_map(|file| file.split_whitespace().next()) {
                if seen.insert(file.to_owned()) {
                    let place = self.root.join(format!("modules/{:02}.ko", seen.len()));
                    copy_module(Path::new(file), &place)?;
                }
            }
        }
        ensure!(!seen.is_empty(), "the kernel has no modules in {}", root.display());
        Ok(())
    }

    /// Packs it into the archive that the kernel unpacks.
    pub fn pack(self) -> Result<PathBuf> {
        let archive = self.root.with_extension("cpio");
        let mut list =
            command("find").arg(".").current_dir(&self.root).stdout(Stdio::piped()).spawn()?;
        let names = list.stdout.take().context("find has no output")?;
        let mut cpio = command("busybox");
        cpio.args(["cpio", "-o", "-H", "newc"]).current_dir(&self.root).stdin(names);
        let packed = cpio.stdout(File::create(&archive)?).stderr(Stdio::null()).status()?;
        if !packed.success() || !list.wait()?.success() {
            bail!("cannot pack {}", archive.display());
        }
        Ok(archive)
    }

    fn place(&self, to: &str) -> Result<PathBuf> {
        let place = self.root.join(to);
        fs::create_dir_all(place.parent().context("a place without a folder")?)?;
        Ok(place)
    }
}

/// busybox's `insmod` takes only plain modules.
fn copy_module(file: &Path, to: &Path) -> Result<()> {
    if file.extension().is_some_and(|extension| extension == "xz") {
        let status = command("xz").arg("-dc").arg(file).stdout(File::create(to)?).status()?;
        ensure!(status.success(), "cannot unpack {}", file.display());
    } else {
        fs::copy(file, to)?;
    }
    Ok(())
}
