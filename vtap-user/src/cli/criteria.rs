//! The selection flags and the words of rules, from the table of criteria that the kernel side has
//! too: [`vtap_common::select::CRITERIA`].

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use vtap_common::select::{CRITERIA, Criterion, MAX_VALUES, Rule, Selection, Syntax, Wanted};

use super::values::{cidr, icmp, port_range, protocol, vni_range};
use crate::escape::name;

/// The values of all selection flags.
#[derive(Clone, Debug, Default)]
pub struct SelectionFlags {
    /// Flag and values, for each flag that was given.
    given: Vec<(&'static str, Vec<Wanted>)>,
}

impl SelectionFlags {
    /// Puts the values into `selection`. The error names a flag that has too many of them.
    pub fn apply(&self, selection: &mut Selection) -> Result<(), String> {
        for (flag, values) in &self.given {
            for value in values {
                match selection.flags.add(flag, *value) {
                    Some(Ok(())) => {}
                    Some(Err(_)) => {
                        return Err(too_many(&format!("--{flag}"), values.len(), MAX_VALUES));
                    }
                    None => return Err(format!("--{flag} takes no such value")),
                }
            }
        }
        Ok(())
    }
}

/// What to say of a flag that was given too often.
pub fn too_many(flag: &str, given: usize, most: usize) -> String {
    format!("{flag} is given {given} times; {most} is the most")
}

/// Sets the criterion of a rule that `word` names.
pub fn set_in_rule(rule: &mut Rule, word: &str, text: &str) -> Result<(), String> {
    let Some(criterion) = CRITERIA.iter().find(|criterion| criterion.word == Some(word)) else {
        let words: Vec<_> = CRITERIA.iter().filter_map(|criterion| criterion.word).collect();
        return Err(format!("`{}` is no criterion; there are {}", name(word), words.join(", ")));
    };
    let wanted = parse(criterion.syntax, text)?;
    rule.set(word, wanted).ok_or_else(|| format!("`{word}` takes no such value"))
}

/// The forms of a rule, for help.
pub fn rule_forms() -> String {
    let words = CRITERIA.iter().filter_map(|criterion| {
        criterion.word.map(|word| format!(" [{word} {}]", value_name(criterion.syntax)))
    });
    format!("include|exclude{}", words.collect::<String>())
}

fn value_name(syntax: Syntax) -> &'static str {
    match syntax {
        Syntax::Vni | Syntax::Port => "N|A-B",
        Syntax::Protocol => "P",
        Syntax::Cidr => "CIDR",
        Syntax::Icmp => "T[/C]",
    }
}

fn parse(syntax: Syntax, text: &str) -> Result<Wanted, String> {
    match syntax {
        Syntax::Vni => vni_range(text).map(Wanted::Number),
        Syntax::Port => port_range(text).map(Wanted::Number),
        Syntax::Protocol => protocol(text).map(Wanted::Number),
        Syntax::Cidr => cidr(text).map(Wanted::Prefix),
        Syntax::Icmp => icmp(text).map(Wanted::Pair),
    }
}

fn arg(criterion: &'static Criterion, flag: &'static str) -> Arg {
    let syntax = criterion.syntax;
    Arg::new(flag)
        .long(flag)
        .value_name(value_name(syntax))
        .value_parser(move |text: &str| parse(syntax, text))
        .action(ArgAction::Append)
        .help(criterion.help)
        .help_heading(super::SELECTION)
}

impl Args for SelectionFlags {
    fn augment_args(command: Command) -> Command {
        let flags = CRITERIA.iter().filter_map(|criterion| Some(arg(criterion, criterion.flag?)));
        command.args(flags)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SelectionFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = CRITERIA.iter().filter_map(|criterion| criterion.flag);
        let given = flags.filter_map(|flag| {
            let values = matches.get_many::<Wanted>(flag)?;
            Some((flag, values.copied().collect()))
        });
        Ok(Self { given: given.collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line of the table: its syntax yields a value of its kind.
    #[test]
    fn every_criterion_takes_its_value() {
        for criterion in CRITERIA {
            let text = match criterion.syntax {
                Syntax::Vni => "7",
                Syntax::Port => "23-25",
                Syntax::Protocol => "tcp",
                Syntax::Cidr => "10.0.0.0/8",
                Syntax::Icmp => "3/4",
            };
            let wanted = parse(criterion.syntax, text).unwrap();
            let mut selection = Box::new(Selection::ANY);
            if let Some(flag) = criterion.flag {
                for _ in 0..MAX_VALUES {
                    assert_eq!(selection.flags.add(flag, wanted), Some(Ok(())), "{flag}");
                }
                assert!(selection.flags.add(flag, wanted).is_some_and(|added| added.is_err()));
            }
            if let Some(word) = criterion.word {
                let mut rule = Rule::any(true);
                assert_eq!(rule.set(word, wanted), Some(()), "{word}");
                assert_ne!(rule, Rule::any(true), "{word}");
            }
            assert!(criterion.flag.is_some() || criterion.word.is_some());
        }
    }

    #[test]
    fn forms_of_a_rule() {
        assert_eq!(
            rule_forms(),
            "include|exclude [vni N|A-B] [proto P] [src-port N|A-B] [dst-port N|A-B] [src CIDR] [dst \
             CIDR] [icmp-type T[/C]]"
        );
    }
}
