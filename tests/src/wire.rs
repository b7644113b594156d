//! What joins the tap and the target.

use std::{fs, path::PathBuf};

use anyhow::{Result, ensure};

use crate::{
    capture::wait_until,
    need::kernel_version,
    net::{Namespace, TAP_DEV, TARGET_DEV, ip},
};

/// The largest MTU with which every driver has room for a frame in one buffer.
const ONE_BUFFER: u32 = 3498;
const NICS: &str = "/sys/class/net";

/// Kinds of pairs of interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A veth pair, made for each test.
    Veth,
    /// The two `virtio_net` interfaces of a virtual machine, which its emulator joins.
    Virtio,
}

impl Wire {
    /// The one that `VTAP_WIRE` names; veth if it names none.
    pub fn chosen() -> Result<Self> {
        match std::env::var("VTAP_WIRE").as_deref() {
            Ok("virtio_net") => Ok(Self::Virtio),
            Ok(other) => {
                ensure!(other == "veth", "VTAP_WIRE is {other}, not veth or virtio_net");
                Ok(Self::Veth)
            }
            Err(_) => Ok(Self::Veth),
        }
    }

    /// Puts one end into each namespace.
    pub fn join(self, tap: &Namespace, target: &Namespace) -> Result<()> {
        match self {
            Self::Veth => ip(&format!(
                "link add {TAP_DEV} netns {} type veth peer name {TARGET_DEV} netns {}",
                tap.name, target.name
            )),
            Self::Virtio => {
                let [first, second] = virtio_pair()?;
                give(&first, tap, TAP_DEV)?;
                give(&second, target, TARGET_DEV)
            }
        }
    }

    /// Whether the driver takes XDP natively at this MTU, given a kernel that can or can't hand
    /// programs a frame in several buffers.
    pub fn is_native_at(self, mtu: u32, fragments: bool) -> Result<bool> {
        let one_buffer = mtu <= ONE_BUFFER;
        Ok(match self {
            Self::Veth => fragments || one_buffer,
            // drivers/net/virtio_net.c hands on fragments since 6.3.
            Self::Virtio => one_buffer || kernel_version()? >= (6, 3),
        })
    }

    /// Bytes of the largest inner frame that a receiver takes whole in any mode.
    #[must_use]
    pub const fn largest_frame(self) -> usize {
        match self {
            Self::Veth => 65_000,
            // At most 18 buffers (MAX_SKB_FRAGS + 1), the size of which differs between kernels.
            Self::Virtio => 16_000,
        }
    }
}

/// Waits for the interfaces: the kernel gives them back to the first namespace a while after
/// another has ended that had them.
fn virtio_pair() -> Result<[String; 2]> {
    let mut found = Vec::new();
    wait_until("two virtio_net interfaces", || {
        found = virtio_nics()?;
        Ok(found.len() == 2)
    })?;
    Ok([found[0].1.clone(), found[1].1.clone()])
}

/// Their devices and names, in the order of their places on the bus.
fn virtio_nics() -> Result<Vec<(PathBuf, String)>> {
    let mut nics = Vec::new();
    for entry in fs::read_dir(NICS)? {
        let entry = entry?;
        let device = entry.path().join("device");
        let driver = fs::read_link(device.join("driver")).unwrap_or_default();
        if driver.ends_with("virtio_net") {
            nics.push((device.canonicalize()?, entry.file_name().to_string_lossy().into_owned()));
        }
    }
    nics.sort();
    Ok(nics)
}

fn give(nic: &str, namespace: &Namespace, name: &str) -> Result<()> {
    // Older kernels rename only what is down.
    ip(&format!("link set dev {nic} down"))?;
    ip(&format!("link set dev {nic} netns {} name {name}", namespace.name))?;
    // The emulator keeps frames for other addresses away, and those of a test are made up.
    namespace.run(&format!("ip link set dev {name} promisc on"))
}
