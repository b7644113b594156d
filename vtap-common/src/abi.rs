//! What crosses between the kernel and user space, in one layout for both.

mod class;
mod counters;
mod damage;
#[cfg(feature = "user")]
mod pod;
mod reason;
mod record;
mod settings;
mod state;

pub use self::{
    class::ProtocolClass,
    counters::{Counters, Traffic},
    damage::Damage,
    reason::{Lost, Malformed},
    record::{CLASSES, MAX_CAPLEN, MAX_RINGS, RecordFields, RecordHeader, class_below},
    settings::{KernelSettings, SkbLayout},
    state::{ClockReading, CpuState},
};
