//! vtap itself.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{Ended, Scene, Subject, VTAP, VTAP_FILTERED, VTAP_WRITE};

/// vtap with some arguments.
pub struct Vtap {
    key: String,
    name: String,
    args: Vec<String>,
    /// Whether all packets are selected, or none.
    selects: bool,
}

const STATS: &str = "stats.json";

impl Vtap {
    fn new(key: &str, name: &str, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { key: key.to_owned(), name: name.to_owned(), args, selects: true }
    }

    /// Counts packets.
    pub fn count() -> Self {
        Self::new("vtap", VTAP, &["--no-print"])
    }

    /// Writes them to a file in memory.
    pub fn write() -> Self {
        Self::new("vtap-write", VTAP_WRITE, &["-w", "x.pcapng"])
    }

    /// Selects none of them.
    pub fn filtered() -> Self {
        let args = ["--no-print", "--proto", "tcp"];
        Self { selects: false, ..Self::new("vtap-filtered", VTAP_FILTERED, &args) }
    }

    /// Selects all of them by the last of several rules.
    pub fn rules(count: usize) -> Self {
        let mut vtap = Self::new(
            &format!("vtap-{count}-rules"),
            &format!("vtap, {count} rules"),
            &["--no-print"],
        );
        let exclude = |n| format!("exclude proto udp src 10.{n}.0.0/16 dst-port {}", 6000 + n);
        let rules = (1..count).map(exclude).chain(["include proto udp".into()]);
        vtap.args.extend(rules.flat_map(|rule| ["--rule".into(), rule]));
        vtap
    }

    /// With a given ring size.
    pub fn ring(size: &str) -> Self {
        let (key, name) = (format!("vtap-ring-{size}"), format!("vtap, rings of {size}"));
        Self::new(&key, &name, &["--no-print", "--ring-size", size])
    }
}

impl Subject for Vtap {
    fn key(&self) -> &str {
        &self.key
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn command(&self, scene: &Scene<'_>) -> Command {
        let mut command = scene.command(&scene.binaries.vtap);
        command.args(["capture", "-i", &scene.net.dev, "--stats-json", STATS]).args(&self.args);
        command
    }

    fn ready(&self) -> &'static str {
        "capturing on"
    }

    fn delivered(&self, ended: &Ended<'_>) -> Result<u64> {
        let stats: Value = serde_json::from_str(&ended.read(STATS)?).context("--stats-json")?;
        check_accounts(&stats)?;
        let received = count(&stats, "received.packets")?;
        let arrived = ended.arrived;
        ensure!(received == arrived, "{received} frames received, but {arrived} arrived: {stats}");
        let selected = count(&stats, if self.selects { "matched.packets" } else { "filtered" })?;
        ensure!(
            selected == arrived,
            "not all were {}: {stats}",
            if self.selects { "matched" } else { "filtered" }
        );
        if !self.selects {
            return Ok(selected);
        }
        let delivered = count(&stats, "delivered.packets")?;
        let written = count(&stats, "written")?;
        ensure!(written == delivered, "not all that was delivered is written: {stats}");
        Ok(delivered)
    }

    fn is_ours(&self) -> bool {
        true
    }
}

/// A counter by its path, such as `lost.total`.
fn count(stats: &Value, path: &str) -> Result<u64> {
    let count = stats.pointer(&format!("/{}", path.replace('.', "/"))).and_then(Value::as_u64);
    count.with_context(|| format!("no counter {path} in {stats}"))
}

/// Nothing is lost in silence.
fn check_accounts(stats: &Value) -> Result<()> {
    for (sum, parts) in [
        ("received.packets", &["not_tunnel", "tunnel"][..]),
        ("tunnel", &["malformed.total", "filtered", "matched.packets"]),
        ("matched.packets", &["delivered.packets", "lost.total"]),
    ] {
        let mut total = 0;
        for part in parts {
            total += count(stats, part)?;
        }
        ensure!(count(stats, sum)? == total, "{sum} is not the sum of {parts:?}: {stats}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn accounts_must_add_up() {
        let mut stats = json!({
            "received": {"packets": 10}, "not_tunnel": 1, "tunnel": 9, "malformed": {"total": 1},
            "filtered": 2, "matched": {"packets": 6}, "delivered": {"packets": 4},
            "lost": {"total": 2},
        });
        check_accounts(&stats).unwrap();
        stats["lost"]["total"] = json!(1);
        assert!(check_accounts(&stats).unwrap_err().to_string().contains("matched.packets"));
    }
}
