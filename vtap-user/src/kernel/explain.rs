//! What to do about an error from the kernel.

use std::{error::Error, io};

use rustix::io::Errno;

/// Adds the remedy to an error, where there is one.
pub fn explain<E: Error + Send + Sync + 'static>(error: E) -> anyhow::Error {
    let remedy = errno(&error).and_then(remedy);
    let error = anyhow::Error::new(error);
    match remedy {
        Some(remedy) => error.context(remedy),
        None => error,
    }
}

/// The error number at the bottom of a chain of errors.
pub fn errno(error: &(dyn Error + 'static)) -> Option<Errno> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Errno::from_io_error(error);
        }
        next = error.source();
    }
    None
}

fn remedy(errno: Errno) -> Option<&'static str> {
    match errno {
        Errno::PERM if rustix::process::geteuid().is_root() => Some(
            "the kernel refuses BPF even to root here: give the container CAP_BPF, CAP_NET_ADMIN \
             and CAP_PERFMON; before Linux 5.11, raise the limit of locked memory (ulimit -l)",
        ),
        Errno::PERM => Some(
            "vtap needs privileges: run it as root (sudo), or give it CAP_BPF, CAP_NET_ADMIN and \
             CAP_PERFMON",
        ),
        Errno::NOMEM => Some("too little memory: try a smaller --ring-size"),
        _ => None,
    }
}
