//! `--verdict auto`: who else may want tunnel packets, and what changes while a capture runs.

use std::{
    net::UdpSocket,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use vtap_tests::{
    capture::{Capture, binary, signal, wait_until},
    frames::{self, mirrored},
    need::{Need, in_emulation},
    net::{Namespace, Net, TAP_DEV, TARGET_DEV},
    sender::Sender,
};

crate::tests![
    nobody_wants_them [],
    forwarding [],
    ports_of_a_bridge [Need::Bridges],
    macvlans_wherever_they_are [Need::Macvlans],
    traffic_control [Need::TrafficControl],
    sockets_over_ipv6 [],
    listeners_by_their_filters ["tcpdump"],
    a_listener_comes_and_goes ["tcpdump"],
    links_are_seen_at_once [],
    a_router_forwards_all_the_while [Need::Veth, Need::from("ping")],
    sockets_are_seen_without_proc ["unshare"],
];

/// Starts a capture and checks what it says of its verdict.
fn expect(net: &Net, words: &str) -> Result<()> {
    let capture = Capture::start(&net.target, &["--no-print"])?;
    ensure!(capture.announcement().contains(words), "not `{words}`: {}", capture.announcement());
    let ended = capture.stop()?;
    ended.check()?;
    let verdict = if words.starts_with("drop") { "drop" } else { "pass" };
    ensure!(ended.stats["verdict"] == verdict, "{}", ended.stats);
    Ok(())
}

/// What vtap itself needs, such as promiscuous mode, is no use by others.
fn nobody_wants_them() -> Result<()> {
    let net = Net::new()?;
    net.target.run("ip link add other type vxlan id 1 dstport 8472")?;
    net.target.run("ip link set other up")?;
    let _other = net.target.enter(|| Ok(UdpSocket::bind("0.0.0.0:4790")?))?;
    let capture = Capture::start(&net.target, &["--no-print"])?;
    ensure!(capture.announcement().contains("drop (nobody else"), "{}", capture.announcement());
    // It looks again meanwhile.
    sleep(Duration::from_millis(2500));
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(!ended.stderr.contains("from now on"), "{}", ended.stderr);
    Ok(())
}

fn forwarding() -> Result<()> {
    let net = Net::new()?;
    // Of another interface.
    net.target.sysctl("net/ipv4/conf/lo/forwarding", "1")?;
    expect(&net, "drop")?;
    net.target.sysctl("net/ipv4/conf/ens3/forwarding", "1")?;
    expect(&net, "pass (this host forwards IPv4 from ens3)")?;
    net.target.sysctl("net/ipv4/conf/ens3/forwarding", "0")?;
    expect(&net, "drop")?;
    net.target.sysctl("net/ipv6/conf/all/forwarding", "1")?;
    expect(&net, "pass (this host forwards IPv6 from ens3)")
}

fn ports_of_a_bridge() -> Result<()> {
    let net = Net::new()?;
    net.target.run("ip link add br0 type bridge")?;
    expect(&net, "drop")?;
    net.target.run("ip link set ens3 master br0")?;
    expect(&net, "pass (ens3 is bridge port of br0)")
}

fn macvlans_wherever_they_are() -> Result<()> {
    let net = Net::new()?;
    net.target.run("ip link add link ens3 name mv0 type macvlan mode bridge")?;
    expect(&net, "pass (macvlan mv0 sits on ens3)")?;
    // In a container it is not in sight, but the interface receives for it.
    net.target.run(&format!("ip link set mv0 netns {}", net.tap.name))?;
    net.tap.run("ip link set mv0 up")?;
    expect(&net, "pass (ens3 receives for another hardware address")?;
    net.tap.run("ip link del mv0")?;
    expect(&net, "drop")
}

fn traffic_control() -> Result<()> {
    let net = Net::new()?;
    for discipline in ["clsact", "ingress"] {
        net.target.run(&format!("tc qdisc add dev ens3 {discipline}"))?;
        expect(&net, "drop")?;
        let mut filter = net.target.command("tc");
        filter.args(["filter", "add", "dev", TARGET_DEV, "ingress", "bpf", "bytecode"]);
        ensure!(filter.args(["1,6 0 0 0", "flowid", "1:1"]).status()?.success());
        expect(&net, "pass (traffic control (tc) has filters for what comes in on ens3)")?;
        net.target.run(&format!("tc qdisc del dev ens3 {discipline}"))?;
    }
    Ok(())
}

fn sockets_over_ipv6() -> Result<()> {
    let net = Net::new()?;
    net.target.sysctl("net/ipv6/conf/lo/disable_ipv6", "0")?;
    let _socket = net.target.enter(|| Ok(UdpSocket::bind("[::1]:4789")?))?;
    expect(&net, "pass (a socket is bound to UDP [::1]:4789")
}

/// A tcpdump that listens.
struct Tcpdump(Child);

impl Tcpdump {
    fn start(target: &Namespace, interface: &str, expression: &str) -> Result<Self> {
        let sockets = || target.output("cat /proc/net/packet").map(|table| table.lines().count());
        let before = sockets()?;
        let mut command = target.command("tcpdump");
        command.args(["-i", interface, "-w", "/dev/null", expression]);
        let child = Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        wait_until("tcpdump's socket", || Ok(sockets()? > before))?;
        // It opens the socket first and sets the filter then.
        sleep(Duration::from_millis(300));
        Ok(child)
    }

    fn end(mut self) -> Result<()> {
        signal(self.0.id(), Signal::SIGINT)?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Tcpdump {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn listeners_by_their_filters() -> Result<()> {
    let net = Net::new()?;
    for (interface, expression, words) in [
        (TARGET_DEV, "", "pass (another program listens to packets of ens3: tcpdump (process "),
        (TARGET_DEV, "udp port 4789 and host 198.51.100.7", "pass (another program listens"),
        ("any", "udp", "pass (another program listens"),
        (TARGET_DEV, "vlan 7 and udp port 4789", "pass (another program listens"),
        (TARGET_DEV, "udp port 67 or udp port 68", "drop"),
        (TARGET_DEV, "tcp or arp or icmp", "drop"),
        ("any", "udp port 53", "drop"),
        ("lo", "", "drop"),
    ] {
        let tcpdump = Tcpdump::start(&net.target, interface, expression)?;
        expect(&net, words).map_err(|error| error.context(format!("{interface}, {expression}")))?;
        tcpdump.end()?;
    }
    Ok(())
}

fn a_listener_comes_and_goes() -> Result<()> {
    let net = Net::new()?;
    let mut capture = Capture::start(&net.target, &["--no-print"])?;
    ensure!(capture.announcement().contains("drop"), "{}", capture.announcement());
    let seen = capture.lines_said();
    let tcpdump = Tcpdump::start(&net.target, TARGET_DEV, "udp")?;
    let begin = Instant::now();
    let seen =
        capture.wait_until_said("tunnel packets from now on: pass (another program", seen)?;
    let soon = begin.elapsed() < Duration::from_secs(4) || in_emulation();
    ensure!(soon, "seen after {:?}", begin.elapsed());
    tcpdump.end()?;
    capture.wait_until_said("tunnel packets from now on: drop (nobody else", seen)?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.stats["verdict"] == "drop", "{}", ended.stats);
    Ok(())
}

fn links_are_seen_at_once() -> Result<()> {
    let net = Net::new()?;
    let mut capture = Capture::start(&net.target, &["--no-print"])?;
    let mut seen = capture.lines_said();
    for _ in 0..3 {
        net.target.run("ip link add vx7 type vxlan id 7 dstport 4789")?;
        seen = capture.wait_until_said("from now on: pass (VXLAN device vx7", seen)?;
        net.target.run("ip link del vx7")?;
        seen = capture.wait_until_said("from now on: drop", seen)?;
    }
    capture.stop()?.check()
}

/// A router between two hosts: tunnel packets go on while vtap counts them.
fn a_router_forwards_all_the_while() -> Result<()> {
    let net = Net::new()?;
    net.target.sysctl("net/ipv4/conf/all/forwarding", "1")?;
    net.target.run("ip link add out0 type veth peer name far0")?;
    net.target.run("ip addr add 10.8.0.1/24 dev out0")?;
    net.target.run("ip link set out0 up")?;
    let other = Net::new()?;
    let far = &other.tap;
    far.run(&format!("ip addr flush dev {TAP_DEV}"))?;
    net.target.run(&format!("ip link set far0 netns {}", far.name))?;
    far.run("ip link set far0 up")?;
    far.run("ip addr add 10.8.0.2/24 dev far0")?;
    far.run("ip route add 10.9.0.0/24 via 10.8.0.1")?;
    net.tap.run("ip route add 10.8.0.0/24 via 10.9.0.2")?;
    for (host, own, other, dev) in
        [(&net.tap, "172.31.0.1", "10.8.0.2", TAP_DEV), (far, "172.31.0.2", "10.9.0.1", "far0")]
    {
        host.run(&format!(
            "ip link add vx type vxlan id 99 remote {other} dstport 4789 dev {dev}"
        ))?;
        host.run(&format!("ip addr add {own}/24 dev vx"))?;
        host.run("ip link set vx up")?;
    }
    net.tap.run("ping -c 1 -W 5 172.31.0.2")?;
    let capture = Capture::start(&net.target, &["--no-print"])?;
    net.tap.run("ping -c 3 -i 0.2 -W 1 172.31.0.2")?;
    let ended = capture.stop()?;
    ended.check()?;
    ensure!(ended.count("by_proto.icmp") == 3, "{}", ended.stats);
    Ok(())
}

/// Where `/proc` is hidden, a socket is seen all the same; what can't be seen may be there.
fn sockets_are_seen_without_proc() -> Result<()> {
    let net = Net::new()?;
    let socket = net.target.enter(|| Ok(UdpSocket::bind("0.0.0.0:4789")?))?;
    let script = format!(
        "mount -t tmpfs none /proc && exec {} capture -i {TARGET_DEV} --no-print -c 1",
        binary().display()
    );
    let said = || -> Result<String> {
        let mut command: Command = net.target.command("unshare");
        command.args(["--mount", "sh", "-c", &script]).stderr(Stdio::piped());
        let vtap = command.stdout(Stdio::null()).spawn()?;
        wait_until("attachment", || Ok(net.target.xdp_program(TARGET_DEV)?.is_some()))?;
        Sender::new(&net.tap)?.send(&mirrored(7, &frames::icmp(1, &[])))?;
        let ended = vtap.wait_with_output()?;
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        ensure!(ended.status.success(), "{stderr}");
        Ok(stderr)
    };
    let with_socket = said()?;
    ensure!(with_socket.contains("pass (a socket is bound to UDP 0.0.0.0:4789"), "{with_socket}");
    drop(socket);
    let without = said()?;
    // Not every kernel lists raw sockets over netlink.
    let unseen =
        "pass (whether somebody else wants them can't be seen: cannot list the raw sockets";
    ensure!(without.contains("drop (nobody else") || without.contains(unseen), "{without}");
    Ok(())
}
