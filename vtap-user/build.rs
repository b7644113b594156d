//! Builds the XDP program and leaves the object in `OUT_DIR`, from where `kernel/load.rs` embeds it.

#[path = "build/ebpf.rs"]
mod ebpf;

fn main() -> std::process::ExitCode {
    ebpf::build("vtap-ebpf")
}
