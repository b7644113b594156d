//! How many instructions are allowed.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{report, workspace::Workspace};

/// What may be exceeded by chance (hash seeds, addresses), in per cent.
const TOLERANCE: u64 = 3;

/// What instruction counts depend on besides our sources.
pub type Basis = BTreeMap<String, String>;

/// Instructions by name.
pub type Figures = BTreeMap<String, u64>;

/// The budget of each part.
#[derive(Default, Serialize, Deserialize)]
pub struct Budget(BTreeMap<String, Part>);

#[derive(Serialize, Deserialize)]
struct Part {
    basis: Basis,
    instructions: Figures,
}

impl Budget {
    /// Reads the sources' budget; there may be none yet.
    pub fn read(workspace: &Workspace) -> Result<Self> {
        let file = file(workspace);
        match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).with_context(|| file.display().to_string()),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Writes it.
    pub fn write(&self, workspace: &Workspace) -> Result<()> {
        let file = file(workspace);
        fs::write(&file, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
        report::found(format_args!("the budget is now what was counted: {}", file.display()));
        Ok(())
    }

    /// Sets a part to what was counted.
    pub fn set(&mut self, part: &str, basis: Basis, instructions: Figures) {
        self.0.insert(part.to_owned(), Part { basis, instructions });
    }

    /// Says what grew, or why that can't be told.
    pub fn compare(
        &self,
        part: &str,
        basis: &Basis,
        figures: &Figures,
    ) -> Result<Vec<String>, String> {
        let Some(budget) = self.0.get(part) else {
            return Err("there is no budget: `cargo xtask bench --gate --update-budget`".into());
        };
        for (key, value) in basis {
            let other = budget.basis.get(key).map_or("none", String::as_str);
            if other != value {
                return Err(format!("the budget is for {key} {other}, and this is {value}"));
            }
        }
        let mut grown = Vec::new();
        for (name, count) in figures {
            let Some(allowed) = budget.instructions.get(name) else {
                grown.push(format!("{part}, {name}: {count}, but there is no budget for it"));
                continue;
            };
            let change = *count as f64 / *allowed as f64 - 1.0;
            report::detail(format_args!("{name:52} {count:8} {:+6.1} %", 100.0 * change));
            if count * 100 > allowed * (100 + TOLERANCE) {
                grown.push(format!(
                    "{part}, {name}: {count} instead of {allowed}, {:.1} % more",
                    100.0 * change
                ));
            }
        }
        Ok(grown)
    }
}

fn file(workspace: &Workspace) -> PathBuf {
    workspace.root().join("xtask/src/bench/gate/budget.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(count: u64) -> Figures {
        Figures::from([("x".to_owned(), count)])
    }

    fn budget() -> (Budget, Basis) {
        let basis = Basis::from([("kernel".to_owned(), "6.18".to_owned())]);
        let mut budget = Budget::default();
        budget.set("part", basis.clone(), figures(1000));
        (budget, basis)
    }

    #[test]
    fn growth_beyond_the_tolerance_is_told() {
        let (budget, basis) = budget();
        assert!(budget.compare("part", &basis, &figures(1030)).unwrap().is_empty());
        let grown = budget.compare("part", &basis, &figures(1031)).unwrap();
        assert_eq!(grown, ["part, x: 1031 instead of 1000, 3.1 % more"]);
    }

    #[test]
    fn what_has_no_budget_fails() {
        let (budget, basis) = budget();
        let other = Figures::from([("y".to_owned(), 1)]);
        assert_eq!(budget.compare("part", &basis, &other).unwrap().len(), 1);
    }

    #[test]
    fn another_basis_is_not_compared() {
        let (budget, _) = budget();
        let basis = Basis::from([("kernel".to_owned(), "6.12".to_owned())]);
        let reason = budget.compare("part", &basis, &figures(2000)).unwrap_err();
        assert_eq!(reason, "the budget is for kernel 6.18, and this is 6.12");
    }
}
