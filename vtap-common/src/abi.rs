//! The data that the kernel and user space exchange. Both sides use these layouts.

mod class;
mod counters;
mod damage;
#[cfg(feature = "user")]
mod pod;
mod reason;
mod record;
mod segment;
mod settings;
mod state;

pub use self::{
    class::ProtocolClass,
    counters::{Counters, Traffic},
    damage::Damage,
    reason::{Lost, Malformed},
    record::{CLASSES, MAX_CAPLEN, MAX_RINGS, RecordFields, RecordHeader, class_below},
    segment::Segment,
    settings::{KernelSettings, SkbLayout},
    state::{ClockReading, CpuState},
};
