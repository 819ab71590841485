//! Whether a text gives a secret away. Pure: no I/O, no clock, no randomness.

use std::collections::HashSet;

/// Whether a text repeats as much of a secret as gives it away, from wherever in it.
pub(super) fn tells(text: &[u8], secret: &str) -> bool {
    const TELLING: usize = 12;
    let length = secret.len().min(TELLING);
    if length == 0 || text.len() < length {
        return false;
    }
    // Of one byte over and over, such as the dots that fill up a token, nothing is learned.
    let tells = |part: &&[u8]| part.iter().any(|byte| Some(byte) != part.first());
    let telling: HashSet<_> = secret.as_bytes().windows(length).filter(tells).collect();
    text.windows(length).any(|part| telling.contains(part))
}
