//! What vtap knows of an interface.

use anyhow::{Context as _, Result};
use libc::{
    AF_UNSPEC, IFF_UP, IFLA_ALT_IFNAME, IFLA_BROADCAST, IFLA_EXT_MASK, IFLA_IFNAME, IFLA_INFO_DATA,
    IFLA_INFO_KIND, IFLA_INFO_SLAVE_KIND, IFLA_LINK, IFLA_LINK_NETNSID, IFLA_LINKINFO, IFLA_MASTER,
    IFLA_MTU, IFLA_NUM_RX_QUEUES, IFLA_PROP_LIST, IFLA_XDP, RTEXT_FILTER_SKIP_STATS, RTM_GETLINK,
};

use super::{
    attribute::{Payload, attributes, number, port, string},
    message::Message,
    name::Name,
    request::Request,
};

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Index: stays the same for as long as the interface is in this network namespace.
    pub index: u32,
    /// Name.
    pub name: Name,
    /// Alternative names (`ip link property add … altname`).
    pub alternative_names: Vec<Name>,
    /// `ARPHRD_*`: what frames begin with.
    pub link_type: u16,
    /// Whether it is set up.
    pub up: bool,
    /// Bytes of a packet at most, without the link header.
    pub mtu: u32,
    /// Kind of a virtual interface (`vlan`, `bridge`, `vxlan`, `tun` …); empty for hardware.
    pub kind: String,
    /// As a port of its master, what kind of port it is (`bridge`, `bond`, `vrf`, `openvswitch` …);
    /// empty if it is none.
    pub port_kind: String,
    /// Index of the interface of which it is a port.
    pub master: Option<u32>,
    /// Index of the interface in this network namespace on which it sits (VLAN, macvlan, tunnel …).
    /// For a veth, its other end.
    pub link: Option<u32>,
    /// Address for broadcasts; of a tunnel, that of its other end.
    pub broadcast: Vec<u8>,
    /// Receive queues.
    pub rx_queues: u32,
    /// The XDP programs on it.
    pub xdp: XdpPrograms,
    /// UDP port on which the kernel takes tunnel packets for it: VXLAN, Geneve and bareudp devices.
    pub udp_port: Option<u16>,
}

/// The ids of the XDP programs on an interface, by the mode they run in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XdpPrograms {
    /// In the driver.
    pub native: Option<u32>,
    /// In the network stack.
    pub generic: Option<u32>,
    /// In the hardware.
    pub offloaded: Option<u32>,
}

impl XdpPrograms {
    /// One of them, if there is any.
    #[must_use]
    pub fn any(&self) -> Option<u32> {
        self.native.or(self.generic).or(self.offloaded)
    }
}

impl Interface {
    /// Whether it has this name, or this alternative name.
    #[must_use]
    pub fn is_called(&self, name: &Name) -> bool {
        self.name == *name || self.alternative_names.contains(name)
    }
}

/// All interfaces of this network namespace.
pub fn interfaces() -> Result<Vec<Interface>> {
    let payload = payload(0).with(IFLA_EXT_MASK, &(RTEXT_FILTER_SKIP_STATS as u32).to_ne_bytes());
    let request = Request { protocol: None, kind: RTM_GETLINK, payload: &payload };
    request
        .dump(|message| LinkMessage::read(message)?.into_interface())
        .context("cannot list interfaces")
}

/// The interface of this index as it is now, or `None` if it is not in this network namespace.
pub fn interface(index: u32) -> Result<Option<Interface>> {
    let payload = payload(index);
    let request = Request { protocol: None, kind: RTM_GETLINK, payload: &payload };
    match request.get(|message| LinkMessage::read(message)?.into_interface()) {
        Ok(interface) => Ok(Some(interface)),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot look at interface {index}")),
    }
}

/// A `struct ifinfomsg` that names an interface, or none (0).
fn payload(index: u32) -> Payload {
    let mut fixed = [0; IFINFOMSG];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    Payload::new(&fixed)
}

/// Bytes of `struct ifinfomsg`.
const IFINFOMSG: usize = 16;

