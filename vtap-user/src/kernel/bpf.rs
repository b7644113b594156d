//! The few commands of the `bpf` system call that aya lacks, or with which it does more than is
//! wanted: it falls back to netlink where a link is refused, and a failed replacement detaches.

use std::{
    io,
    os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
};

use aya_obj::generated::{
    bpf_attach_type::{BPF_TCX_INGRESS, BPF_XDP},
    bpf_cmd,
    bpf_link_type::BPF_LINK_TYPE_XDP,
};

/// What the kernel says of a link of an XDP program (the start of `struct bpf_link_info`).
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct XdpLinkInfo {
    kind: u32,
    /// The link's id, as `bpftool link` shows it.
    pub id: u32,
    /// Id of the program.
    pub program: u32,
    _padding: u32,
    /// Index of the interface, in its own network namespace; 0 when the link is detached.
    pub interface: u32,
    _padding_2: u32,
}

/// Attaches an XDP program to an interface for as long as the descriptor is open. `flags` are
/// `XDP_FLAGS_SKB_MODE` or `XDP_FLAGS_DRV_MODE`.
pub fn create_xdp_link(program: impl AsFd, interface: u32, flags: u32) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Create {
        program: i32,
        interface: u32,
        attach_type: u32,
        flags: u32,
    }
    let program = program.as_fd().as_raw_fd();
    let mut create = Create { program, interface, attach_type: BPF_XDP as u32, flags };
    // SAFETY: the structure is that of the command, and holds no pointer.
    let fd = unsafe { bpf(bpf_cmd::BPF_LINK_CREATE, &mut create) }?;
    // SAFETY: the command returns a descriptor that is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Puts another program in the place of a link's. No packet sees neither.
pub fn update_link(link: impl AsFd, program: impl AsFd) -> io::Result<()> {
    #[repr(C)]
    struct Update {
        link: i32,
        program: i32,
        flags: u32,
        old_program: u32,
    }
    let (link, program) = (link.as_fd().as_raw_fd(), program.as_fd().as_raw_fd());
    let mut update = Update { link, program, flags: 0, old_program: 0 };
    // SAFETY: the structure is that of the command, and holds no pointer.
    unsafe { bpf(bpf_cmd::BPF_LINK_UPDATE, &mut update) }.map(drop)
}

/// What the kernel says of a link, or `None` where it is not one of an XDP program.
pub fn xdp_link_info(link: impl AsFd) -> io::Result<Option<XdpLinkInfo>> {
    #[repr(C)]
    struct Get {
        link: i32,
        len: u32,
        info: u64,
    }
    let mut info = XdpLinkInfo::default();
    let mut get = Get {
        link: link.as_fd().as_raw_fd(),
        len: size_of::<XdpLinkInfo>() as u32,
        info: (&raw mut info).addr() as u64,
    };
    // Lets the compiler know that the kernel may write through the number.
    let _ = (&raw mut info).expose_provenance();
    // SAFETY: the structure is that of the command; it points to `info`, is told how long that is,
    // and any bytes are valid in it.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut get) }?;
    Ok((info.kind == BPF_LINK_TYPE_XDP as u32).then_some(info))
}

/// The link that attaches a program to an interface. Only a process with `CAP_SYS_ADMIN` may look.
pub fn find_xdp_link(interface: u32, program: u32) -> io::Result<Option<XdpLinkInfo>> {
    #[repr(C)]
    struct Get {
        id: u32,
        next: u32,
        flags: u32,
    }
    let mut id = Get { id: 0, next: 0, flags: 0 };
    loop {
        // SAFETY: the structure is that of the command, and holds no pointer.
        match unsafe { bpf(bpf_cmd::BPF_LINK_GET_NEXT_ID, &mut id) } {
            Ok(_) => id.id = id.next,
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut get = Get { id: id.id, next: 0, flags: 0 };
        // SAFETY: as above.
        let fd = match unsafe { bpf(bpf_cmd::BPF_LINK_GET_FD_BY_ID, &mut get) } {
            // SAFETY: the command returns a descriptor that is nobody else's.
            Ok(fd) => unsafe { OwnedFd::from_raw_fd(fd) },
            // It has gone since.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => continue,
            Err(error) => return Err(error),
        };
        match xdp_link_info(&fd)? {
            Some(info) if info.interface == interface && info.program == program => {
                return Ok(Some(info));
            }
            _ => {}
        }
    }
}

/// How many programs of the tcx kind see packets that come in on an interface. Kernels before 6.6
/// have none.
pub fn tcx_programs(interface: u32) -> io::Result<u32> {
    /// The part of the command that Linux 6.6 knows.
    #[repr(C)]
    #[derive(Default)]
    struct Query {
        interface: u32,
        attach_type: u32,
        _flags: [u32; 2],
        _ids: u64,
        count: u32,
        _padding: u32,
        _rest: [u64; 4],
    }
    let attach_type = BPF_TCX_INGRESS as u32;
    let mut query = Query { interface, attach_type, ..Query::default() };
    // SAFETY: the structure is that of the command; its pointers are null, and the kernel then only
    // counts.
    match unsafe { bpf(bpf_cmd::BPF_PROG_QUERY, &mut query) } {
        Ok(_) => Ok(query.count),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Puts a map into an array of maps, at an index.
pub fn set_inner_map(outer: BorrowedFd<'_>, index: u32, inner: BorrowedFd<'_>) -> io::Result<()> {
    #[repr(C)]
    struct Update {
        map: i32,
        _padding: u32,
        key: u64,
        value: u64,
        flags: u64,
    }
    let value = inner.as_raw_fd();
    let mut update = Update {
        map: outer.as_raw_fd(),
        _padding: 0,
        key: (&raw const index).expose_provenance() as u64,
        value: (&raw const value).expose_provenance() as u64,
        flags: 0,
    };
    // SAFETY: the structure is that of the command; it points to two numbers of 4 bytes, as the key
    // and the value of such a map are, and the kernel only reads them.
    unsafe { bpf(bpf_cmd::BPF_MAP_UPDATE_ELEM, &mut update) }.map(drop)
}

/// Calls the kernel, which returns a descriptor or 0.
///
/// # Safety
///
/// `attributes` is the structure of the command, or the start of it, and what it points to is valid
/// for what the command does with it.
unsafe fn bpf<T>(command: bpf_cmd, attributes: &mut T) -> io::Result<i32> {
    let attributes: *mut T = attributes;
    // SAFETY: the caller's.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command as u32, attributes, size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}
