//! Where the running kernel keeps a field, and what one of its constants is: read from its own type
//! information (BTF, `Documentation/bpf/btf.rst`).
//!
//! aya reads BTF too, but shows no members. The format is small enough to be walked here.

use std::ops::Range;

use anyhow::{Context as _, Result, bail, ensure};

const MAGIC: u16 = 0xeb9f;
/// Up to and including the length of the strings.
const HEADER: usize = 24;
const TYPE: usize = 12;
const MEMBER: usize = 12;

/// The type information of a kernel, in its own byte order.
pub struct Btf {
    data: Vec<u8>,
    types: Range<usize>,
    strings: Range<usize>,
}

/// One type, as it stands in the data.
struct Type {
    name: u32,
    kind: u32,
    /// Where its members or values begin, and how many there are.
    items: usize,
    count: usize,
}

impl Type {
    const INT: u32 = 1;
    const ARRAY: u32 = 3;
    const STRUCT: u32 = 4;
    const UNION: u32 = 5;
    const ENUM: u32 = 6;
    const FUNC_PROTO: u32 = 13;
    const VAR: u32 = 14;
    const DATASEC: u32 = 15;
    const DECL_TAG: u32 = 17;
    const ENUM64: u32 = 19;
    /// The last kind that is known here.
    const LAST: u32 = Self::ENUM64;

    /// Bytes that follow the type's own 12.
    const fn more(&self) -> usize {
        match self.kind {
            Self::INT | Self::VAR | Self::DECL_TAG => 4,
            Self::ARRAY => 12,
            Self::STRUCT | Self::UNION | Self::DATASEC | Self::ENUM64 => 12 * self.count,
            Self::ENUM | Self::FUNC_PROTO => 8 * self.count,
            _ => 0,
        }
    }
}

impl Btf {
    /// Of a whole BTF file.
    pub fn parse(data: Vec<u8>) -> Result<Self> {
        let header = data.first_chunk::<HEADER>().context("it is too short")?;
        ensure!(u16::from_ne_bytes([header[0], header[1]]) == MAGIC, "it is not BTF");
        let word = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
                as usize
        };
        let part = |offset, len| {
            let start = word(4) + word(offset);
            let part = start..start + word(len);
            (part.end <= data.len()).then_some(part).context("it is cut short")
        };
        let (types, strings) = (part(8, 12)?, part(16, 20)?);
        Ok(Self { data, types, strings })
    }

    /// Offset in bytes of a member of a structure. Members of unnamed structures within it are not
    /// looked for.
    pub fn offset(&self, structure: &str, member: &str) -> Result<u32> {
        let name = |ty: &Type| ty.kind == Type::STRUCT && self.is(ty.name, structure);
        self.find(|ty| {
            if !name(ty) {
                return None;
            }
            let mut members = (0..ty.count).map(|index| ty.items + MEMBER * index);
            let found =
                members.find(|at| self.word(*at).is_some_and(|text| self.is(text, member)))?;
            // The upper byte is the size of a bit field, where the structure has any.
            let bits = self.word(found + 8)? & 0x00ff_ffff;
            bits.is_multiple_of(8).then_some(bits / 8)
        })?
        .with_context(|| format!("there is no {structure}.{member}"))
    }

    /// The value of a constant of any enumeration.
    pub fn constant(&self, constant: &str) -> Result<u32> {
        self.find(|ty| {
            if ty.kind != Type::ENUM {
                return None;
            }
            let mut values = (0..ty.count).map(|index| ty.items + 8 * index);
            let found =
                values.find(|at| self.word(*at).is_some_and(|text| self.is(text, constant)));
            self.word(found? + 4)
        })?
        .with_context(|| format!("there is no {constant}"))
    }

    /// The first type of which `pick` makes something.
    fn find<T>(&self, pick: impl Fn(&Type) -> Option<T>) -> Result<Option<T>> {
        let mut at = self.types.start;
        while at < self.types.end {
            let (name, info) = (self.word(at), self.word(at + 4));
            let (name, info) = (name.context("it is cut short")?, info.context("it is cut short")?);
            let kind = info >> 24 & 0x1f;
            if kind > Type::LAST {
                bail!("it has a kind of type that is unknown here: {kind}");
            }
            let ty = Type { name, kind, items: at + TYPE, count: (info & 0xffff) as usize };
            ensure!(ty.items + ty.more() <= self.types.end, "a type is cut short");
            if let Some(found) = pick(&ty) {
                return Ok(Some(found));
            }
            at = ty.items + ty.more();
        }
        Ok(None)
    }

    fn word(&self, at: usize) -> Option<u32> {
        let bytes = self.data.get(at..at + 4)?.first_chunk()?;
        Some(u32::from_ne_bytes(*bytes))
    }

    /// Whether this is the name at a place among the strings.
    fn is(&self, at: u32, name: &str) -> bool {
        let strings = &self.data[self.strings.clone()];
        let rest = strings.get(at as usize..).and_then(|rest| rest.strip_prefix(name.as_bytes()));
        rest.is_some_and(|rest| rest.first() == Some(&0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// An integer, a structure `s` with the members `a` (4 bytes) and `b` (a bit field), another `s`
    /// with `c`, and an enumeration with `A` = 1 << 17.
    fn sample() -> Vec<u8> {
        let strings = b"\0s\0a\0b\0c\0A\0ab\0";
        let types = words(&[
            1,
            Type::INT << 24,
            4,
            0x20, //
            1,
            Type::STRUCT << 24 | 2,
            8,
            3,
            1,
            0,
            5,
            1,
            33, //
            1,
            Type::STRUCT << 24 | 1,
            8,
            7,
            1,
            32, //
            0,
            Type::ENUM << 24 | 1,
            4,
            9,
            1 << 17,
        ]);
        let header = [
            &MAGIC.to_ne_bytes()[..],
            &[1, 0],
            &words(&[
                HEADER as u32,
                0,
                types.len() as u32,
                types.len() as u32,
                strings.len() as u32,
            ]),
        ]
        .concat();
        [header, types, strings.to_vec()].concat()
    }

    #[test]
    fn members_and_constants_are_found() {
        let btf = Btf::parse(sample()).unwrap();
        assert_eq!(btf.offset("s", "a").unwrap(), 0);
        assert_eq!(btf.offset("s", "c").unwrap(), 4);
        assert_eq!(btf.constant("A").unwrap(), 1 << 17);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let btf = Btf::parse(sample()).unwrap();
        // `b` does not begin with a byte; and no name is found by its beginning or its end.
        for (structure, member) in [("s", "b"), ("s", "ab"), ("t", "a"), ("", "a"), ("s", "")] {
            assert!(btf.offset(structure, member).is_err(), "{structure}.{member}");
        }
        assert!(btf.constant("a").is_err());
    }

    #[test]
    fn damaged_information_is_refused() {
        let whole = sample();
        for len in 0..whole.len() {
            assert!(Btf::parse(whole[..len].to_vec()).is_err(), "{len} bytes");
        }
        let unknown = Type { name: 0, kind: 31, items: 0, count: 0 };
        let mut other = whole.clone();
        other[HEADER + 4..HEADER + 8].copy_from_slice(&(unknown.kind << 24).to_ne_bytes());
        assert!(Btf::parse(other).unwrap().offset("s", "a").is_err());
        // A count that leads beyond the end.
        let mut other = whole;
        other[HEADER + 16 + 4..HEADER + 16 + 8]
            .copy_from_slice(&(Type::STRUCT << 24 | 0xffff).to_ne_bytes());
        assert!(Btf::parse(other).unwrap().offset("s", "c").is_err());
    }
}
