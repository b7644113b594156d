//! `--rule`.

use std::str::FromStr;

use vtap_common::select::Rule;

use super::criteria::set_in_rule;
use crate::escape::name;

/// A rule and the text it came from.
#[derive(Clone, Debug)]
pub struct RuleText {
    /// As typed.
    pub text: String,
    /// What it means.
    pub rule: Rule,
}

impl FromStr for RuleText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let mut rule = match words.next() {
            Some("include") => Rule::any(true),
            Some("exclude") => Rule::any(false),
            _ => return Err("a rule begins with `include` or `exclude`".into()),
        };
        let mut seen = Vec::new();
        while let Some(criterion) = words.next() {
            let value =
                words.next().ok_or_else(|| format!("`{}` lacks its value", name(criterion)))?;
            set_in_rule(&mut rule, criterion, value)
                .map_err(|reason| format!("`{} {}`: {reason}", name(criterion), name(value)))?;
            if seen.contains(&criterion) {
                return Err(format!("`{}` stands twice", name(criterion)));
            }
            seen.push(criterion);
        }
        Ok(Self { text: text.to_owned(), rule })
    }
}

#[cfg(test)]
mod tests {
    use vtap_common::select::Range;

    use super::*;
    use crate::cli::values::cidr;

    #[test]
    fn every_criterion() {
        let text = "include proto tcp src 10.0.0.0/8 dst ::/0 src-port 1-2 dst-port 3 vni 4-5";
        let rule = text.parse::<RuleText>().unwrap().rule;
        let expected = Rule {
            src: cidr("10.0.0.0/8").unwrap(),
            dst: cidr("::/0").unwrap(),
            src_port: Range::new(1, 2).unwrap(),
            dst_port: Range::just(3),
            vni: Range::new(4, 5).unwrap(),
            protocol: Range::just(6),
            ..Rule::any(true)
        };
        assert_eq!(rule, expected);
        let rule = "exclude icmp-type 3/4".parse::<RuleText>().unwrap().rule;
        assert_eq!(rule, Rule { icmp: [3, 4].map(Range::just), ..Rule::any(false) });
        assert_eq!("include".parse::<RuleText>().unwrap().rule, Rule::any(true));
    }

    #[test]
    fn bad_rules_say_what_is_wrong() {
        for (text, part) in [
            ("", "begins with"),
            ("allow", "begins with"),
            ("include tcp", "lacks its value"),
            ("include proto tpc", "proto tpc"),
            ("include src 10.0.0.0/40", "0 to 32"),
            ("include colour red", "no criterion; there are vni, proto"),
            ("include proto tcp proto udp", "twice"),
            ("include icmp-type 8/x", "code"),
        ] {
            let error = text.parse::<RuleText>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
