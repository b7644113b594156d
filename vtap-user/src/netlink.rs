//! What the kernel says of this host's interfaces.

mod watch;

use anyhow::{Context as _, Result};
use futures_util::TryStreamExt as _;
use rtnetlink::packet_route::link::{
    InfoData, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, LinkXdp,
};

pub use self::watch::{Change, Watch};

/// An interface.
pub struct Interface {
    /// Index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Whether it is set up.
    pub up: bool,
    /// Bytes of a packet at most, without the link header.
    pub mtu: u32,
    /// Id of the XDP program on it.
    pub xdp_program: Option<u32>,
    /// UDP port, where it is a VXLAN device.
    pub vxlan_port: Option<u16>,
}

/// All interfaces of this network namespace.
pub async fn interfaces() -> Result<Vec<Interface>> {
    let (connection, handle, _) =
        rtnetlink::new_connection().context("cannot open a netlink socket")?;
    let connection = tokio::spawn(connection);
    let links: Vec<LinkMessage> =
        handle.link().get().execute().try_collect().await.context("cannot list interfaces")?;
    connection.abort();
    Ok(links.iter().map(Interface::from_message).collect())
}

/// Takes off an interface the XDP program that netlink attached to it.
pub async fn detach_xdp(index: u32, native: bool) -> Result<()> {
    // include/uapi/linux/if_link.h
    const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
    const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;
    let flags = if native { XDP_FLAGS_DRV_MODE } else { XDP_FLAGS_SKB_MODE };
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes.push(LinkAttribute::Xdp(vec![LinkXdp::Fd(-1), LinkXdp::Flags(flags)]));
    let (connection, handle, _) =
        rtnetlink::new_connection().context("cannot open a netlink socket")?;
    let connection = tokio::spawn(connection);
    handle.link().set(message).execute().await.context("cannot detach the XDP program")?;
    connection.abort();
    Ok(())
}

impl Interface {
    fn from_message(message: &LinkMessage) -> Self {
        let mut interface = Self {
            index: message.header.index,
            name: String::new(),
            up: message.header.flags.contains(LinkFlags::Up),
            mtu: 0,
            xdp_program: None,
            vxlan_port: None,
        };
        for attribute in &message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => interface.name.clone_from(name),
                LinkAttribute::Mtu(mtu) => interface.mtu = *mtu,
                LinkAttribute::Xdp(xdp) => interface.xdp_program = xdp_program(xdp),
                LinkAttribute::LinkInfo(info) => interface.vxlan_port = vxlan_port(info),
                _ => {}
            }
        }
        interface
    }
}

fn xdp_program(attributes: &[LinkXdp]) -> Option<u32> {
    attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::ProgId(id) if *id != 0 => Some(*id),
        _ => None,
    })
}

fn vxlan_port(info: &[LinkInfo]) -> Option<u16> {
    info.iter().find_map(|info| match info {
        LinkInfo::Data(InfoData::Vxlan(data)) => data.iter().find_map(|data| match data {
            InfoVxlan::Port(port) => Some(*port),
            _ => None,
        }),
        _ => None,
    })
}
