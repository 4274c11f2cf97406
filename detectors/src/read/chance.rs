//! Whether bytes are chance, or something that a person or a program wrote.

/// Whether bytes can have come from a random generator. 32 of them hold 30 different values on average and fewer than
/// 20 once in 10^9 keys; text and tables hold fewer values, or printable ones only.
pub(crate) fn looks_random(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    for &byte in bytes {
        if let Some(slot) = seen.get_mut(usize::from(byte)) {
            *slot = true;
        }
    }
    let distinct = seen.iter().filter(|&&s| s).count();
    let printable = bytes.iter().filter(|b| b.is_ascii_graphic() || **b == b' ').count();
    distinct * 8 >= bytes.len().min(64) * 5 && printable * 4 <= bytes.len() * 3
}
