//! What an output does to the capture when it falls behind or fails.

/// What happens when a lane's queue is full, or its output fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The capture waits, and what is lost then is `ring_full`. When this output fails, the capture
    /// has nothing more to do and ends. For recordings, and for lines where they are all there is.
    HoldUp,
    /// The packet is dropped and counted, and the capture goes on whatever happens. For those who
    /// only look on.
    LetGo,
}

/// Bytes of packets that wait for a recording at most.
const RECORDING: usize = 4 << 20;
/// For those who look on it is all there is to bridge a pause.
const VIEWER: usize = 8 << 20;

impl Policy {
    /// Bytes that may wait in the queue.
    pub const fn room(self) -> usize {
        match self {
            Self::HoldUp => RECORDING,
            Self::LetGo => VIEWER,
        }
    }
}
