//! Which driver an interface has, as ethtool tells. The kernel is asked, because `/sys` may show
//! the interfaces of another network namespace.

use std::{io, mem::zeroed, os::fd::AsRawFd as _};

use libc::{IFNAMSIZ, SIOCETHTOOL, c_char, ifreq, ioctl};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::netlink::Name;

/// `ETHTOOL_GDRVINFO` in `include/uapi/linux/ethtool.h`.
const GET_DRIVER: u32 = 3;

/// `struct ethtool_drvinfo`.
#[repr(C)]
struct DriverInfo {
    command: u32,
    driver: [u8; 32],
    others: [u8; 160],
}

/// The name of the interface's driver.
pub fn driver(interface: &Name) -> io::Result<String> {
    let name = interface.as_bytes();
    if name.len() >= IFNAMSIZ {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let mut info = DriverInfo { command: GET_DRIVER, driver: [0; 32], others: [0; 160] };
    // SAFETY: a structure of numbers and pointers that nobody follows before they are set.
    let mut request: ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name) {
        *to = c_char::from_ne_bytes([*from]);
    }
    request.ifr_ifru.ifru_data = (&raw mut info).cast();
    // SAFETY: the kernel reads the request and the command, and writes a `struct ethtool_drvinfo`,
    // for which `info` has room; both outlive the call.
    if unsafe { ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let name = info.driver.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_as_long_as_the_kernel_writes() {
        assert_eq!(size_of::<DriverInfo>(), 196);
    }

    #[test]
    fn interfaces_that_are_not_there() {
        for name in [&b"none\xff"[..], b"longer than a name can be", b""] {
            assert!(driver(&Name::new(name)).is_err(), "{name:?}");
        }
    }
}
