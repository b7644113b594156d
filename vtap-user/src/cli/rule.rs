//! `--rule`.

use std::str::FromStr;

use vtap_common::selection::{Rule, criteria};

use super::values::{cidr, port_range, protocol, vni_range};

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
        while let Some(criterion) = words.next() {
            let value = words
                .next()
                .ok_or_else(|| format!("`{criterion}` lacks its value"))?;
            let bits = add(&mut rule, criterion, value)
                .map_err(|reason| format!("`{criterion} {value}`: {reason}"))?;
            if rule.criteria & bits != 0 {
                return Err(format!("`{criterion}` stands twice"));
            }
            rule.criteria |= bits;
        }
        Ok(Self {
            text: text.to_owned(),
            rule,
        })
    }
}

/// Sets a criterion and returns its bits.
fn add(rule: &mut Rule, criterion: &str, value: &str) -> Result<u32, String> {
    Ok(match criterion {
        "proto" => {
            rule.protocol = protocol(value)?;
            criteria::PROTOCOL
        }
        "src" => {
            rule.src = cidr(value)?;
            criteria::SRC
        }
        "dst" => {
            rule.dst = cidr(value)?;
            criteria::DST
        }
        "src-port" => {
            rule.src_port = port_range(value)?;
            criteria::SRC_PORT
        }
        "dst-port" => {
            rule.dst_port = port_range(value)?;
            criteria::DST_PORT
        }
        "vni" => {
            rule.vni = vni_range(value)?;
            criteria::VNI
        }
        "icmp-type" => {
            let (kind, code) = icmp(value)?;
            rule.icmp_type = kind;
            rule.icmp_code = code.unwrap_or(rule.icmp_code);
            criteria::ICMP_TYPE
                | if code.is_some() {
                    criteria::ICMP_CODE
                } else {
                    0
                }
        }
        _ => {
            return Err(
                "the criteria are proto, src, dst, src-port, dst-port, icmp-type and vni".into(),
            );
        }
    })
}

/// `TYPE[/CODE]`.
fn icmp(text: &str) -> Result<(u32, Option<u32>), String> {
    let number = |text: &str| {
        text.parse::<u8>().map(u32::from).map_err(|_| {
            "an ICMP type is a number from 0 to 255, and so is the code after its slash".to_owned()
        })
    };
    match text.split_once('/') {
        Some((kind, code)) => Ok((number(kind)?, Some(number(code)?))),
        None => Ok((number(text)?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_criterion() {
        let text = "include proto tcp src 10.0.0.0/8 dst ::/0 src-port 1-2 dst-port 3 vni 4-5";
        let rule = text.parse::<RuleText>().unwrap().rule;
        assert_eq!(rule.include, 1);
        assert_eq!(rule.criteria, 0b11_1111);
        let rule = "exclude icmp-type 3/4".parse::<RuleText>().unwrap().rule;
        assert_eq!((rule.include, rule.icmp_type, rule.icmp_code), (0, 3, 4));
        assert_eq!(rule.criteria, criteria::ICMP_TYPE | criteria::ICMP_CODE);
        assert_eq!("include".parse::<RuleText>().unwrap().rule.criteria, 0);
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
