//! Tables in Markdown, which a terminal shows as well.

use std::fmt::Write as _;

use super::{Results, Spread};
use crate::bench::{
    figure::{Figure, Part},
    generator::Load,
    measure::{Loop, Sample},
    subject::{FLOOR, TCPDUMP},
};

/// The share of its CPU that a generator has on a quiet machine; making and giving back memory
/// takes some hundredths of a second, which do not count as sending.
const UNDISTURBED: f64 = 0.85;

impl Results {
    /// All tables.
    pub fn tables(&self) -> String {
        let mut text = String::new();
        for load in self.loads(Loop::Closed) {
            self.closed_table(&load, &mut text);
        }
        self.open(&mut text);
        for part in Part::ALL {
            self.figures(part, &mut text);
        }
        self.targets(&mut text);
        self.disturbance(&mut text);
        for missing in &self.missing {
            let size = missing.size.map_or_else(String::new, |size| format!(" with {size} bytes"));
            let _ = writeln!(text, "not measured: {}{size}: {}", missing.subject, missing.reason);
        }
        for (subject, reason) in &self.failures {
            let _ = writeln!(text, "FAILED: {subject}: {reason}");
        }
        text
    }

    fn figures(&self, part: Part, text: &mut String) {
        let mut figures = self.figures.iter().filter(|figure| figure.part == part).peekable();
        if figures.peek().is_none() {
            return;
        }
        let _ = writeln!(text, "\n{}\n", part.title());
        text.push_str("| figure | median | (least-most) | unit |\n|---|--:|--:|---|\n");
        for Figure { name, unit, rounds, .. } in figures {
            let Some(spread) = Spread::of(rounds.iter().copied()) else { continue };
            let Spread { median, least, most } = spread;
            let _ = writeln!(text, "| {name} | {median:.2} | {least:.2}-{most:.2} | {unit} |");
        }
    }

    /// Says so where something else had the CPUs, too.
    fn disturbance(&self, text: &mut String) {
        let disturbed = self.samples.iter().filter(|sample| sample.had_cpu < UNDISTURBED).count();
        if disturbed > 0 {
            let _ = writeln!(
                text,
                "\nIn {disturbed} of {} measurements something else on this machine had the generator's \
                 CPU for more than {:.0} % of the time: figures are disturbed.",
                self.samples.len(),
                100.0 * (1.0 - UNDISTURBED)
            );
        }
    }

    fn closed_table(&self, load: &Load, text: &mut String) {
        let _ = writeln!(
            text,
            "\nClosed loop, inner frames of {} bytes, flows: {}\n",
            load.size, load.flows
        );
        text.push_str("| capture | Mpps | (least-most) | Gbit/s | delivered | CPU s per M | × tcpdump | of floor |\n");
        text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|\n");
        for subject in self.subjects(Loop::Closed, load) {
            let samples = self.of(Loop::Closed, load, &subject);
            let Some(mpps) = Spread::of(samples.iter().map(|sample| sample.mpps)) else { continue };
            let ratio = |other, precision| {
                let ratio = self.ratio(Loop::Closed, load, &subject, other, |sample| sample.mpps);
                ratio.map_or_else(String::new, |ratio| format!("{ratio:.precision$}"))
            };
            let _ = writeln!(
                text,
                "| {subject} | {:.3} | {:.3}-{:.3} | {:.2} | {} | {:.3} | {} | {} |",
                mpps.median,
                mpps.least,
                mpps.most,
                typical(&samples, Sample::gbps),
                percent(typical(&samples, Sample::share)),
                typical(&samples, |sample| sample.cpu),
                ratio(TCPDUMP, 1),
                ratio(FLOOR, 2),
            );
        }
    }

    fn open(&self, text: &mut String) {
        let loads = self.loads(Loop::Open);
        let Some(first) = loads.first() else { return };
        let figures: [(&str, Cell); 2] = [
            ("share delivered of what was offered", |sample| percent(sample.share())),
            ("CPU seconds per million packets delivered", |sample| format!("{:.3}", sample.cpu)),
        ];
        for (name, figure) in figures {
            let _ = writeln!(text, "\nOpen loop, inner frames of {} bytes: {name}\n", first.size);
            let rates =
                loads.iter().map(|load| format!(" {} |", f64::from(load.rate.unwrap_or(0)) / 1e6));
            let _ = writeln!(text, "| Mpps offered |{}", rates.collect::<String>());
            let _ = writeln!(text, "|---|{}", "--:|".repeat(loads.len()));
            for subject in self.subjects(Loop::Open, first) {
                let cell = |load: &Load| {
                    let mut samples = self.of(Loop::Open, load, &subject);
                    samples.sort_by(|a, b| a.share().total_cmp(&b.share()));
                    let cell = samples.get(samples.len() / 2).map(|sample| figure(sample));
                    format!(" {} |", cell.unwrap_or_default())
                };
                let _ =
                    writeln!(text, "| {subject} |{}", loads.iter().map(cell).collect::<String>());
            }
        }
    }

    /// Loads that were measured, in their order.
    pub(super) fn loads(&self, setting: Loop) -> Vec<Load> {
        let mut loads: Vec<Load> = Vec::new();
        for sample in self.samples.iter().filter(|sample| sample.setting == setting) {
            if !loads.iter().any(|load| load.is_like(&sample.load)) {
                loads.push(sample.load);
            }
        }
        loads
    }

    /// Subjects that were measured with a load, in their order.
    fn subjects(&self, setting: Loop, load: &Load) -> Vec<String> {
        let mut subjects: Vec<String> = Vec::new();
        let samples = self.samples.iter();
        for sample in samples.filter(|s| s.setting == setting && s.load.is_like(load)) {
            if !subjects.contains(&sample.subject) {
                subjects.push(sample.subject.clone());
            }
        }
        subjects
    }

    /// The median over rounds of one subject's figure over another's in the same round: they were
    /// measured within seconds of each other, and so in like conditions.
    pub(super) fn ratio(
        &self,
        setting: Loop,
        load: &Load,
        subject: &str,
        other: &str,
        figure: impl Fn(&Sample) -> f64,
    ) -> Option<f64> {
        let others = self.of(setting, load, other);
        let ratios = self.of(setting, load, subject).into_iter().filter_map(|sample| {
            let other = others.iter().find(|other| other.round == sample.round)?;
            Some(figure(sample) / figure(other))
        });
        Spread::of(ratios).map(|spread| spread.median)
    }

    pub(super) fn of(&self, setting: Loop, load: &Load, subject: &str) -> Vec<&Sample> {
        let samples = self.samples.iter();
        let wanted = samples.filter(|sample| {
            sample.setting == setting && sample.load.is_like(load) && sample.subject == subject
        });
        wanted.collect()
    }
}

/// What stands in a table about a sample.
type Cell = fn(&Sample) -> String;

/// The median of a figure.
fn typical(samples: &[&Sample], figure: impl Fn(&Sample) -> f64) -> f64 {
    let figures = samples.iter().map(|sample| figure(sample));
    Spread::of(figures).map_or(f64::NAN, |spread| spread.median)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}
