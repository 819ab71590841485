//! What must hold of an answer that says it is packed. Built for the tests and for the fuzzer
//! alone. Touches: nothing.

#![allow(clippy::panic, reason = "what must hold")]

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use super::gzip::{Gunzip, GzipError};

/// The most that is unpacked here.
const CAP: usize = 16 * 1024;

/// Whatever calls itself gzip unpacks to no more than its cap, and to the same however it is cut;
/// and what was packed comes out again.
pub fn gzip(bytes: &[u8]) {
    let Some((&size, packed)) = bytes.split_first() else { return };
    let whole = unpacked(packed, usize::MAX);
    let pieces = unpacked(packed, usize::from(size).max(1));
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => {
            assert!(whole.len() <= CAP, "{}", whole.len());
            assert_eq!(whole, pieces);
        }
        (Err(_), Err(_)) => {}
        _ => panic!("whole {whole:?}, in pieces of {size} {pieces:?}"),
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Into memory nothing fails.
    let packing = encoder.write_all(bytes).and_then(|()| encoder.finish());
    let again = packing.map(|packed| unpacked(&packed, usize::from(size).max(1)));
    match again {
        Ok(Ok(again)) => assert_eq!(again, bytes),
        Ok(Err(GzipError::TooLarge)) => assert!(bytes.len() > CAP),
        other => panic!("{other:?}"),
    }
}

fn unpacked(packed: &[u8], size: usize) -> Result<Vec<u8>, GzipError> {
    let mut gunzip = Gunzip::new(CAP);
    for piece in packed.chunks(size) {
        gunzip.push(piece)?;
    }
    gunzip.finish()
}
