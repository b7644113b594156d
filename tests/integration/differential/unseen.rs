//! Frames that the kernel side takes as plain.

use vtap_common::{
    abi::{Counters, Segment},
    examine_fast,
    fast_path::FastFrame,
    select::Selection,
};

/// Bytes of a frame that `received` leaves out, of which `first` are in the first buffer: those in
/// further buffers, where the frame is plain and the datagram ends with the first.
pub fn unseen(frame: &[u8], first: usize, segment: Segment, selection: &Selection) -> u64 {
    let (head, rest) = frame.split_at(first);
    let plain = FastFrame::new(head)
        .and_then(|plain| examine_fast(&plain, segment, selection, &mut Counters::ZERO.clone()));
    plain.map_or(0, |_| rest.len() as u64)
}