/// Attributes in `IFLA_XDP`; these and the following are in `include/uapi/linux/if_link.h`.
mod xdp {
    pub const DRV_PROG_ID: u16 = 5;
    pub const SKB_PROG_ID: u16 = 6;
    pub const HW_PROG_ID: u16 = 7;
}

const IFLA_VXLAN_PORT: u16 = 15;
const IFLA_GENEVE_PORT: u16 = 5;
const IFLA_BAREUDP_PORT: u16 = 1;

/// A message about a link. It may tell only some of an interface's facts.
pub(super) struct LinkMessage<'a> {
    /// `AF_UNSPEC`, or the family that sent it: `AF_BRIDGE` where a bridge tells of its ports.
    pub family: u8,
    /// Index of the interface.
    pub index: u32,
    link_type: u16,
    up: bool,
    attributes: &'a [u8],
}

impl<'a> LinkMessage<'a> {
    /// Of an `RTM_NEWLINK` or `RTM_DELLINK`.
    pub fn read(message: Message<'a>) -> Option<Self> {
        let (fixed, attributes) = message.payload.split_first_chunk::<IFINFOMSG>()?;
        let [family, _, t0, t1, i0, i1, i2, i3, f0, f1, f2, f3, ..] = *fixed;
        Some(Self {
            family,
            index: u32::from_ne_bytes([i0, i1, i2, i3]),
            link_type: u16::from_ne_bytes([t0, t1]),
            up: u32::from_ne_bytes([f0, f1, f2, f3]) & IFF_UP as u32 != 0,
            attributes,
        })
    }

    /// The interface. `None` if this message is not a full description of it: events of wireless
    /// drivers, for one, come without a name.
    pub fn into_interface(self) -> Option<Interface> {
        if i32::from(self.family) != AF_UNSPEC {
            return None;
        }
        let mut interface = Interface {
            index: self.index,
            link_type: self.link_type,
            up: self.up,
            ..Interface::default()
        };
        let mut link_is_elsewhere = false;
        for (kind, value) in attributes(self.attributes) {
            match kind {
                IFLA_IFNAME => interface.name = Name::new(string(value)),
                IFLA_BROADCAST => interface.broadcast = value.to_vec(),
                IFLA_MTU => interface.mtu = number(value).unwrap_or_default(),
                IFLA_LINK => interface.link = number(value).filter(|link| *link != 0),
                IFLA_LINK_NETNSID => link_is_elsewhere = true,
                IFLA_MASTER => interface.master = number(value),
                IFLA_NUM_RX_QUEUES => interface.rx_queues = number(value).unwrap_or_default(),
                IFLA_LINKINFO => interface.read_info(value),
                IFLA_PROP_LIST => {
                    let names = attributes(value).filter(|(kind, _)| *kind == IFLA_ALT_IFNAME);
                    interface.alternative_names =
                        names.map(|(_, name)| Name::new(string(name))).collect();
                }
                IFLA_XDP => interface.xdp = XdpPrograms::read(value),
                _ => {}
            }
        }
        // An index of another network namespace means nothing here.
        interface.link = interface.link.filter(|_| !link_is_elsewhere);
        (!interface.name.as_bytes().is_empty()).then_some(interface)
    }
}

impl Interface {
    fn read_info(&mut self, info: &[u8]) {
        let text = |value| String::from_utf8_lossy(string(value)).into_owned();
        let mut data: &[u8] = &[];
        for (kind, value) in attributes(info) {
            match kind {
                IFLA_INFO_KIND => self.kind = text(value),
                IFLA_INFO_SLAVE_KIND => self.port_kind = text(value),
                IFLA_INFO_DATA => data = value,
                _ => {}
            }
        }
        let port_attribute = match self.kind.as_str() {
            "vxlan" => IFLA_VXLAN_PORT,
            "geneve" => IFLA_GENEVE_PORT,
            "bareudp" => IFLA_BAREUDP_PORT,
            _ => return,
        };
        let found = attributes(data).find(|(kind, _)| *kind == port_attribute);
        self.udp_port = found.and_then(|(_, value)| port(value));
    }
}

impl XdpPrograms {
    fn read(value: &[u8]) -> Self {
        let mut programs = Self::default();
        for (kind, id) in attributes(value) {
            let id = number(id).filter(|id| *id != 0);
            match kind {
                xdp::DRV_PROG_ID => programs.native = id,
                xdp::SKB_PROG_ID => programs.generic = id,
                xdp::HW_PROG_ID => programs.offloaded = id,
                _ => {}
            }
        }
        programs
    }
}

