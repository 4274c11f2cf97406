//! Password-based encryption schemes: interface stub until the real reader lands.

use scanner_core::error::Malformed;
use scanner_core::material::Protection;

use super::ber::Value;

/// What a scheme's AlgorithmIdentifier amounts to.
pub(crate) fn protection(_algorithm: Value<'_>) -> Result<Protection, Malformed> {
    Err(Malformed::new("stub", 0))
}
