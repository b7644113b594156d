//! Options for the BPF linker, which generates the code.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "bpf") {
        // Header fields lie at any address. Without this feature each is read byte by byte; the
        // kernel's verifier allows such reads wherever the CPU does them well.
        println!("cargo:rustc-link-arg-bins=--cpu-features=+allows-misaligned-mem-access");
    }
}
