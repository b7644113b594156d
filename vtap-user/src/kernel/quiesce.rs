//! Waiting until no CPU runs the program any more.

use std::{thread::sleep, time::Duration};

use rustix::thread::{MembarrierCommand, membarrier};

/// After a program is detached a CPU may still be in the midst of it. XDP programs run in RCU
/// read-side critical sections, and this system call returns after all that had begun have ended:
/// what they wrote is then in the rings and counters.
pub fn wait_for_running_programs() {
    // Kernels with fully isolated CPUs refuse the command; a packet takes microseconds, so a short
    // sleep does as well.
    if membarrier(MembarrierCommand::Global).is_err() {
        sleep(Duration::from_millis(20));
    }
}
