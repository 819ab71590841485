//! Gzip, unpacked as it comes in, into so many bytes and no more.
//! Pure: no I/O, no clock, no randomness.
//!
//! What is unpacked is capped while it is unpacked: a bomb costs as much memory as the answer that
//! it pretends to be, and ends at the first byte beyond.

use std::io::{self, Write};

use flate2::write::GzDecoder;

/// Why something cannot be unpacked.
#[derive(Debug)]
pub(super) enum GzipError {
    /// It is larger than its cap.
    TooLarge,
    /// It is no gzip, or not all of it.
    Broken(io::Error),
}

/// Unpacks one answer, which is one member. RFC 1952 allows several, and no server that we know
/// makes use of it; a decoder for each of a hundred thousand empty ones takes its time.
pub(super) struct Gunzip {
    decoder: GzDecoder<Capped>,
}

impl Gunzip {
    /// Unpacks at most `cap` bytes.
    pub(super) fn new(cap: usize) -> Self {
        Self { decoder: GzDecoder::new(Capped { bytes: Vec::new(), cap, full: false }) }
    }

    /// Takes the next bytes of the wire.
    pub(super) fn push(&mut self, packed: &[u8]) -> Result<(), GzipError> {
        self.decoder.write_all(packed).map_err(|cause| self.sort(cause))
    }

    /// What was packed, when it has come to its end.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, GzipError> {
        self.decoder.try_finish().map_err(|cause| self.sort(cause))?;
        Ok(std::mem::take(&mut self.decoder.get_mut().bytes))
    }

    fn sort(&self, cause: io::Error) -> GzipError {
        match self.decoder.get_ref().full {
            true => GzipError::TooLarge,
            false => GzipError::Broken(cause),
        }
    }
}

/// Bytes up to a cap.
struct Capped {
    bytes: Vec<u8>,
    cap: usize,
    full: bool,
}

impl Write for Capped {
    fn write(&mut self, unpacked: &[u8]) -> io::Result<usize> {
        if unpacked.len() > self.cap - self.bytes.len() {
            self.full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(unpacked);
        Ok(unpacked.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, GzBuilder, write::GzEncoder};

    use super::*;

    const CAP: usize = 64 * 1024;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Unpacks in pieces of `size`, as a network may bring them.
    fn gunzip(packed: &[u8], size: usize) -> Result<Vec<u8>, GzipError> {
        let mut gunzip = Gunzip::new(CAP);
        for piece in packed.chunks(size) {
            gunzip.push(piece)?;
        }
        gunzip.finish()
    }

    fn is_broken(packed: &[u8]) -> bool {
        [1, 7, usize::MAX]
            .iter()
            .all(|&size| matches!(gunzip(packed, size), Err(GzipError::Broken(_))))
    }

    #[test]
    fn what_was_packed_is_unpacked_however_it_is_cut() {
        let text: Vec<u8> = (0..20_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let text = &text[..CAP];
        for size in [1, 2, 3, 1_000, usize::MAX] {
            assert_eq!(gunzip(&gzip(text), size).unwrap(), text);
            assert_eq!(gunzip(&gzip(b""), size).unwrap(), b"");
        }
        let named = GzBuilder::new().filename("a").comment("b").extra(vec![0; 300]);
        let mut encoder = named.write(Vec::new(), Compression::none());
        encoder.write_all(text).unwrap();
        assert_eq!(gunzip(&encoder.finish().unwrap(), 5).unwrap(), text);
    }

    #[test]
    fn a_second_member_is_refused() {
        for second in [&b""[..], b"two"] {
            assert!(is_broken(&[gzip(b"one"), gzip(second)].concat()));
        }
    }

    #[test]
    fn what_breaks_off_anywhere_is_broken() {
        let whole = gzip(b"a text that is long enough to be cut in many places");
        for end in 0..whole.len() {
            let cut = gunzip(&whole[..end], 7);
            assert!(matches!(cut, Err(GzipError::Broken(_))), "cut at {end}");
        }
    }

    #[test]
    fn what_is_no_gzip_is_broken_also_behind_one() {
        let whole = gzip(b"a text");
        for garbage in [&b"\0"[..], b"garbage", &[0; 512], b"\x1f\x8b\x08"] {
            assert!(is_broken(&[&whole, garbage].concat()), "{garbage:?}");
        }
        assert!(is_broken(b"{\"error\":[]}"));
        let mut flipped = whole;
        let at = flipped.len() - 6;
        flipped[at] ^= 1;
        assert!(is_broken(&flipped), "its checksum is not looked at");
    }

    #[test]
    fn a_bomb_ends_at_its_cap() {
        let bomb = gzip(&vec![b' '; 64 * 1024 * 1024]);
        assert!(bomb.len() < 100_000);
        for size in [1, 1_000, usize::MAX] {
            let mut gunzip = Gunzip::new(CAP);
            let eaten = bomb
                .chunks(size)
                .position(|piece| matches!(gunzip.push(piece).err(), Some(GzipError::TooLarge)));
            assert!(eaten.is_some_and(|pieces| pieces * size < 1_000), "{eaten:?} of {size}");
            assert!(gunzip.decoder.get_ref().bytes.capacity() <= 2 * CAP);
        }
        // What is just as large as the cap is none.
        assert_eq!(gunzip(&gzip(&[b' '; CAP]), 9).unwrap().len(), CAP);
    }
}
