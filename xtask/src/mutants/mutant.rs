//! What cargo-mutants tells of each mutant.

use std::{collections::HashMap, fmt, fs, path::Path};

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A test failed or ran for too long.
    Noticed,
    /// No test failed.
    Survived,
    /// It is no valid program.
    Unbuildable,
}

/// One change of the sources.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// What became of it.
    pub fate: Fate,
    /// The changed file, from the workspace's root on.
    pub file: String,
    /// What is changed, such as `replace < with <= in Cidr::contains`.
    pub change: String,
    /// The line where the change begins, without the blanks around it.
    pub line: String,
    /// What is replaced.
    pub span: Span,
    /// What it is replaced by.
    pub replacement: String,
}

/// A piece of a file, without its end.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Span {
    start: Place,
    end: Place,
}

/// Both count from 1; columns are characters.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

impl fmt::Display for Mutant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, change, line, span, .. } = self;
        write!(formatter, "{file}:{}: {change}: `{line}`", span.start.line)
    }
}

impl Mutant {
    /// The text of its file with the change.
    pub fn apply(&self, source: &str) -> Option<String> {
        let (start, end) = (self.span.start.offset(source)?, self.span.end.offset(source)?);
        Some(format!("{}{}{}", source.get(..start)?, self.replacement, source.get(end..)?))
    }
}

impl Place {
    /// As a number of bytes.
    fn offset(self, source: &str) -> Option<usize> {
        let lines = source.split_inclusive('\n');
        let before: usize = lines.clone().take(self.line - 1).map(str::len).sum();
        let line = lines.clone().nth(self.line - 1)?;
        let inside: usize = line.chars().take(self.column - 1).map(char::len_utf8).sum();
        Some(before + inside)
    }
}

#[derive(Deserialize)]
struct Outcomes {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: String,
}

#[derive(Deserialize)]
enum Scenario {
    /// The tests of the sources as they are.
    Baseline,
    Mutant(Described),
}

#[derive(Deserialize)]
struct Described {
    name: String,
    file: String,
    span: Span,
    replacement: String,
}

/// Reads `outcomes.json`, and the lines from the sources under `root`.
pub fn read(outcomes: &Path, root: &Path) -> Result<Vec<Mutant>> {
    let text = fs::read(outcomes).with_context(|| outcomes.display().to_string())?;
    let read: Outcomes =
        serde_json::from_slice(&text).with_context(|| outcomes.display().to_string())?;
    let mut sources = HashMap::new();
    let mut mutants = Vec::new();
    for Outcome { scenario, summary } in read.outcomes {
        let Scenario::Mutant(Described { name, file, span, replacement }) = scenario else {
            continue;
        };
        if !sources.contains_key(&file) {
            let source = fs::read_to_string(root.join(&file)).with_context(|| file.clone())?;
            sources.insert(file.clone(), source);
        }
        let source = &sources[&file];
        let line = source.lines().nth(span.start.line - 1).unwrap_or_default().trim().to_owned();
        let fate = match summary.as_str() {
            "CaughtMutant" | "Timeout" => Fate::Noticed,
            "MissedMutant" => Fate::Survived,
            "Unviable" => Fate::Unbuildable,
            other => anyhow::bail!("{name}: unknown outcome {other}"),
        };
        let change = change(&name).with_context(|| format!("unexpected name: {name}"))?;
        mutants.push(Mutant { fate, file, change: change.to_owned(), line, span, replacement });
    }
    Ok(mutants)
}

/// The name without `FILE:LINE:COLUMN: ` before it.
fn change(name: &str) -> Option<&str> {
    name.splitn(4, ':').nth(3).map(str::trim_start)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn mutant(fate: Fate, change: &str, line: &str) -> Mutant {
        let place = Place { line: 1, column: 1 };
        Mutant {
            fate,
            file: "a.rs".into(),
            change: change.into(),
            line: line.into(),
            span: Span { start: place, end: place },
            replacement: String::new(),
        }
    }

    #[test]
    fn outcomes_are_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.rs"), "fn ä() {\n    1 < 2 // é\n}\n").unwrap();
        let outcomes = dir.path().join("outcomes.json");
        fs::write(
            &outcomes,
            r#"{"outcomes": [
                {"scenario": "Baseline", "summary": "Success"},
                {"scenario": {"Mutant": {
                    "name": "a.rs:2:7: replace < with <= in ä", "file": "a.rs",
                    "span": {"start": {"line": 2, "column": 7}, "end": {"line": 2, "column": 8}},
                    "replacement": "<="}}, "summary": "MissedMutant"}
            ], "total_mutants": 1}"#,
        )
        .unwrap();
        let [mutant] = &read(&outcomes, dir.path()).unwrap()[..] else { panic!("not one") };
        assert_eq!(mutant.fate, Fate::Survived);
        assert_eq!(mutant.change, "replace < with <= in ä");
        assert_eq!(mutant.line, "1 < 2 // é");
        let source = fs::read_to_string(dir.path().join("a.rs")).unwrap();
        assert_eq!(mutant.apply(&source).unwrap(), "fn ä() {\n    1 <= 2 // é\n}\n");
    }
}
