//! The system's allocator, which overwrites every block before it is freed.
//!
//! Keys pass through many buffers that our code does not own: windows of decoders, decoded text, big integers, and old
//! buffers of lists that grew. Wiping each buffer where it is used was tried, and one was always missed. All of them
//! are freed here. `docs/limits.md` has the cost.
//!
//! Zstandard also allocates here (feature `with-rust-allocator` of its crate). The tables of libdeflate do not: they
//! contain codes, never content.

#![allow(unsafe_code, reason = "each use has its SAFETY argument")]

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, which overwrites blocks before it frees them.
pub(crate) struct Wiping;

/// Maximum size of a block that is overwritten, in bytes. Larger blocks are separate mappings, which return to the
/// kernel when they are freed, so their content leaves the process (`DEFAULT_MMAP_THRESHOLD_MAX` of glibc on 64 bits;
/// musl, macOS and Windows have lower thresholds).
const LARGEST: usize = 32 << 20;

// SAFETY: every block comes from `System` and returns to it with its original layout, so the guarantees of `System`
// hold. A block is written to only between the caller's request to free it and the call of `System`. By the contract of
// `GlobalAlloc`, nobody else has a reference to the block then, and all its `layout.size()` bytes belong to us.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller guarantees what `System` requires.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller guarantees what `System` requires.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() <= LARGEST {
            // SAFETY: the block has `layout.size()` bytes and no other owner.
            unsafe { block.write_bytes(0, layout.size()) };
            // The compiler may remove stores to memory that is freed next. `black_box` prevents this, because the
            // compiler cannot see what it does with the pointer.
            std::hint::black_box(block);
        }
        // SAFETY: the block came from `System` with this layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.size() > LARGEST {
            // A separate mapping: the kernel moves its pages and leaves no copy.
            // SAFETY: the caller guarantees what `System` requires.
            return unsafe { System.realloc(block, layout, size) };
        }
        // SAFETY: the caller guarantees that `size` is not zero and does not overflow when rounded up to the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the size of the layout is not zero.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: both blocks are at least that long, and a new block overlaps no other.
            unsafe { std::ptr::copy_nonoverlapping(block, moved, layout.size().min(size)) };
            // SAFETY: the old block came from this allocator with this layout, and is not used again.
            unsafe { self.dealloc(block, layout) };
        }
        moved
    }
}
