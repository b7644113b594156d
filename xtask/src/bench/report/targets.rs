//! What the project sets out to reach, and whether it does.

use std::fmt::Write as _;

use super::{Results, Spread};
use crate::bench::{
    generator::{Load, Size},
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
            most(
                "CPU per packet at the highest rate both sustain, tcpdump against vtap",
                "×",
                6.0,
                12.0,
                self.cpu_ratio(),
            ),
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

    /// The highest rate of the open loop at which vtap lost nothing that arrived, in any round.
    fn lossless(&self) -> Option<f64> {
        let rates = self.loads(Loop::Open).into_iter().filter_map(|load| {
            let samples = self.of(Loop::Open, &load, VTAP);
            let whole =
                samples.iter().all(|sample| sample.delivered + sample.dropped == sample.sent);
            let mpps = Spread::of(samples.iter().map(|sample| sample.mpps))?;
            whole.then_some(mpps.median)
        });
        rates.max_by(f64::total_cmp)
    }

    /// How much more CPU time per packet tcpdump takes, at the highest rate that both sustain: above
    /// it, the time of what was lost would count for what was delivered.
    fn cpu_ratio(&self) -> Option<f64> {
        let median = |subject, load: &Load, figure: fn(&Sample) -> f64| {
            let samples = self.of(Loop::Open, load, subject);
            Spread::of(samples.into_iter().map(figure)).map(|spread| spread.median)
        };
        let sustained = |load: &Load| {
            let share = |subject| median(subject, load, Sample::share);
            [TCPDUMP, VTAP].into_iter().all(|s| share(s).is_some_and(|share| share >= SUSTAINED))
        };
        let loads = self.loads(Loop::Open).into_iter().filter(sustained);
        let load = loads.max_by_key(|load| load.rate)?;
        let cpu = |subject| median(subject, &load, |sample| sample.cpu);
        Some(cpu(TCPDUMP)? / cpu(VTAP)?)
    }
}

/// The share delivered from which on a rate counts as sustained.
const SUSTAINED: f64 = 0.99;
