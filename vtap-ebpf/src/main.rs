//! vtap's XDP program: decapsulates, selects and delivers mirrored packets.
//!
//! A packet goes through `vtap_common::examine` (outer → tunnel → inner → decide) and then through
//! [`kernel::deliver`]. [`kernel`] maps each outcome to its verdict (drop or pass).
#![cfg_attr(target_arch = "bpf", no_std, no_main, feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
mod kernel;
#[cfg(target_arch = "bpf")]
mod object;

#[cfg(not(target_arch = "bpf"))]
fn main() {
    eprintln!("vtap-ebpf runs in the kernel: build vtap-user, which embeds it");
}
