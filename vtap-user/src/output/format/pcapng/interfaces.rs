//! The interfaces of a file: what its packets have in common.
//!
//! Each network identifier is an interface, described as `vni 7`: so it is kept with every packet at
//! no cost, and Wireshark shows and filters it (`frame.interface_description`). There are 16 million
//! identifiers, and an interface takes memory here and in every reader, so only the first have
//! interfaces of their own. All others share one, and their packets carry the identifier themselves.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use bytes::BufMut as _;

use super::{
    block,
    time::{self, Time},
};
use crate::timestamp::Timestamp;

const INTERFACE_DESCRIPTION_BLOCK: u32 = 1;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;

/// Interfaces with an identifier of their own.
const MAX_OWN: usize = 4096;
/// Interfaces that are shared: one for each link type, as long as times are usual ones.
const MAX_SHARED: usize = 64;

/// What the packets of an interface have in common.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    link: u16,
    /// What is to be added to their times, in seconds.
    offset: i64,
    /// Network identifier; none where it is shared.
    vni: Option<u32>,
}

/// The interface of a packet.
#[derive(Clone, Copy)]
pub struct Place {
    /// Its number.
    pub id: u32,
    /// Whether packets of any identifier may have it.
    pub is_shared: bool,
    /// The packet's time as the interface wants it.
    pub time: u64,
}

/// The interfaces of a file so far.
pub struct Interfaces {
    /// Where the packets were captured.
    device: String,
    ids: HashMap<Key, u32>,
    /// Those with an identifier of their own.
    own: usize,
    /// What the last packet asked for and what it got. The next one most often is alike.
    last: Option<(Key, Key, u32)>,
}

impl Interfaces {
    /// Of a file that has none yet.
    pub fn new(device: String) -> Self {
        Self { device, ids: HashMap::new(), own: 0, last: None }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The interface of a packet. A new one is appended to `bytes`.
    #[inline]
    pub fn place(
        &mut self,
        bytes: &mut Vec<u8>,
        link: u16,
        vni: u32,
        time: Timestamp,
    ) -> Result<Place> {
        let Time { offset, nanos } = time::split(time);
        let wanted = Key { link, offset, vni: Some(vni) };
        let (key, id) = match self.last {
            Some((last, key, id)) if last == wanted => (key, id),
            _ => self.find(bytes, wanted)?,
        };
        Ok(Place { id, is_shared: key.vni.is_none(), time: nanos })
    }

    fn find(&mut self, bytes: &mut Vec<u8>, wanted: Key) -> Result<(Key, u32)> {
        let has_own = self.own < MAX_OWN || self.ids.contains_key(&wanted);
        let key = if has_own { wanted } else { Key { vni: None, ..wanted } };
        let id = match self.ids.get(&key) {
            Some(id) => *id,
            None => self.add(bytes, key)?,
        };
        self.last = Some((wanted, key, id));
        Ok((key, id))
    }

    fn add(&mut self, bytes: &mut Vec<u8>, key: Key) -> Result<u32> {
        let shared = self.ids.len() - self.own;
        ensure!(
            key.vni.is_some() || shared < MAX_SHARED,
            "the times of the packets lie too many centuries apart for one file"
        );
        self.describe(bytes, key);
        let id = self.ids.len() as u32;
        self.ids.insert(key, id);
        self.own += usize::from(key.vni.is_some());
        Ok(id)
    }

    /// Appends an interface for packets of any identifier, which a file without packets needs: many
    /// readers refuse a file that has none.
    pub fn describe_any(&self, bytes: &mut Vec<u8>, link: u16) {
        self.describe(bytes, Key { link, offset: 0, vni: None });
    }

    fn describe(&self, bytes: &mut Vec<u8>, Key { link, offset, vni }: Key) {
        block::put(bytes, INTERFACE_DESCRIPTION_BLOCK, |body| {
            body.put_u16_ne(link);
            body.put_u16_ne(0);
            body.put_u32_ne(0);
            block::put_option(body, IF_NAME, self.device.as_bytes());
            if let Some(vni) = vni {
                block::put_option(body, IF_DESCRIPTION, format!("vni {vni}").as_bytes());
            }
            block::put_option(body, IF_TSRESOL, &[time::RESOLUTION]);
            if offset != 0 {
                block::put_option(body, IF_TSOFFSET, &offset.to_ne_bytes());
            }
            block::end_options(body);
        });
    }
}
