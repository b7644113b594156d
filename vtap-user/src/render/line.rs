//! One line per packet, as `tcpdump -n` writes it: one file per protocol.
//!
//! Sequence numbers are absolute, as with tcpdump's `-S`, because no state is kept between packets. A
//! line holds numbers, addresses and words of this program, but no bytes of a packet, so that nothing
//! on the network can control the terminal.
//!
//! To add a protocol, write its file and add its line to [`show_layer`].

mod arp;
mod ethernet;
mod extension;
mod icmp;
mod icmp6;
mod igmp;
mod ipv4;
mod ipv6;
mod llc;
mod mpls;
mod sctp;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;
mod unknown;
mod vxlan;

use std::{
    fmt::{self, Write as _},
    net::IpAddr,
};

use crate::{
    dissect::{Layer, Layers, ethernet::Ethernet},
    packet::Packet,
    timestamp::Timestamp,
};

/// A line in the making, as what is written to a formatter. (`io::Write` takes a tenth more.)
struct Line<'a>(&'a mut Vec<u8>);

impl fmt::Write for Line<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Appends formatted text to a line. Writing to memory can't fail.
macro_rules! put {
    ($line:expr, $($format:tt)+) => {{
        let _ = write!($line, $($format)+);
    }};
}
use put;

/// Appends the line of a packet, without the newline at its end.
pub fn write(bytes: &mut Vec<u8>, packet: &Packet<'_>) {
    let line = &mut Line(bytes);
    time_of_day(line, packet.time);
    put!(line, " vni {} ", packet.tunnel.vni);
    layers(line, packet);
}

/// Appends the layers of a packet.
fn layers(line: &mut Line<'_>, packet: &Packet<'_>) {
    let mut layers = Layers::of(packet);
    let mut around = Around::default();
    while let Some(layer) = layers.next() {
        around.is_innermost = layers.is_at_end();
        show_layer(line, &layer, &mut around);
    }
}

/// Appends one layer.
fn show_layer<'a>(line: &mut Line<'_>, layer: &Layer<'a>, around: &mut Around<'a>) {
    match layer {
        Layer::Ethernet(view) => ethernet::show(line, view, around),
        Layer::Vlan(view) => ethernet::put_tag(line, view),
        Layer::Mpls(view) => mpls::show(line, view, around),
        Layer::Llc(view) => llc::show(line, view),
        Layer::Lldp(view) => llc::put_lldp(line, view),
        Layer::Arp(view) => arp::show(line, view, "ARP"),
        Layer::Rarp(view) => arp::show(line, &view.packet, "RARP"),
        Layer::Ipv4(view) => ipv4::show(line, view, around),
        Layer::Ipv6(view) => ipv6::show(line, view, around),
        Layer::Extension(view) => extension::show(line, view, around),
        Layer::Tcp(view) => tcp::show(line, view, around),
        Layer::Udp(view) => udp::show(line, view, around),
        Layer::Sctp(view) => sctp::show(line, view, around),
        Layer::Icmp(view) => icmp::show(line, view, around),
        Layer::Icmp6(view) => icmp6::show(line, view, around),
        Layer::Igmp(view) => igmp::show(line, view, around),
        Layer::Vxlan(view) => vxlan::show(line, view),
        Layer::UnknownType(view) => unknown::put_type(line, view, around),
        Layer::UnknownProtocol(view) => unknown::put_protocol(line, view, around),
        Layer::UnknownVersion(view) => unknown::put_version(line, view),
    }
}

/// What the layers around a layer have to do with how it is shown.
#[derive(Default)]
struct Around<'a> {
    /// The innermost Ethernet header around it.
    frame: Option<Ethernet<'a>>,
    /// The innermost IP addresses around it, source and destination.
    hosts: Option<(IpAddr, IpAddr)>,
    /// Whether these are in the line already.
    are_hosts_shown: bool,
    /// Whether no other layer follows.
    is_innermost: bool,
}

impl Around<'_> {
    /// Sets the addresses, which whatever comes next shows in its own way.
    fn set_hosts(&mut self, source: IpAddr, destination: IpAddr) {
        self.hosts = Some((source, destination));
        self.are_hosts_shown = false;
    }

    /// Appends `a > b: `, unless it is in the line or there is no IP header around.
    fn put_hosts(&mut self, line: &mut Line<'_>) {
        if let Some((source, destination)) = self.hosts
            && !self.are_hosts_shown
        {
            put!(line, "{source} > {destination}: ");
            self.are_hosts_shown = true;
        }
    }

    /// Appends `a.1 > b.2: `, or only the ports where the addresses are in the line.
    fn put_ports(&mut self, line: &mut Line<'_>, from: u16, to: u16) {
        match self.hosts {
            Some((source, destination)) if !self.are_hosts_shown => {
                put!(line, "{source}.{from} > {destination}.{to}: ");
                self.are_hosts_shown = true;
            }
            _ => put!(line, "{from} > {to}: "),
        }
    }
}

/// Appends the time of day in UTC, `12:00:00.123456`.
fn time_of_day(line: &mut Line<'_>, time: Timestamp) {
    let seconds = time.seconds.rem_euclid(24 * 3600).cast_unsigned();
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = *b"00:00:00.000000";
    put_digits(&mut text[..2], hour);
    put_digits(&mut text[3..5], minute);
    put_digits(&mut text[6..8], second);
    put_digits(&mut text[9..], u64::from(time.nanos / 1000));
    line.0.extend_from_slice(&text);
}

/// Replaces zeros by the last digits of a number. (A formatter with a width is ten times slower.)
fn put_digits(zeros: &mut [u8], mut number: u64) {
    for digit in zeros.iter_mut().rev() {
        *digit += (number % 10) as u8;
        number /= 10;
    }
}

/// Appends words of which the packet has no part.
fn words(line: &mut Line<'_>, words: &str) -> Option<()> {
    line.write_str(words).ok()
}
