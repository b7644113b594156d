//! `--rule`.

use std::str::FromStr;

use vtap_common::select::{Range, Rule};

use super::values::{cidr, port_range, protocol, vni_range};
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
            add(&mut rule, criterion, value)
                .map_err(|reason| format!("`{} {}`: {reason}", name(criterion), name(value)))?;
            if seen.contains(&criterion) {
                return Err(format!("`{}` stands twice", name(criterion)));
            }
            seen.push(criterion);
        }
        Ok(Self { text: text.to_owned(), rule })
    }
}

fn add(rule: &mut Rule, criterion: &str, value: &str) -> Result<(), String> {
    match criterion {
        "proto" => rule.protocol = protocol(value)?,
        "src" => rule.src = cidr(value)?,
        "dst" => rule.dst = cidr(value)?,
        "src-port" => rule.src_port = port_range(value)?,
        "dst-port" => rule.dst_port = port_range(value)?,
        "vni" => rule.vni = vni_range(value)?,
        "icmp-type" => (rule.icmp_type, rule.icmp_code) = icmp(value)?,
        _ => {
            return Err(
                "the criteria are proto, src, dst, src-port, dst-port, icmp-type and vni".into()
            );
        }
    }
    Ok(())
}

/// `TYPE[/CODE]`.
fn icmp(text: &str) -> Result<(Range, Range), String> {
    let just = |text: &str| match text.parse::<u8>() {
        Ok(number) => Ok(Range::just(u32::from(number))),
        Err(_) => Err("an ICMP type is a number from 0 to 255, as is the code after its slash"),
    };
    match text.split_once('/') {
        Some((kind, code)) => Ok((just(kind)?, just(code)?)),
        // Any code, but there must be one.
        None => Ok((just(text)?, Range::ANY)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let (icmp_type, icmp_code) = (Range::just(3), Range::just(4));
        assert_eq!(rule, Rule { icmp_type, icmp_code, ..Rule::any(false) });
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
            ("include colour red", "criteria are"),
            ("include proto tcp proto udp", "twice"),
            ("include icmp-type 8/x", "code"),
        ] {
            let error = text.parse::<RuleText>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
