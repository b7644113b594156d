//! What vtap says of itself is what the kernel says of it.

use anyhow::{Result, ensure};
use vtap_tests::{
    capture::Capture,
    net::{Net, TARGET_DEV},
};

crate::tests![mode_and_program_are_as_told["bpftool"],];

fn mode_and_program_are_as_told() -> Result<()> {
    let net = Net::new()?;
    for asked in ["generic", "auto"] {
        let capture = Capture::start(&net.target, &["-v", "--no-print", "--xdp-mode", asked])?;
        let mode = net.target.xdp_mode(TARGET_DEV)?.unwrap_or("no");
        let id = net.target.xdp_program(TARGET_DEV)?.unwrap_or_default();
        let program = net.target.output(&format!("bpftool -j prog show id {id}"))?;
        let program: serde_json::Value = serde_json::from_str(&program)?;
        let ended = capture.stop()?;
        ended.check()?;
        let program = format!("program `{}`", program["name"].as_str().unwrap_or_default());
        for words in [&format!("({mode} XDP)"), &program] {
            ensure!(ended.stderr.contains(words), "no `{words}` in {}", ended.stderr);
        }
        ensure!(ended.stats["xdp_mode"] == mode, "{}", ended.stats);
        ensure!(asked == "auto" || mode == asked);
        // The only other excuse is one that vtap gives.
        ensure!(
            mode != "generic" || asked == mode || ended.stderr.contains("generic XDP, because")
        );
    }
    Ok(())
}
