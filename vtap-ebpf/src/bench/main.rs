//! The benchmark's own BPF programs: a generator of mirrored frames, and programs that vtap is
//! compared with.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod generate;
#[cfg(target_arch = "bpf")]
#[path = "../object.rs"]
mod object;
#[cfg(target_arch = "bpf")]
mod pace;
#[cfg(target_arch = "bpf")]
mod receive;
#[cfg(target_arch = "bpf")]
mod shape;

#[cfg(not(target_arch = "bpf"))]
fn main() {
    eprintln!("vtap-bench runs in the kernel: build vtap-bench-tool, which embeds it");
}
