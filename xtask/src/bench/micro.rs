//! What the XDP program costs by itself.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{
    figure::{Figure, Part},
    measure::Bench,
};
use crate::command::{command, output};

/// As the tool prints it.
#[derive(Deserialize)]
struct Cost {
    class: String,
    kernel_ns: f64,
    drain_ns: Option<f64>,
}

/// Measures each class of packets.
pub fn measure(bench: &Bench, rounds: usize) -> Result<Vec<Figure>> {
    let mut figures: Vec<Figure> = Vec::new();
    let mut add = |name: String, value: f64| match figures.iter_mut().find(|f| f.name == name) {
        Some(figure) => figure.rounds.push(value),
        None => figures.push(Figure::new(Part::Micro, name, "ns per packet", vec![value])),
    };
    for _ in 0..rounds {
        bench.interrupts.check()?;
        let mut tool = command("taskset");
        tool.args(["--cpu-list", &bench.cores.capture.to_string()]);
        let costs = output(tool.arg(&bench.binaries.tool).arg("micro"))?;
        for cost in serde_json::from_str::<Vec<Cost>>(&costs).context("the tool's report")? {
            if let Some(drain_ns) = cost.drain_ns {
                add(format!("{}: drained", cost.class), drain_ns);
            }
            add(cost.class, cost.kernel_ns);
        }
    }
    Ok(figures)
}
