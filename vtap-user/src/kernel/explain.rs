//! What to do about an error from the kernel.

use std::{error::Error, io};

use aya::maps::MapError;
use rustix::{
    io::Errno,
    process::{Resource, geteuid, getrlimit},
    thread::{CapabilitySet, capabilities},
};

/// The error in one sentence: what the kernel refused, its own word for it, and the remedy where
/// there is one. aya's errors say the same thing up to three times.
pub fn explain(error: &(dyn Error + 'static)) -> anyhow::Error {
    let Some(number) = errno(error) else {
        return anyhow::anyhow!("{}", root(error));
    };
    let kernels_word = io::Error::from(number);
    let map = map(error).map(|name| format!("map `{name}`: ")).unwrap_or_default();
    match remedy(number) {
        Some(remedy) => anyhow::anyhow!("{map}{kernels_word}; {remedy}"),
        None => anyhow::anyhow!("{map}{kernels_word}"),
    }
}

/// The error number at the bottom of a chain of errors.
pub fn errno(error: &(dyn Error + 'static)) -> Option<Errno> {
    chain(error).find_map(|error| Errno::from_io_error(error.downcast_ref::<io::Error>()?))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| <&'a (dyn Error + 'static)>::clone(error).source())
}

fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}

/// The map that could not be created.
fn map<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a str> {
    chain(error).find_map(|error| match error.downcast_ref::<MapError>()? {
        // vtap gives each ring a name, and says itself which it is.
        MapError::CreateError { name, .. } if !name.starts_with("vtap_ring") => Some(name.as_str()),
        _ => None,
    })
}

fn remedy(number: Errno) -> Option<String> {
    match number {
        Errno::PERM | Errno::ACCESS => Some(lacking().unwrap_or_else(|| {
            "vtap has the capabilities for it, so something else forbids BPF here: a user \
             namespace (rootless container), seccomp, a security module or lockdown; before Linux \
             5.11, also the limit of locked memory (ulimit -l)"
                .into()
        })),
        Errno::NOMEM => Some("there is too little memory: try a smaller --ring-size".into()),
        _ => remedy_for_files(number),
    }
}

fn remedy_for_files(number: Errno) -> Option<String> {
    match number {
        Errno::MFILE => {
            let limit = getrlimit(Resource::Nofile).current;
            let limit = limit.map_or_else(String::new, |limit| format!(", which is {limit}"));
            Some(format!("raise the limit of open files{limit} (ulimit -n, LimitNOFILE=)"))
        }
        Errno::NFILE => Some("this machine has too many open files (sysctl fs.file-max)".into()),
        _ => None,
    }
}

/// What to do about too many open files, which any step may meet, if the error does not say it yet.
#[must_use]
pub fn too_many_files(error: &anyhow::Error) -> Option<String> {
    remedy_for_files(errno(error.as_ref())?)
}

/// Which capabilities vtap lacks, if any, and how to give it them.
pub fn lacking() -> Option<String> {
    // If the kernel does not tell, all of them may be missing.
    let effective = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    advice(&missing(effective), geteuid().is_root())
}

/// For BPF, `CAP_SYS_ADMIN` includes all of them.
fn missing(effective: CapabilitySet) -> Vec<&'static str> {
    let admin = CapabilitySet::SYS_ADMIN;
    [
        ("CAP_BPF", CapabilitySet::BPF | admin),
        ("CAP_NET_ADMIN", CapabilitySet::NET_ADMIN | admin),
        ("CAP_PERFMON", CapabilitySet::PERFMON | admin),
    ]
    .into_iter()
    .filter_map(|(name, any)| (!effective.intersects(any)).then_some(name))
    .collect()
}

fn advice(missing: &[&str], root: bool) -> Option<String> {
    if missing.is_empty() {
        return None;
    }
    let missing = missing.join(", ");
    Some(if root {
        format!(
            "vtap lacks {missing}, though it runs as root: give the container or service CAP_BPF, \
             CAP_NET_ADMIN and CAP_PERFMON"
        )
    } else {
        format!(
            "vtap lacks {missing}: run it as root (sudo), or give it CAP_BPF, CAP_NET_ADMIN and \
             CAP_PERFMON (setcap cap_bpf,cap_net_admin,cap_perfmon=ep)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_that_are_missing() {
        use CapabilitySet as Set;
        let all = ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"];
        for (effective, lacking) in [
            (Set::empty(), &all[..]),
            (Set::BPF | Set::NET_ADMIN, &["CAP_PERFMON"]),
            (Set::PERFMON | Set::NET_ADMIN, &["CAP_BPF"]),
            (Set::BPF | Set::PERFMON, &["CAP_NET_ADMIN"]),
            (Set::BPF | Set::PERFMON | Set::NET_ADMIN, &[]),
            (Set::SYS_ADMIN, &[]),
        ] {
            assert_eq!(missing(effective), lacking, "{effective:?}");
        }
        let words = advice(&["CAP_PERFMON"], true).unwrap();
        assert!(words.starts_with("vtap lacks CAP_PERFMON, though it runs as root"), "{words}");
        assert_eq!(advice(&[], true), None);
    }

    #[test]
    fn an_error_says_each_thing_once() {
        let name = "VTAP_STATE".to_owned();
        let io_error = io::Error::from_raw_os_error(libc::EBUSY);
        let error = aya::EbpfError::from(MapError::CreateError { name, io_error });
        let said = format!("{:#}", explain(&error));
        assert_eq!(said, "map `VTAP_STATE`: Device or resource busy (os error 16)");
    }
}
