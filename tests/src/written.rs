//! Writes capture files in the forms that are met: either format, byte order and resolution.

/// Per second.
const NANOS: u128 = 1_000_000_000;

/// Which of the two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap.
    Pcap,
    /// pcapng with enhanced packet blocks.
    Pcapng,
}

/// A form of capture file.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Which format.
    pub format: Format,
    /// Whether numbers have their most significant byte first.
    pub big_endian: bool,
    /// Units of time per second: a million or a billion, but for [`Form::pcapng_head`].
    pub resolution: u64,
}

impl Form {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut forms = Vec::new();
        for format in [Format::Pcap, Format::Pcapng] {
            for big_endian in [false, true] {
                for resolution in [1_000_000, 1_000_000_000] {
                    forms.push(Self { format, big_endian, resolution });
                }
            }
        }
        forms
    }

    /// The form that tcpdump writes here.
    pub const USUAL: Self = Self { format: Format::Pcap, big_endian: false, resolution: 1_000_000 };

    /// A file of Ethernet frames, each with its time in nanoseconds since 1970.
    #[must_use]
    pub fn file(self, frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
        self.file_of_link(1, frames)
    }

    /// A file of packets of any link type.
    #[must_use]
    pub fn file_of_link(self, link: u16, frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
        let mut file = self.head(link);
        for (time, frame) in frames {
            file.extend(self.packet(*time, frame));
        }
        file
    }

    fn head(self, link: u16) -> Vec<u8> {
        let nanos = self.resolution == 1_000_000_000;
        match self.format {
            Format::Pcap => [
                self.u32(if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }),
                self.u16(2),
                self.u16(4),
                self.u32(0),
                self.u32(0),
                self.u32(262_144),
                self.u32(u32::from(link)),
            ]
            .concat(),
            Format::Pcapng => self.pcapng_head(link, &[(9, vec![if nanos { 9 } else { 6 }])]),
        }
    }

    /// A section with an interface that has these options: `if_tsresol` tells its
    /// [`resolution`](Self::resolution).
    #[must_use]
    pub fn pcapng_head(self, link: u16, options: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let section = [self.u32(0x1a2b_3c4d), self.u16(1), self.u16(0), vec![0xff; 8]];
        let mut interface = [self.u16(link), self.u16(0), self.u32(0)].concat();
        for (kind, value) in options {
            interface.extend([self.u16(*kind), self.u16(value.len() as u16)].concat());
            interface.extend(value);
            interface.resize(interface.len().next_multiple_of(4), 0);
        }
        interface.extend(self.u32(0));
        [self.block(0x0a0d_0d0a, &section.concat()), self.block(1, &interface)].concat()
    }

    /// What a file holds of a time in nanoseconds.
    #[must_use]
    pub fn kept(self, time: u64) -> u64 {
        (u128::from(self.ticks(time)) * NANOS / u128::from(self.resolution)) as u64
    }

    fn ticks(self, time: u64) -> u64 {
        (u128::from(time) * u128::from(self.resolution) / NANOS) as u64
    }

    /// A packet with its time in nanoseconds.
    #[must_use]
    pub fn packet(self, time: u64, frame: &[u8]) -> Vec<u8> {
        let len = self.u32(frame.len() as u32);
        let ticks = self.ticks(time);
        match self.format {
            Format::Pcap => {
                let (seconds, rest) = (ticks / self.resolution, ticks % self.resolution);
                let head = [self.u32(seconds as u32), self.u32(rest as u32), len.clone(), len];
                [&head.concat(), frame].concat()
            }
            Format::Pcapng => {
                let time = [self.u32((ticks >> 32) as u32), self.u32(ticks as u32)].concat();
                self.block(6, &[&self.u32(0), &time, &len, &len, frame].map(Vec::from).concat())
            }
        }
    }

    /// A block of a pcapng file.
    #[must_use]
    pub fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let len = self.u32((body.len() + padding.len() + 12) as u32);
        [self.u32(kind), len.clone(), body.to_vec(), padding, len].concat()
    }

    /// A number in its byte order.
    #[must_use]
    pub fn u16(self, number: u16) -> Vec<u8> {
        if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() }.to_vec()
    }

    /// A number in its byte order.
    #[must_use]
    pub fn u32(self, number: u32) -> Vec<u8> {
        if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() }.to_vec()
    }
}
