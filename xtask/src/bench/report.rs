//! What came out: tables for people, one file for programs, plots.

mod json;
mod plot;
mod table;
mod targets;

use super::{cpu::Cores, figure::Figure, generator::Size, measure::Sample};
use crate::report as progress;

/// All that was measured in one run.
pub struct Results {
    cores: Cores,
    samples: Vec<Sample>,
    figures: Vec<Figure>,
    missing: Vec<Missing>,
    failures: Vec<(String, String)>,
}

/// A subject that could not be measured, with all sizes or with one.
struct Missing {
    subject: String,
    size: Option<Size>,
    reason: String,
}

impl Results {
    /// Of no measurement yet.
    pub fn new(cores: Cores) -> Self {
        Self {
            cores,
            samples: Vec::new(),
            figures: Vec::new(),
            missing: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Adds a measurement.
    pub fn add(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// Adds figures of other kinds.
    pub fn add_figures(&mut self, figures: Vec<Figure>) {
        self.figures.extend(figures);
    }

    /// Notes that a subject can't be measured here.
    pub fn missing(&mut self, subject: &str, size: Option<Size>, reason: &str) {
        let known = |missing: &Missing| missing.subject == subject && missing.size == size;
        if self.missing.iter().any(known) {
            return;
        }
        progress::warning(format_args!("without {subject}: {reason}"));
        let (subject, reason) = (subject.to_owned(), reason.to_owned());
        self.missing.push(Missing { subject, size, reason });
    }

    /// Whether a subject is known not to work.
    pub fn is_missing(&self, subject: &str, size: Size) -> bool {
        self.missing.iter().any(|missing| {
            missing.subject == subject && missing.size.is_none_or(|known| known == size)
        })
    }

    /// Notes that a measurement of vtap failed.
    pub fn failed(&mut self, subject: &str, reason: String) {
        self.failures.push((subject.to_owned(), reason));
    }

    /// How many did.
    pub fn failures(&self) -> usize {
        self.failures.len()
    }
}

/// A figure over several rounds.
#[derive(Clone, Copy)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// Of at least one figure.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<_> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let (least, most) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let median = if figures.len() % 2 == 1 {
            figures[middle]
        } else {
            f64::midpoint(figures[middle - 1], figures[middle])
        };
        Some(Self { median, least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_spread() {
        let spread = Spread::of([3.0, 1.0, 2.0]).unwrap();
        assert!(spread.least < spread.median && spread.median < spread.most);
        assert!((Spread::of([4.0, 1.0]).unwrap().median - 2.5).abs() < 1e-9);
        assert!(Spread::of([]).is_none());
    }
}
