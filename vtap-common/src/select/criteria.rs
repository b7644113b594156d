//! The table of criteria.
//!
//! Each entry is one criterion. The macro generates everything else from it: the command-line flag,
//! the keyword in rules, the help text, the layout of [`Flags`], [`Rule`] and [`RuleTables`], and
//! the code that compares a packet. To add a criterion, add an entry. If it needs a value that
//! [`PacketKeys`] does not have yet, add a field there. The compiler then points to
//! `Matched::keys`, which fills it.

use super::{
    intervals::Set,
    kind::{Kind, Lookup, Number, Pair, Prefix, Wanted},
    range::List,
};
use crate::wire::Address;

/// The most values that a flag can have.
pub const MAX_VALUES: usize = 64;

/// The values of one packet that criteria are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketKeys {
    /// Network identifier.
    pub vni: u64,
    /// The tunnel's source address.
    pub outer_src: Address,
    /// The tunnel's destination address.
    pub outer_dst: Address,
    /// Inner [`Protocol`](crate::wire::Protocol).
    pub protocol: u64,
    /// Inner source address.
    pub src: Address,
    /// Inner destination address.
    pub dst: Address,
    /// Inner source port, or [`ABSENT`](crate::wire::ABSENT).
    pub src_port: u64,
    /// Inner destination port, or [`ABSENT`](crate::wire::ABSENT).
    pub dst_port: u64,
    /// Inner ICMP or ICMPv6 type and code, each of which may be [`ABSENT`](crate::wire::ABSENT).
    pub icmp: [u64; 2],
}

/// How the value of a criterion is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// A network identifier or a range of them.
    Vni,
    /// A port or a range of them.
    Port,
    /// The name or number of a protocol.
    Protocol,
    /// An address or a prefix.
    Cidr,
    /// An ICMP type, optionally followed by a code.
    Icmp,
}

/// An entry of the table.
#[derive(Clone, Copy, Debug)]
pub struct Criterion {
    /// The flag, without its dashes, if there is one.
    pub flag: Option<&'static str>,
    /// The keyword in rules, if there is one.
    pub word: Option<&'static str>,
    /// How its value is written.
    pub syntax: Syntax,
    /// One line of help.
    pub help: &'static str,
}

/// A flag that was given more than [`MAX_VALUES`] times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyValues;

/// Declares the criteria. An entry consists of the name of the field, the [`Kind`], the keys of
/// [`PacketKeys`], the [`Syntax`], optionally the flag, optionally the keyword in rules, and the
/// help text. There are one or two keys. If there are two, it is enough that one of them fits. A
/// criterion with a keyword must have exactly one key.
macro_rules! criteria {
    ($(
        $name:ident: $kind:ident of $keys:tt, $syntax:ident
        $(, flag $flag:literal)? $(, word $word:literal)? = $help:literal;
    )+) => {
        /// Every criterion.
        pub const CRITERIA: &[Criterion] = &[$(Criterion {
            flag: optional!($($flag)?),
            word: optional!($($word)?),
            syntax: Syntax::$syntax,
            help: $help,
        },)+];

        /// The values that were given for each flag. A packet must fit one value of every flag that
        /// was given.
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        pub struct Flags {
            $($(
                #[doc = concat!("`--", $flag, "`")]
                pub $name: List<<$kind as Kind>::Wanted, MAX_VALUES>,
            )?)+
        }

        impl Flags {
            /// No constraint.
            pub const ANY: Self = Self {
                $($($name: given!($flag, List::empty($kind::ANY)),)?)+
            };

            /// Adds a value to a flag. Returns `None` if there is no such flag or if the value is
            /// of the wrong kind, and `Some(Err(_))` if the flag has too many values.
            pub fn add(&mut self, flag: &str, wanted: Wanted) -> Option<Result<(), TooManyValues>> {
                match flag {
                    $($($flag => {
                        let pushed = self.$name.push($kind::from_wanted(wanted)?);
                        Some(pushed.map_err(|_| TooManyValues))
                    })?)+
                    _ => None,
                }
            }

            /// Whether the packet fits every flag that was given.
            #[inline(always)]
            pub(super) fn hold(&self, keys: &PacketKeys) -> bool {
                $($(
                    given!($flag, if !self.$name.allows(|wanted| mismatch!($kind, wanted, keys, $keys)) {
                        return false;
                    });
                )?)+
                true
            }
        }

        /// One `--rule`. It matches a packet that fits all of its criteria.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Rule {
            $($(
                #[doc = concat!("`", $word, "`")]
                pub $name: <$kind as Kind>::Wanted,
            )?)+
            /// Whether a packet that the rule decides is captured.
            pub include: bool,
        }

        impl Rule {
            /// A rule without criteria, which matches every packet.
            #[must_use]
            pub const fn any(include: bool) -> Self {
                Self { $($($name: given!($word, $kind::ANY),)?)+ include }
            }

            /// Sets the criterion with the keyword `word`. Returns `None` if there is no such
            /// criterion or if the value is of the wrong kind.
            pub fn set(&mut self, word: &str, wanted: Wanted) -> Option<()> {
                match word {
                    $($($word => self.$name = $kind::from_wanted(wanted)?,)?)+
                    _ => return None,
                }
                Some(())
            }
        }

        /// For each criterion, a table that gives for any value the set of rules that accept it.
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        pub(super) struct RuleTables {
            $($(
                #[doc = concat!("`", $word, "`")]
                $name: <$kind as Lookup>::Tables,
            )?)+
        }

        /// For each table, the number of boundaries between its intervals. Zero means that no rule
        /// uses the criterion. These numbers are adjacent, and not each in its table, so that one
        /// cache line is read to skip the criteria that are not used.
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        pub(super) struct Cuts {
            $($(
                #[doc = concat!("`", $word, "`")]
                $name: <$kind as Lookup>::Cuts,
            )?)+
        }

        impl RuleTables {
            /// The tables if there are no rules.
            pub(super) const NONE: Self = Self {
                $($($name: given!($word, $kind::NO_TABLES),)?)+
            };

            /// Builds the tables.
            pub(super) fn build(&mut self, cuts: &mut Cuts, rules: &[Rule]) {
                $($(
                    given!($word, {
                        cuts.$name = $kind::build(&mut self.$name, rules, |rule| rule.$name);
                    });
                )?)+
            }

            /// Removes from `fitting` the rules that do not match the packet; see
            /// [`Intervals::narrow`](super::intervals::Intervals::narrow).
            // One call per criterion and no loop: in a loop, the compiler would keep the set and
            // the keys in memory instead of registers.
            #[inline(always)]
            pub(super) fn narrow(
                &self,
                cuts: &Cuts,
                fitting: &mut Set,
                all: bool,
                keys: &PacketKeys,
            ) {
                $($(
                    given!($word, {
                        $kind::narrow(&self.$name, &cuts.$name, fitting, all, key!(keys, $keys));
                    });
                )?)+
            }
        }

        impl Cuts {
            /// No boundaries, because there are no rules.
            pub(super) const NONE: Self = Self {
                $($($name: given!($word, $kind::NO_CUTS),)?)+
            };
        }
    };
}