#[cfg(test)]
mod tests {
    use libc::RTM_NEWLINK;

    use super::*;

    fn read(payload: &Payload) -> Option<Interface> {
        let message =
            Message { kind: RTM_NEWLINK, flags: 0, sequence: 1, payload: payload.bytes() };
        LinkMessage::read(message)?.into_interface()
    }

    #[test]
    fn all_facts_and_no_junk() {
        let vxlan = Payload::default().with(7, &[0xff; 3]).with(IFLA_VXLAN_PORT, &[0x12, 0xb5]);
        let info = Payload::default()
            .with(IFLA_INFO_KIND, b"vxlan\0")
            .with_nested(IFLA_INFO_DATA, &vxlan)
            .with(IFLA_INFO_SLAVE_KIND, b"bridge\0");
        let names = Payload::default()
            .with(IFLA_ALT_IFNAME, b"enp1np\xff\x01\0")
            .with(IFLA_ALT_IFNAME, b"second\0");
        let programs =
            Payload::default().with(xdp::DRV_PROG_ID, &7_u32.to_ne_bytes()).with(2, &[4]);
        let mut fixed = [0; IFINFOMSG];
        fixed[2..4].copy_from_slice(&1_u16.to_ne_bytes());
        fixed[4..8].copy_from_slice(&12_u32.to_ne_bytes());
        fixed[8..12].copy_from_slice(&0x1043_u32.to_ne_bytes());
        let payload = Payload::new(&fixed)
            .with(libc::IFLA_IFALIAS, b"Sp\xfcrnase\0")
            .with(IFLA_IFNAME, b"v\xff\0")
            .with(IFLA_BROADCAST, &[0xff; 6])
            .with(IFLA_MTU, &1450_u32.to_ne_bytes())
            .with(IFLA_LINK, &3_u32.to_ne_bytes())
            .with(IFLA_MASTER, &4_u32.to_ne_bytes())
            .with(IFLA_NUM_RX_QUEUES, &2_u32.to_ne_bytes())
            .with_nested(IFLA_PROP_LIST, &names)
            .with_nested(IFLA_LINKINFO, &info)
            .with_nested(IFLA_XDP, &programs);
        let expected = Interface {
            index: 12,
            name: Name::new(b"v\xff"),
            alternative_names: vec![Name::new(b"enp1np\xff\x01"), Name::new(b"second")],
            link_type: 1,
            up: true,
            mtu: 1450,
            kind: "vxlan".into(),
            port_kind: "bridge".into(),
            master: Some(4),
            link: Some(3),
            broadcast: vec![0xff; 6],
            rx_queues: 2,
            xdp: XdpPrograms { native: Some(7), generic: None, offloaded: None },
            udp_port: Some(4789),
        };
        assert_eq!(read(&payload), Some(expected));
        let elsewhere = payload.with(IFLA_LINK_NETNSID, &0_u32.to_ne_bytes());
        assert_eq!(read(&elsewhere).map(|interface| interface.link), Some(None));
    }

    #[test]
    fn messages_that_do_not_describe_an_interface() {
        assert_eq!(read(&payload(3)), None);
        assert_eq!(read(&Payload::new(&[0; IFINFOMSG - 1])), None);
        let mut of_bridge = [0; IFINFOMSG];
        of_bridge[0] = libc::AF_BRIDGE as u8;
        assert_eq!(read(&Payload::new(&of_bridge).with(IFLA_IFNAME, b"port\0")), None);
    }

    #[test]
    fn the_loopback_interface_of_this_kernel() {
        let all = interfaces().unwrap();
        let loopback = all.iter().find(|interface| interface.is_called(&Name::new(b"lo")));
        let loopback = loopback.expect("every network namespace has one");
        assert_eq!(loopback.link_type, libc::ARPHRD_LOOPBACK);
        assert_eq!(interface(loopback.index).unwrap().as_ref(), Some(loopback));
        assert_eq!(interface(i32::MAX as u32).unwrap(), None);
    }
}
