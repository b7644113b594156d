//! The table of criteria.
//!
//! Each line is one criterion. From it follow the flag and the word in rules, their help, the layout
//! of [`Flags`], [`Rule`] and [`RuleTables`] in the kernel's read-only data, and how a packet is
//! compared. To add a criterion, add its line. If it asks for a value that no other criterion asks
//! for, add that to [`PacketKeys`] as well, and the compiler shows the place that reads it.

use super::{
    intervals::Set,
    kind::{Kind, Lookup, Number, Pair, Prefix, Wanted},
    range::List,
};
use crate::wire::Address;

/// Values that one flag takes at most.
pub const MAX_VALUES: usize = 64;

/// What criteria are compared with: the values of one packet.
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
    /// Inner source port, or [`ABSENT`](crate::wire::ABSENT), as are those that follow.
    pub src_port: u64,
    /// Inner destination port.
    pub dst_port: u64,
    /// Inner ICMP or ICMPv6 type and code.
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
    /// An ICMP type, and a code if need be.
    Icmp,
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Criterion {
    /// The flag, without its dashes, if there is one.
    pub flag: Option<&'static str>,
    /// The word in rules, if there is one.
    pub word: Option<&'static str>,
    /// How its value is written.
    pub syntax: Syntax,
    /// One line of help.
    pub help: &'static str,
}

/// A flag that was given more than [`MAX_VALUES`] times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyValues;

/// Declares the criteria: the name of the field, the [`Kind`], the keys that it is compared with (one
/// of two must fit), the [`Syntax`], the flag and the word in rules where there are such, and the
/// help. A criterion with a word has one key.
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

        /// The values of each flag. They are alternatives; different flags must all hold.
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

            /// Adds an alternative to the values of a flag. `None` if there is no such flag, or if
            /// the value is of another kind.
            pub fn add(&mut self, flag: &str, wanted: Wanted) -> Option<Result<(), TooManyValues>> {
                match flag {
                    $($($flag => {
                        let pushed = self.$name.push($kind::from_wanted(wanted)?);
                        Some(pushed.map_err(|_| TooManyValues))
                    })?)+
                    _ => None,
                }
            }

            /// Whether every flag that was given holds.
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

        /// One `--rule`: everything must fit.
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
            /// A rule without criteria: it decides every packet.
            #[must_use]
            pub const fn any(include: bool) -> Self {
                Self { $($($name: given!($word, $kind::ANY),)?)+ include }
            }

            /// Sets what the rule wants of the criterion that a word names. `None` if there is no such
            /// criterion, or if the value is of another kind.
            pub fn set(&mut self, word: &str, wanted: Wanted) -> Option<()> {
                match word {
                    $($($word => self.$name = $kind::from_wanted(wanted)?,)?)+
                    _ => return None,
                }
                Some(())
            }
        }

        /// For each criterion of rules, which rules its values fit.
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        pub(super) struct RuleTables {
            $($(
                #[doc = concat!("`", $word, "`")]
                $name: <$kind as Lookup>::Tables,
            )?)+
        }

        /// The number of intervals in each table, less the last. These numbers are kept apart from
        /// the tables, so that it costs little to find that a criterion is not in use.
        #[derive(Clone, Copy, Debug)]
        #[repr(C)]
        pub(super) struct Cuts {
            $($(
                #[doc = concat!("`", $word, "`")]
                $name: <$kind as Lookup>::Cuts,
            )?)+
        }

        impl RuleTables {
            /// Without rules.
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

            /// Removes the rules that the packet does not fit from `fitting`; see
            /// [`Intervals::narrow`](super::intervals::Intervals::narrow).
            // This is no loop, because the compiler would store the values in memory for one.
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
            /// Without rules.
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

/// Expands to its code only if the criterion has the flag or word.
macro_rules! given {
    ($flag_or_word:literal, $code:expr) => {
        $code
    };
}

/// The mismatch of a packet's key, or of both of its keys.
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
        = "Source or destination port; no port flag matches a fragment without transport header";
    src: Prefix of [src], Cidr, flag "src", word "src"
        = "Source address; of an ARP packet, the sender's";
    dst: Prefix of [dst], Cidr, flag "dst", word "dst"
        = "Destination address; of an ARP packet, the target's";
    net: Prefix of [src dst], Cidr, flag "net"
        = "Source or destination address";
    icmp: Pair of [icmp], Icmp, word "icmp-type"
        = "ICMP or ICMPv6 type, and code";
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
