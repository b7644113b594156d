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

/// A figure to reach. Where the aim is less than what must be, less is better.
struct Target {
    name: &'static str,
    unit: &'static str,
    must: f64,
    aim: f64,
    measured: fn(&Results) -> Option<f64>,
}

const fn target(
    name: &'static str,
    unit: &'static str,
    must: f64,
    aim: f64,
    measured: fn(&Results) -> Option<f64>,
) -> Target {
    Target { name, unit, must, aim, measured }
}

const TARGETS: &[Target] = &[
    target("count-only, against tcpdump", "×", 8.0, 12.0, |r| r.rate(VTAP, TCPDUMP, SIZE)),
    target("count-only, against tuned tcpdump", "×", 3.0, 4.0, |r| {
        r.rate(VTAP, TCPDUMP_TUNED, SIZE)
    }),
    target("count-only, of the floor", "", 0.65, 0.80, |r| r.rate(VTAP, FLOOR, SIZE)),
    target("all filtered out, of the floor", "", 0.93, 0.98, |r| {
        r.rate(VTAP_FILTERED, FLOOR, SIZE)
    }),
    target("-w to tmpfs, against tcpdump -w", "×", 6.0, 10.0, |r| {
        r.rate(VTAP_WRITE, TCPDUMP_WRITE, SIZE)
    }),
    target("64 rules, of none", "", 0.85, 0.95, |r| r.rate(VTAP_64_RULES, VTAP, SIZE)),
    target("1,400 bytes, against tcpdump", "×", 4.0, 6.0, |r| {
        r.rate(VTAP, TCPDUMP, Size::Bytes(1400))
    }),
    target("8,900 bytes, against tcpdump", "×", 4.0, 6.0, |r| {
        r.rate(VTAP, TCPDUMP, Size::Bytes(8900))
    }),
    target("open loop, all that XDP received delivered", "Mpps", 2.0, 4.0, Results::lossless),
    target(
        "CPU time per packet, sending included, tcpdump's against vtap's",
        "×",
        6.0,
        12.0,
        |r| r.closed(TCPDUMP, VTAP, SIZE, |sample| 1.0 / sample.mpps + sample.cpu),
    ),
    target("-r to -w, against tcpdump", "×", 1.5, 4.0, |r| {
        Some(r.figure("vtap -r -w")? / r.figure("tcpdump -r -w")?)
    }),
    target("start to attached", "ms", 300.0, 100.0, |r| r.figure("vtap: start to attached")),
    target("memory besides rings", "MiB", 64.0, 24.0, |r| r.figure("vtap: memory besides rings")),
    target("CPU without packets", "% of a core", 1.0, 0.1, |r| {
        r.figure("vtap: CPU without packets")
    }),
];

impl Target {
    fn row(&self, measured: Option<f64>) -> String {
        let Self { name, unit, must, aim, .. } = self;
        let least = aim < must;
        let text = measured.map_or("not measured".into(), |figure| format!("{figure:.2} {unit}"));
        let reached = |goal: f64| match measured {
            None => "",
            Some(figure) if (figure <= goal) == least || figure.total_cmp(&goal).is_eq() => "yes",
            Some(_) => "no",
        };
        format!(
            "| {name} | {} | {must} | {} | {aim} | {} |\n",
            text.trim_end(),
            reached(*must),
            reached(*aim)
        )
    }
}

impl Results {
    /// The table of targets of which anything was measured.
    pub(super) fn targets(&self, text: &mut String) {
        let measured: Vec<_> = TARGETS.iter().map(|target| (target.measured)(self)).collect();
        if measured.iter().all(Option::is_none) {
            return;
        }
        text.push_str("\n| target | measured | must | reached | aim | reached |\n");
        text.push_str("|---|--:|--:|---|--:|---|\n");
        text.extend(TARGETS.iter().zip(measured).map(|(target, figure)| target.row(figure)));
        if let Some(ratio) = self.cpu_ratio() {
            let _ = writeln!(
                text,
                "\nIn the open loop, at the highest rate that both sustain, tcpdump and the kernel's \
                 receiving thread take {ratio:.1} times the CPU time of vtap and that thread."
            );
        }
    }

    /// The rate of a subject over that of another, in the closed loop.
    fn rate(&self, subject: &str, other: &str, size: Size) -> Option<f64> {
        self.closed(subject, other, size, |sample| sample.mpps)
    }

    fn closed(
        &self,
        subject: &str,
        other: &str,
        size: Size,
        figure: fn(&Sample) -> f64,
    ) -> Option<f64> {
        let loads = self.loads(Loop::Closed);
        let load = loads.iter().find(|load| load.size == size && load.flows == 1)?;
        self.ratio(Loop::Closed, load, subject, other, figure)
    }

    fn figure(&self, name: &str) -> Option<f64> {
        let figure = self.figures.iter().find(|figure| figure.name == name)?;
        Spread::of(figure.rounds.iter().copied()).map(|spread| spread.median)
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
