//! The rings of a session: one for each CPU. They outlive the programs that write to them.

use std::os::fd::AsFd as _;

use anyhow::{Context as _, Result};
use aya::maps::MapData;
use aya_obj::generated::bpf_map_type::BPF_MAP_TYPE_RINGBUF;

use super::{bpf::set_inner_map, explain::explain};
use crate::{cpus, source::live::ring::Ring};

/// The rings as maps, to be given to programs.
pub struct Rings {
    /// Bytes of each.
    size: u32,
    maps: Vec<(u32, MapData)>,
}

impl Rings {
    /// Makes a ring of `size` bytes for each CPU that is online.
    pub fn make(size: u32) -> Result<Self> {
        let cpus = cpus::online()?;
        let make = |cpu| {
            let kind = BPF_MAP_TYPE_RINGBUF as u32;
            let definition = aya_obj::Map::new_from_params(kind, 0, 0, size, 0);
            let map = MapData::create(definition, &format!("vtap_ring_{cpu}"), None)
                .map_err(|error| explain(&error))
                .with_context(|| format!("cannot create a ring of {size} bytes for CPU {cpu}"))?;
            Ok((cpu, map))
        };
        Ok(Self { size, maps: cpus.into_iter().map(make).collect::<Result<_>>()? })
    }

    /// The consumers' sides; to be taken once.
    pub fn consumers(&self) -> Result<Vec<Ring>> {
        let consumer = |(cpu, map): &(u32, MapData)| {
            let fd = map.fd().as_fd().try_clone_to_owned().map_err(|error| explain(&error));
            Ring::new(fd?, self.size).with_context(|| format!("cannot use the ring of CPU {cpu}"))
        };
        self.maps.iter().map(consumer).collect()
    }

    /// Lets a program write to them: `outer` is its array of rings, by CPU.
    pub(super) fn place_in(&self, outer: &MapData) -> Result<()> {
        for (cpu, map) in &self.maps {
            set_inner_map(outer.fd().as_fd(), *cpu, map.fd().as_fd())
                .map_err(|error| explain(&error))
                .with_context(|| format!("cannot give the program the ring of CPU {cpu}"))?;
        }
        Ok(())
    }
}
