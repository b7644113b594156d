//! The survivors that are known, and why each is accepted.

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::mutant::{Fate, Mutant};

const LIST: &str = include_str!("listed.json");

/// All of them.
pub struct Listed {
    entries: Vec<Entry>,
}

/// Mutants that make the same change in lines of the same text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    file: String,
    change: String,
    line: String,
    /// How many there are.
    #[serde(default = "one")]
    count: usize,
    /// Why nobody can tell the mutant from the original.
    pub equivalent: Option<String>,
    /// The integration test that notices it.
    pub test: Option<String>,
}

const fn one() -> usize {
    1
}

impl Entry {
    fn describes(&self, mutant: &Mutant) -> bool {
        self.file == mutant.file && self.change == mutant.change && self.line == mutant.line
    }
}

impl Listed {
    /// Reads the list.
    pub fn read() -> Result<Self> {
        Self::parse(LIST).context("xtask/src/mutants/listed.json")
    }

    fn parse(text: &str) -> Result<Self> {
        let entries: Vec<Entry> = serde_json::from_str(text)?;
        for entry in &entries {
            let reasons = [&entry.equivalent, &entry.test];
            let given = reasons.into_iter().flatten().filter(|reason| !reason.is_empty()).count();
            ensure!(given == 1, "needs either `equivalent` or `test`: {entry:?}");
        }
        Ok(Self { entries })
    }

    /// What is said of a mutant.
    pub fn entry(&self, mutant: &Mutant) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.describes(mutant))
    }

    /// The integration tests that are said to notice these.
    pub fn tests(&self, mutants: &[&Mutant]) -> Vec<String> {
        mutants.iter().filter_map(|mutant| self.entry(mutant)?.test.clone()).collect()
    }

    /// What is wrong with the list, given the fates of mutants. If these are `all` of their files,
    /// each entry must have as many survivors as it says.
    pub fn compare(&self, mutants: &[Mutant], all: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        let survivors = || mutants.iter().filter(|mutant| mutant.fate == Fate::Survived);
        for mutant in survivors() {
            if self.entry(mutant).is_none() {
                wrong.push(format!("not listed: {mutant}"));
            }
        }
        for entry in &self.entries {
            let Entry { file, change, line, count, .. } = entry;
            let found = survivors().filter(|mutant| entry.describes(mutant)).count();
            let is_examined = mutants.iter().any(|mutant| mutant.file == *file);
            if found > *count || (all && is_examined && found < *count) {
                wrong.push(format!(
                    "out of date: {found} mutants survive, not {count}: {file}: {change}: `{line}`"
                ));
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::{super::mutant::tests::mutant, *};

    fn listed() -> Listed {
        let text = r#"[{"file": "a.rs", "change": "replace < with <=", "line": "a < b",
                        "equivalent": "a is never b"}]"#;
        Listed::parse(text).unwrap()
    }

    #[test]
    fn the_list_is_well_formed() {
        Listed::read().unwrap();
        let reasons = r#", "equivalent": "x", "test": "y""#;
        for reasons in ["", reasons, r#", "test": """#] {
            let text = format!(r#"[{{"file": "a", "change": "b", "line": "c"{reasons}}}]"#);
            assert!(Listed::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn survivors_must_be_listed() {
        let known = mutant(Fate::Survived, "replace < with <=", "a < b");
        assert!(listed().compare(std::slice::from_ref(&known), true).is_empty());
        for other in [
            mutant(Fate::Survived, "replace < with ==", "a < b"),
            mutant(Fate::Survived, "replace < with <=", "a < c"),
        ] {
            let wrong = listed().compare(&[known.clone(), other], true);
            assert!(wrong.len() == 1 && wrong[0].starts_with("not listed"), "{wrong:?}");
        }
        let noticed = mutant(Fate::Noticed, "replace < with ==", "a < b");
        assert!(listed().compare(&[known, noticed], true).is_empty());
    }

    #[test]
    fn entries_must_survive() {
        let known = mutant(Fate::Survived, "replace < with <=", "a < b");
        let noticed = mutant(Fate::Noticed, "replace < with <=", "a < b");
        let wrong = listed().compare(std::slice::from_ref(&noticed), true);
        assert!(wrong.len() == 1 && wrong[0].starts_with("out of date"), "{wrong:?}");
        let wrong = listed().compare(&[known.clone(), known], false);
        assert!(wrong.len() == 1 && wrong[0].starts_with("out of date"), "{wrong:?}");
        // It may be in another part; and nothing is known of files that were not examined.
        assert!(listed().compare(&[noticed], false).is_empty());
        assert!(listed().compare(&[], true).is_empty());
    }
}
