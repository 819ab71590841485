//! The dice of a run: all that is left to chance follows from a seed, or from bytes that a fuzzer
//! has thought of.

use std::{
    hash::{DefaultHasher, Hasher as _},
    ops::{Bound, RangeBounds},
    vec::IntoIter,
};

use fastrand::Rng;

/// What a run follows from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    Seed(u64),
    Bytes(Vec<u8>),
}

impl Source {
    /// The number that stands for it.
    pub(crate) fn seed(&self) -> u64 {
        match self {
            Self::Seed(seed) => *seed,
            Self::Bytes(bytes) => {
                let mut hash = DefaultHasher::new();
                hash.write(bytes);
                hash.finish()
            }
        }
    }

    /// Its dice. Of bytes each throw takes as many as it needs; when there are no more of them, it
    /// goes on by the seed.
    pub(crate) fn dice(&self) -> Dice {
        let rest = Rng::with_seed(self.seed());
        let bytes = match self {
            Self::Seed(_) => Vec::new(),
            Self::Bytes(bytes) => bytes.clone(),
        };
        Dice { bytes: bytes.into_iter(), rest }
    }
}

#[derive(Debug)]
pub(crate) struct Dice {
    bytes: IntoIter<u8>,
    rest: Rng,
}

impl Dice {
    pub(crate) fn with_seed(seed: u64) -> Self {
        Source::Seed(seed).dice()
    }

    pub(crate) fn u64(&mut self, range: impl RangeBounds<u64>) -> u64 {
        let low = match range.start_bound() {
            Bound::Included(low) => *low,
            Bound::Excluded(below) => *below + 1,
            Bound::Unbounded => 0,
        };
        let high = match range.end_bound() {
            Bound::Included(high) => *high,
            Bound::Excluded(above) => *above - 1,
            Bound::Unbounded => u64::from(u32::MAX),
        };
        if self.bytes.len() == 0 {
            return self.rest.u64(low..=high);
        }
        let span = high - low + 1;
        let (mut drawn, mut known) = (0, 1);
        while known < span {
            drawn = drawn << 8 | u64::from(self.bytes.next().unwrap_or_default());
            known <<= 8;
        }
        low + drawn % span
    }

    pub(crate) fn usize(&mut self, range: impl RangeBounds<usize>) -> usize {
        let wide = |bound: Bound<&usize>| bound.map(|number| *number as u64);
        self.u64((wide(range.start_bound()), wide(range.end_bound()))) as usize
    }

    pub(crate) fn u32(&mut self, range: impl RangeBounds<u32>) -> u32 {
        let wide = |bound: Bound<&u32>| bound.map(|number| u64::from(*number));
        self.u64((wide(range.start_bound()), wide(range.end_bound()))) as u32
    }

    /// From 0 to 1, without it.
    pub(crate) fn f64(&mut self) -> f64 {
        self.u64(0..1 << 16) as f64 / f64::from(1 << 16)
    }

    pub(crate) fn bool(&mut self) -> bool {
        self.u64(0..2) == 1
    }

    /// One of these, of which there must be one.
    pub(crate) fn choice<T>(&mut self, of: impl IntoIterator<Item = T>) -> T {
        let mut of: Vec<T> = of.into_iter().collect();
        let at = self.usize(0..of.len());
        of.swap_remove(at)
    }
}
