//! The other fast path: an `AF_XDP` socket, in copy mode as veth has no other, packets only counted.

use std::{sync::atomic::Ordering, time::Duration};

use anyhow::{Context as _, Result};
use aya::maps::XskMap;
use clap::Args;
use serde::Serialize;
use xdp::{
    RingConfigBuilder, Rings, Umem,
    nic::NicIndex,
    slab::{HeapSlab, Slab as _},
    socket::{PollTimeout, XdpSocket, XdpSocketBuilder},
    umem::UmemCfgBuilder,
};

use crate::object::{self, End};

/// Options of the socket.
#[derive(Args)]
pub struct Options {
    /// The interface, which has one receive queue
    #[arg(short)]
    interface: String,
}

/// What was received.
#[derive(Serialize)]
struct Received {
    packets: u64,
}

/// Frames of 4 kB, in all (128 MB), and in the rings.
const FRAMES: u32 = 32 * 1024;
const RING: u32 = 16 * 1024;
const BATCH: usize = 256;
const POLL: PollTimeout = PollTimeout::new(Some(Duration::from_millis(50)));

/// Receives until a signal comes, and prints the counts.
pub fn run(options: &Options) -> Result<()> {
    let ended = End::watch()?.flag();
    let mut receiver = Receiver::bind(&options.interface)?;
    let mut ebpf = object::load(|_| {})?;
    let mut sockets: XskMap<_> = ebpf.take_map("SOCKETS").context("no sockets")?.try_into()?;
    sockets.set(0, receiver.socket.raw_fd(), 0)?;
    object::attach(&mut ebpf, "to_socket", &options.interface)?;
    eprintln!("receiving on {}", options.interface);
    let mut packets = 0;
    while !ended.load(Ordering::Relaxed) {
        packets += receiver.batch()? as u64;
    }
    println!("{}", serde_json::to_string(&Received { packets })?);
    Ok(())
}

struct Receiver {
    socket: XdpSocket,
    rings: Rings,
    taken: HeapSlab,
    umem: Umem,
}

impl Receiver {
    fn bind(interface: &str) -> Result<Self> {
        let ifindex = nix::net::if_::if_nametoindex(interface)
            .with_context(|| format!("no interface {interface}"))?;
        let frames = UmemCfgBuilder { frame_count: FRAMES, ..UmemCfgBuilder::default() };
        let mut umem = Umem::map(frames.build()?).context("cannot map the frames")?;
        let rings = RingConfigBuilder {
            rx_count: RING,
            tx_count: 0,
            fill_count: RING,
            ..RingConfigBuilder::default()
        };
        let mut builder = XdpSocketBuilder::new()?;
        let (mut rings, mut flags) = builder.build_rings(&umem, rings.build()?)?;
        flags.force_copy();
        let socket = builder.bind(NicIndex::new(ifindex), 0, flags)?;
        // SAFETY: the frames are unmapped after the socket is closed, as the order of fields says.
        unsafe { rings.fill_ring.enqueue(&mut umem, RING as usize) };
        Ok(Self { socket, rings, taken: HeapSlab::with_capacity(BATCH), umem })
    }

    /// Takes some packets; waits if there are none.
    fn batch(&mut self) -> Result<usize> {
        let ring = self.rings.rx_ring.as_mut().context("no receive ring")?;
        // SAFETY: the packets are given back to the same frames below.
        let count = unsafe { ring.recv(&self.umem, &mut self.taken) };
        if count == 0 {
            self.socket.poll_read(POLL)?;
            return Ok(0);
        }
        while let Some(packet) = self.taken.pop_back() {
            self.umem.free_packet(packet);
        }
        // SAFETY: as in `bind`.
        unsafe { self.rings.fill_ring.enqueue(&mut self.umem, count) };
        Ok(count)
    }
}
