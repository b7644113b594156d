//! What the project sets out to reach, and whether it does.

use std::fmt::Write as _;

use super::{Results, Spread};
use crate::bench::{
    generator::Size,
    measure::{Loop, Sample},
    plan::SIZE,
    subject::{
        FLOOR, TCPDUMP, TCPDUMP_TUNED, TCPDUMP_WRITE, VTAP, VTAP_64_RULES, VTAP_FILTERED,
        VTAP_WRITE,
    },
};

/// A figure to reach.
struct Target {
    name: &'static str,
    unit: &'static str,
    must: f64,
    aim: f64,
    measured: Option<f64>,
    /// Whether less is better.
    least: bool,
}

impl Target {
    fn reached(&self, goal: f64) -> &'static str {
        match self.measured {
            None => "",
            Some(measured)
                if (measured <= goal) == self.least || measured.total_cmp(&goal).is_eq() =>
            {
                "yes"
            }
            Some(_) => "no",
        }
    }
}

impl Results {
    /// The table of targets of which anything was measured.
    pub(super) fn targets(&self, text: &mut String) {
        let targets = self.target_list();
        if targets.iter().all(|target| target.measured.is_none()) {
            return;
        }
        text.push_str("\n| target | measured | must | reached | aim | reached |\n");
        text.push_str("|---|--:|--:|---|--:|---|\n");
        for target in &targets {
            let Target { name, unit, must, aim, measured, .. } = target;
            let measured =
                measured.map_or("not measured".into(), |figure| format!("{figure:.2} {unit}"));
            let (must_reached, aim_reached) = (target.reached(*must), target.reached(*aim));
            let _ = writeln!(
                text,
                "| {name} | {measured} | {must} | {must_reached} | {aim} | {aim_reached} |"
            );
        }
    }

    fn target_list(&self) -> Vec<Target> {
        let most = |name, unit, must, aim, measured| Target {
            name,
            unit,
            must,
            aim,
            measured,
            least: false,
        };
        let least = |name, unit, must, aim, measured| Target {
            name,
            unit,
            must,
            aim,
            measured,
            least: true,
        };
        let rate = |subject, size| self.closed_median(subject, size, |sample| sample.mpps);
        let ratio = |subject, other, size| Some(rate(subject, size)? / rate(other, size)?);
        let figure = |name: &str| {
            let figure = self.figures.iter().find(|figure| figure.name == name)?;
            Spread::of(figure.rounds.iter().copied()).map(|spread| spread.median)
        };
        let files = || Some(figure("vtap -r -w")? / figure("tcpdump -r -w")?);
        let cpu = || {
            let cpu = |subject| self.open_median(subject, CPU_RATE, |sample| sample.cpu);
            Some(cpu(TCPDUMP)? / cpu(VTAP)?)
        };
        vec![
            most("count-only, against tcpdump", "×", 8.0, 12.0, ratio(VTAP, TCPDUMP, SIZE)),
            most(
                "count-only, against tuned tcpdump",
                "×",
                3.0,
                4.0,
                ratio(VTAP, TCPDUMP_TUNED, SIZE),
            ),
            most("count-only, of the floor", "", 0.65, 0.80, ratio(VTAP, FLOOR, SIZE)),
            most(
                "all filtered out, of the floor",
                "",
                0.93,
                0.98,
                ratio(VTAP_FILTERED, FLOOR, SIZE),
            ),
            most(
                "-w to tmpfs, against tcpdump -w",
                "×",
                6.0,
                10.0,
                ratio(VTAP_WRITE, TCPDUMP_WRITE, SIZE),
            ),
            most("64 rules, of none", "", 0.85, 0.95, ratio(VTAP_64_RULES, VTAP, SIZE)),
            most(
                "1,400 bytes, against tcpdump",
                "×",
                4.0,
                6.0,
                ratio(VTAP, TCPDUMP, Size::Bytes(1400)),
            ),
            most(
                "8,900 bytes, against tcpdump",
                "×",
                4.0,
                6.0,
                ratio(VTAP, TCPDUMP, Size::Bytes(8900)),
            ),
            most("open loop, all received delivered", "Mpps", 2.0, 4.0, self.lossless()),
            most("CPU per packet at 1 Mpps, tcpdump against vtap", "×", 6.0, 12.0, cpu()),
            most("-r -w, against tcpdump -r -w", "×", 1.5, 4.0, files()),
            least("start to attached", "ms", 300.0, 100.0, figure("vtap: start to attached")),
            least("memory besides rings", "MiB", 64.0, 24.0, figure("vtap: memory besides rings")),
            least("CPU without packets", "%", 1.0, 0.1, figure("vtap: CPU without packets")),
        ]
    }

    fn closed_median(&self, subject: &str, size: Size, figure: fn(&Sample) -> f64) -> Option<f64> {
        self.median(subject, figure, |sample| {
            sample.setting == Loop::Closed && sample.load.size == size && sample.load.flows == 1
        })
    }

    fn open_median(&self, subject: &str, rate: u32, figure: fn(&Sample) -> f64) -> Option<f64> {
        self.median(subject, figure, |sample| {
            sample.setting == Loop::Open && sample.load.rate == Some(rate)
        })
    }

    pub(super) fn median(
        &self,
        subject: &str,
        figure: fn(&Sample) -> f64,
        wanted: impl Fn(&Sample) -> bool,
    ) -> Option<f64> {
        let samples = self.samples.iter();
        let samples = samples.filter(|sample| sample.subject == subject && wanted(sample));
        Spread::of(samples.map(figure)).map(|spread| spread.median)
    }

    /// Of the samples of the open loop in which vtap lost nothing that arrived, the fastest.
    fn lossless(&self) -> Option<f64> {
        let samples = self.samples.iter().filter(|sample| {
            sample.setting == Loop::Open
                && sample.subject == VTAP
                && sample.delivered == sample.sent - sample.dropped
        });
        samples.map(|sample| sample.mpps).max_by(f64::total_cmp)
    }
}

/// The rate at which CPU time is compared.
const CPU_RATE: u32 = 1_000_000;
