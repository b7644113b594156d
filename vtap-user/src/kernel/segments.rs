//! How the kernel side learns that a frame holds several datagrams.
//!
//! Generic XDP is handed frames into which the kernel has put several datagrams (`UDP_SEGMENT` of a
//! sender at the other end of a veth, UDP GRO below a bridge or a bond). How long each of them is,
//! only the socket buffer tells (`gso_size`), which an XDP program does not see. A tracepoint that
//! fires just before generic XDP does see it; where the fields are differs between kernels.

mod btf;

use std::fs;

use anyhow::{Context as _, Result, ensure};
use vtap_common::abi::SkbLayout;

use self::btf::Btf;

const KERNEL: &str = "/sys/kernel/btf/vmlinux";

/// Where this kernel keeps the fields.
pub fn skb_layout() -> Result<SkbLayout> {
    let read = || layout(&Btf::parse(fs::read(KERNEL)?)?);
    read().with_context(|| format!("cannot use the kernel's type information, {KERNEL}"))
}

fn layout(btf: &Btf) -> Result<SkbLayout> {
    let end = btf.offset("sk_buff", "end")?;
    // On 64-bit machines `end` is an offset of 32 bits. The program reads both at once, in a piece of
    // 16 bytes.
    let head = btf.offset("sk_buff", "head")?;
    let near = [4, 8].map(|distance| end + distance).contains(&head);
    ensure!(near, "sk_buff.end is at {end}, and sk_buff.head at {head}");
    let tunnels = [btf.constant("SKB_GSO_UDP_TUNNEL")?, btf.constant("SKB_GSO_UDP_TUNNEL_CSUM")?];
    Ok(SkbLayout {
        end,
        head,
        gso_size: btf.offset("skb_shared_info", "gso_size")?,
        gso_type: btf.offset("skb_shared_info", "gso_type")?,
        udp: btf.constant("SKB_GSO_UDP_L4")?,
        tunnel: tunnels[0] | tunnels[1],
    })
}
