//! Options for the BPF linker, which generates the code.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "bpf") {
        // Header fields can be at any address. Without this feature, the compiler would read each
        // field byte by byte. The verifier allows unaligned reads of packet memory on every CPU
        // that does them efficiently (`CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS`).
        println!("cargo:rustc-link-arg-bins=--cpu-features=+allows-misaligned-mem-access");
    }
}
