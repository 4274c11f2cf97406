//! A value that must not be printed.

use std::fmt;

use zeroize::Zeroize;

/// Wraps a secret: overwritten on drop, never printed, never cloned by accident.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The secret itself, for code that computes with it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A large buffer, overwritten on drop. `zeroize` writes byte by byte, which takes a tenth of the time of a scan of many
/// archives.
#[derive(Default)]
pub(crate) struct Wiped(pub(crate) Vec<u8>);

impl Drop for Wiped {
    fn drop(&mut self) {
        // What was removed from the buffer is still in its capacity.
        let capacity = self.0.capacity();
        self.0.clear();
        self.0.resize(capacity, 0);
        // Keeps the compiler from removing the writes: it must assume that the zeros are read.
        std::hint::black_box(self.0.as_mut_slice());
    }
}

/// Bytes of the stack that [`wipe_stack`] overwrites: a quarter of a Rust thread's stack (2 MiB). The deepest frames
/// measured, archives nested twelve deep in an unoptimised build, need less.
const STACK: usize = 512 << 10;

/// Overwrites what earlier calls left on the stack below the caller. Called near the base of a thread after its work,
/// it leaves no number, digest or decoded byte of a key there.
#[inline(never)]
#[allow(clippy::large_stack_arrays, reason = "the stack is what it is for")]
pub fn wipe_stack() {
    let mut below = [0_u8; STACK];
    // Keeps the compiler from removing the write: it must assume that the zeros are read.
    std::hint::black_box(&mut below);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_secret() {
        assert_eq!(format!("{:?}", Secret::new(b"marker".to_vec())), "Secret");
    }

    #[test]
    fn is_overwritten_on_drop_and_not_before() {
        use std::cell::Cell;
        struct Witness<'a>(&'a Cell<u32>);
        impl Zeroize for Witness<'_> {
            fn zeroize(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let wiped = Cell::new(0);
        let secret = Secret::new(Witness(&wiped));
        assert_eq!((secret.expose().0.get(), wiped.get()), (0, 0));
        drop(secret);
        assert_eq!(wiped.get(), 1);
    }
}
