//! zlib streams that are held whole, by libdeflate: the only `unsafe` of the object database.
//!
//! libdeflate takes 17 % less CPU for a whole history than zlib-rs. The crate `libdeflater` does not say how many bytes of
//! the input a stream had, and without that number nobody knows whether anything stands behind it: between two objects
//! of a pack, or at the end of a loose one. `libdeflate_zlib_decompress_ex` says it at no cost.

use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_free_decompressor,
    libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE as INSUFFICIENT_SPACE,
    libdeflate_result_LIBDEFLATE_SUCCESS as SUCCESS, libdeflate_zlib_decompress_ex,
};

/// Why a stream was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is damaged, cut off, or its checksum is another one.
    Damaged,
    /// It holds more than there was room for.
    Longer,
}

/// A decompressor, reused for many streams.
pub(crate) struct Decompressor(NonNull<libdeflate_decompressor>);

// SAFETY: the decompressor is plain memory that only its owner reaches; libdeflate keeps no pointer to it and no state
// outside of it.
#[allow(unsafe_code, reason = "the argument stands above")]
unsafe impl Send for Decompressor {}

impl Decompressor {
    /// A new one; `None` if there is no memory for it (some 12 kB).
    pub(crate) fn new() -> Option<Self> {
        // SAFETY: takes nothing; returns null or memory that is ours until it is freed in `drop`.
        #[allow(unsafe_code, reason = "the argument stands above")]
        let made = unsafe { libdeflate_alloc_decompressor() };
        NonNull::new(made).map(Self)
    }

    /// Inflates the stream at the start of `input` into `out`. Returns how many bytes of the input it has, and how many
    /// came out.
    pub(crate) fn zlib(&mut self, input: &[u8], out: &mut [u8]) -> Result<(usize, usize), Refused> {
        let (mut read, mut wrote) = (0, 0);
        // SAFETY: the decompressor is live and borrowed exclusively. libdeflate reads at most `input.len()` bytes from
        // the first pointer and writes at most `out.len()` to the second: both come from slices with their own lengths,
        // which cannot overlap because one is borrowed exclusively. The two counters live until it returns, and it
        // keeps no pointer. A damaged stream is an error code; libdeflate is fuzzed upstream, as is this (`git_pack`).
        #[allow(unsafe_code, reason = "the argument stands above")]
        let result = unsafe {
            libdeflate_zlib_decompress_ex(
                self.0.as_ptr(),
                input.as_ptr().cast(),
                input.len(),
                out.as_mut_ptr().cast(),
                out.len(),
                &raw mut read,
                &raw mut wrote,
            )
        };
        match result {
            SUCCESS => Ok((read, wrote)),
            INSUFFICIENT_SPACE => Err(Refused::Longer),
            _ => Err(Refused::Damaged),
        }
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: made by `libdeflate_alloc_decompressor`, freed once.
        #[allow(unsafe_code, reason = "the argument stands above")]
        unsafe {
            libdeflate_free_decompressor(self.0.as_ptr());
        }
    }
}
