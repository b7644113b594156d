//! Waiting until no CPU runs the program any more.

/// After a program is detached a CPU may still be in the midst of it. XDP programs run in RCU
/// read-side critical sections, and this system call returns after all that had begun have ended:
/// what they wrote is then in the rings and counters.
pub fn wait_for_running_programs() {
    const MEMBARRIER_CMD_GLOBAL: libc::c_int = 1;
    // SAFETY: takes integers only. Kernels with fully isolated CPUs refuse the command; a packet
    // takes microseconds, so a short sleep does as well.
    let refused = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) } != 0;
    if refused {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
