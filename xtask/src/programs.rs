//! Programs that the lab, the tests and the benchmark run.

use crate::command::find;

/// A program, and the packages that have it.
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// What becomes of the lab and the tests without it, if they can do without.
    pub without: Option<&'static str>,
    /// Debian's package.
    pub apt: &'static str,
    /// Fedora's and Oracle Linux's.
    pub dnf: &'static str,
}

const fn needed(name: &'static str, apt: &'static str, dnf: &'static str) -> Program {
    Program { name, without: None, apt, dnf }
}

const fn optional(name: &'static str, package: &'static str, without: &'static str) -> Program {
    Program { name, without: Some(without), apt: package, dnf: package }
}

const UNTESTED: &str = "the tests that need it are skipped";

/// All of them.
pub const PROGRAMS: [Program; 8] = [
    needed("ip", "iproute2", "iproute"),
    needed("tc", "iproute2", "iproute-tc"),
    needed("ping", "iputils-ping", "iputils"),
    optional(
        "ethtool",
        "ethtool",
        "TCP and UDP packets mirrored in the lab have unfinished checksums",
    ),
    optional("tcpdump", "tcpdump", UNTESTED),
    Program { dnf: "wireshark-cli", ..optional("tshark", "tshark", UNTESTED) },
    optional("bpftool", "bpftool", UNTESTED),
    optional("valgrind", "valgrind", "instructions of the user side are not counted"),
];

const UNCOMPARED: &str = "vtap is not compared with it";

/// What the benchmark compares with, and needs for that.
pub const PEERS: [Program; 6] = [
    optional("taskset", "util-linux", "there is no benchmark"),
    optional("ethtool", "ethtool", "there is no benchmark"),
    optional("tcpdump", "tcpdump", UNCOMPARED),
    Program { dnf: "nftables", ..optional("nft", "nftables", "tcpdump is not tuned") },
    Program { dnf: "wireshark-cli", ..optional("dumpcap", "wireshark-common", UNCOMPARED) },
    optional("xdpdump", "xdp-tools", UNCOMPARED),
];

/// What tests on other kernels need besides.
pub const VM_PROGRAMS: [Program; 4] = [
    needed("qemu-system-x86_64", "qemu-system-x86", "qemu-system-x86-core"),
    needed("busybox", "busybox-static", "busybox"),
    needed("depmod", "kmod", "kmod"),
    needed("xz", "xz-utils", "xz"),
];

impl Program {
    /// Whether it can be run.
    pub fn installed(&self) -> bool {
        find(self.name).is_some()
    }
}

/// The missing ones without which there is no lab.
pub fn missing() -> Vec<&'static Program> {
    missing_of(&PROGRAMS)
}

/// The missing ones that can't be done without.
pub fn missing_of(programs: &'static [Program]) -> Vec<&'static Program> {
    let needed = programs.iter().filter(|program| program.without.is_none());
    needed.filter(|program| !program.installed()).collect()
}
