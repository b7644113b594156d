//! The rings of a session: one for each CPU. They outlive the programs that write to them.
//!
//! CPUs that are switched off have rings too: one that is switched on during the capture then loses
//! nothing. Such a ring is small, as most of these CPUs stay off. A virtual machine may have two
//! CPUs and room for hundreds.

use std::{
    os::fd::{AsFd as _, BorrowedFd},
    thread,
};

use anyhow::{Context as _, Result};
use aya::maps::MapData;
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_RINGBUF;

use super::{bpf::set_inner_map, explain::explain};
use crate::{cpus, source::live::ring::Ring};

/// A spare ring, of a CPU that is switched off, is of this many bytes.
const SPARE: u32 = 1 << 20;
/// Where these are many, they share this much.
const ALL_SPARE: u32 = 32 << 20;
/// The smallest ring that every kernel makes: pages are of up to this much.
const SMALLEST: u32 = 64 << 10;

/// The most threads that wait for the kernel at the same time.
const THREADS: usize = 64;

/// The rings as maps, to be given to programs.
pub struct Rings {
    rings: Vec<RingMap>,
}

/// One of them.
struct RingMap {
    cpu: u32,
    /// In bytes.
    size: u32,
    map: MapData,
}

impl Rings {
    /// Makes a ring of `size` bytes for each CPU that is online, and a spare one for each other.
    pub fn make(size: u32) -> Result<Self> {
        let offline = cpus::offline()?;
        let spare = size.min(spare_size(offline.len() as u32));
        let online = cpus::online()?.into_iter().map(|cpu| RingMap::make(cpu, size));
        let offline = offline.into_iter().map(|cpu| RingMap::make(cpu, spare));
        Ok(Self { rings: online.chain(offline).collect::<Result<_>>()? })
    }

    /// The consumers' sides; to be taken once.
    pub fn consumers(&self) -> Result<Vec<Ring>> {
        let consumer = |RingMap { cpu, size, map }: &RingMap| {
            let fd = map.fd().as_fd().try_clone_to_owned().map_err(|error| explain(&error));
            let ring = fd.and_then(|fd| Ring::new(fd, *size));
            ring.with_context(|| format!("cannot use the ring of CPU {cpu}"))
        };
        self.rings.iter().map(consumer).collect()
    }

    /// Lets a program write to them: `outer` is its array of rings, by CPU.
    ///
    /// For each ring, the kernel waits until no program can be using the one that was there before
    /// (`maybe_wait_bpf_programs`), which takes 10 to 25 ms. Several threads wait at the same time.
    pub(super) fn place_in(&self, outer: BorrowedFd<'_>) -> Result<()> {
        let place = |rings: &[RingMap]| rings.iter().try_for_each(|ring| ring.place_in(outer));
        thread::scope(|scope| {
            let share = |rings| {
                let placed = thread::Builder::new().spawn_scoped(scope, move || place(rings));
                // Without a thread, it only takes longer.
                placed.map_err(|_| place(rings))
            };
            let shares = self.rings.chunks(self.rings.len().div_ceil(THREADS).max(1));
            let shares: Vec<_> = shares.map(share).collect();
            shares.into_iter().try_for_each(|share| match share {
                Ok(thread) => thread.join().expect("it does not panic"),
                Err(placed) => placed,
            })
        })
    }
}

impl RingMap {
    fn place_in(&self, outer: BorrowedFd<'_>) -> Result<()> {
        let Self { cpu, map, .. } = self;
        set_inner_map(outer, *cpu, map.fd().as_fd())
            .map_err(|error| explain(&error))
            .with_context(|| format!("cannot give the program the ring of CPU {cpu}"))
    }

    fn make(cpu: u32, size: u32) -> Result<Self> {
        let kind = BPF_MAP_TYPE_RINGBUF as u32;
        let definition = aya_obj::Map::new_from_params(kind, 0, 0, size, 0);
        let map = MapData::create(definition, &format!("vtap_ring_{cpu}"), None)
            .map_err(|error| explain(&error))
            .with_context(|| format!("cannot create a ring of {size} bytes for CPU {cpu}"))?;
        Ok(Self { cpu, size, map })
    }
}

/// The size of a spare ring where there are this many: the largest power of two that fits.
fn spare_size(count: u32) -> u32 {
    let share = ALL_SPARE / count.max(1);
    SPARE.min(1 << share.ilog2()).max(SMALLEST)
}

#[cfg(test)]
mod tests {
    use vtap_common::abi::MAX_RINGS;

    use super::*;

    #[test]
    fn spare_rings_take_little_memory() {
        for (count, size) in
            [(0, 1 << 20), (1, 1 << 20), (32, 1 << 20), (33, 512 << 10), (240, 128 << 10)]
        {
            assert_eq!(spare_size(count), size, "{count} CPUs");
        }
        let most = MAX_RINGS as u32;
        assert_eq!(spare_size(most - 1), 64 << 10);
        assert!((1..most).all(|count| count * spare_size(count) <= 64 << 20));
    }
}
