//! Builds the benchmark's kernel side and leaves the object in `OUT_DIR`, from where its tool embeds
//! it.

#[path = "../vtap-user/build/ebpf.rs"]
mod ebpf;

fn main() -> std::process::ExitCode {
    ebpf::build("vtap-bench")
}
