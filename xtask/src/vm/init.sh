#!/bin/busybox sh
# The guest's first process: runs the tests over each kind of wire, and switches off. Lines that
# begin with VTAP- are for the host.
/bin/busybox --install -s /bin
export PATH=/usr/bin:/bin HOME=/tmp VTAP_BIN=/tests/vtap VTAP_VM=1 TMPDIR=/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir -p /dev/shm /dev/pts
mount -t devpts devpts /dev/pts
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
for module in /modules/*.ko; do insmod "$module"; done
# Debian's default, fq_codel, has a queue per flow, so that packets of two flows may change places.
echo pfifo >/proc/sys/net/core/default_qdisc
ip link set lo up
echo "VTAP-RELEASE $(uname -r)"

set --
while read -r argument; do set -- "$@" "$argument"; done </tests/arguments

# How vtap runs on an interface, in its own words.
facts() {
    ip link set "$1" mtu 1500 up
    /tests/vtap capture -i "$1" -v --no-print 2>/tmp/facts &
    sleep 4
    kill -INT $!
    wait $!
    sed 's/^/VTAP-FACT /' /tmp/facts
    if grep -q verifier /tmp/facts; then
        RUST_LOG=vtap_user=debug /tests/vtap capture -i "$1" -c 1 2>&1 | tail -n 60
    fi
    ip link set "$1" down
}

run() {
    echo "VTAP-WIRE $VTAP_WIRE"
    facts "$1"
    shift
    /tests/integration --color never "$@"
    echo "VTAP-EXIT $?"
}

export VTAP_WIRE=veth
ip link add probe0 type veth peer name probe1
ip link set probe1 up
run probe0 "$@"
ip link del probe0
export VTAP_WIRE=virtio_net
run eth0 "$@"
echo "VTAP-END"
poweroff -f