macro_rules! optional {
    () => {
        None
    };
    ($some:literal) => {
        Some($some)
    };
}

/// Expands to `$code` and ignores the literal. A repetition `$(...)?` must mention the variable
/// that it depends on. With this macro, it can mention `$flag` or `$word` without using the value.
macro_rules! given {
    ($flag_or_word:literal, $code:expr) => {
        $code
    };
}

/// The mismatch between a value and the packet. With two keys, it is zero if either of them fits.
macro_rules! mismatch {
    ($kind:ident, $wanted:ident, $keys:ident, [$key:ident]) => {
        $kind::mismatch($wanted, &$keys.$key)
    };
    ($kind:ident, $wanted:ident, $keys:ident, [$one:ident $other:ident]) => {
        neither_matches(
            $kind::mismatch($wanted, &$keys.$one),
            $kind::mismatch($wanted, &$keys.$other),
        )
    };
}

/// The only key of a criterion.
macro_rules! key {
    ($keys:ident, [$key:ident]) => {
        &$keys.$key
    };
}

criteria! {
    vni: Number of [vni], Vni, flag "vni", word "vni"
        = "VXLAN network identifier";
    outer_src: Prefix of [outer_src], Cidr, flag "outer-src"
        = "Outer source address: with Oracle VTAP, the mirrored VNIC";
    outer_dst: Prefix of [outer_dst], Cidr, flag "outer-dst"
        = "Outer destination address";
    protocol: Number of [protocol], Protocol, flag "proto", word "proto"
        = "tcp, udp, icmp, icmp6, sctp, arp, or an IP protocol number";
    src_port: Number of [src_port], Port, flag "src-port", word "src-port"
        = "Source port";
    dst_port: Number of [dst_port], Port, flag "dst-port", word "dst-port"
        = "Destination port";
    inner_port: Number of [src_port dst_port], Port, flag "inner-port"
        = "Source or destination port (no port flag matches a fragment without a transport header)";
    src: Prefix of [src], Cidr, flag "src", word "src"
        = "Source address; of an ARP packet, the sender's";
    dst: Prefix of [dst], Cidr, flag "dst", word "dst"
        = "Destination address; of an ARP packet, the target's";
    net: Prefix of [src dst], Cidr, flag "net"
        = "Source or destination address";
    icmp: Pair of [icmp], Icmp, word "icmp-type"
        = "ICMP or ICMPv6 type, optionally with a code";
}

/// Zero if one of the two mismatches is zero, else one.
#[inline(always)]
const fn neither_matches(one: u64, other: u64) -> u64 {
    is_nonzero(one) & is_nonzero(other)
}

/// One if the number is not zero, else zero.
#[inline(always)]
pub(super) const fn is_nonzero(number: u64) -> u64 {
    (number | number.wrapping_neg()) >> 63
}
