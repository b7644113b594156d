//! gzip (RFC 1952): members one after the other.

use std::{
    io::{self, BufRead, ErrorKind, Read},
    mem,
};

use flate2::bufread::GzDecoder;

use super::GZIP;

/// What the members of a file decompress to.
pub enum Gzip<R> {
    /// Within a member.
    Member(Box<GzDecoder<R>>),
    /// Where a member may begin.
    Between(R),
    /// Behind the last.
    Ended,
}

impl<R: BufRead> Gzip<R> {
    /// Of a file that begins with a member.
    pub const fn new(file: R) -> Self {
        Self::Between(file)
    }

    /// Enters the next member. What follows the last may be zeros, as tapes and disks pad.
    fn enter(&mut self, mut file: R) -> io::Result<()> {
        let ahead = match file.fill_buf() {
            Ok(ahead) => ahead,
            Err(error) => {
                *self = Self::Between(file);
                return Err(error);
            }
        };
        let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
        *self = match ahead.first() {
            None => Self::Ended,
            Some(0) => {
                file.consume(zeros);
                Self::Between(file)
            }
            Some(first) if *first == GZIP[0] => {
                let member = GzDecoder::new(file);
                let incomplete = member.header().is_none();
                *self = Self::Member(Box::new(member));
                // The decoder keeps it to itself if there was nothing to read; it goes on from
                // there, or tells what is wrong.
                return if incomplete { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) };
            }
            Some(_) => {
                let words = "something follows that is not gzip";
                return Err(io::Error::new(ErrorKind::InvalidData, words));
            }
        };
        Ok(())
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Self::Member(member) = self {
                let len = member.read(buffer)?;
                if len > 0 || buffer.is_empty() {
                    return Ok(len);
                }
            }
            match mem::replace(self, Self::Ended) {
                Self::Member(member) => self.enter(member.into_inner())?,
                Self::Between(file) => self.enter(file)?,
                Self::Ended => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(file: &[u8]) -> (Vec<u8>, Option<ErrorKind>) {
        let (mut bytes, mut gzip) = (Vec::new(), Gzip::new(file));
        loop {
            let error = gzip.read_to_end(&mut bytes).err().map(|error| error.kind());
            if error != Some(ErrorKind::WouldBlock) {
                return (bytes, error);
            }
        }
    }

    #[test]
    fn members_and_padding() {
        let two = [compressed(b"one"), compressed(b""), compressed(b" two")].concat();
        assert_eq!(read(&two), (b"one two".to_vec(), None));
        let padded = [&two[..], &[0; 1000]].concat();
        assert_eq!(read(&padded), (b"one two".to_vec(), None));
        let apart = [&two[..], &[0; 5], &compressed(b" three")].concat();
        assert_eq!(read(&apart), (b"one two three".to_vec(), None));
    }

    #[test]
    fn what_is_damaged_comes_as_far_as_it_is_good() {
        let good = compressed(b"one");
        let junk = [&good[..], b"two"].concat();
        assert_eq!(read(&junk), (b"one".to_vec(), Some(ErrorKind::InvalidData)));
        let cut = [&good[..], &compressed(b"two")[..5]].concat();
        assert_eq!(read(&cut), (b"one".to_vec(), Some(ErrorKind::UnexpectedEof)));
        let mut checksum = good;
        let at = checksum.len() - 8;
        checksum[at] ^= 1;
        let (bytes, error) = read(&checksum);
        assert_eq!(bytes, b"one");
        assert!(error.is_some());
    }

    /// Gives a byte at a time, and before each there is nothing at hand.
    struct Trickle<'a>(&'a [u8], bool);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::WouldBlock.into());
            }
            let len = self.0.len().min(buffer.len()).min(1);
            self.0.read(&mut buffer[..len])
        }
    }

    #[test]
    fn what_is_not_at_hand_is_waited_for() {
        let file = [compressed(b"one"), compressed(b" two")].concat();
        let mut gzip = Gzip::new(io::BufReader::new(Trickle(&file, false)));
        let (mut bytes, mut waits): (Vec<u8>, _) = (Vec::new(), 0);
        loop {
            let mut buffer = [0; 100];
            match gzip.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => bytes.extend(&buffer[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => waits += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(bytes, b"one two");
        assert_eq!(waits, file.len() + 1);
    }
}
