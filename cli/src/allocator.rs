//! The allocator: the system's, and everything that is freed is overwritten first.
//!
//! Keys pass through many buffers that no code of ours owns: windows of decoders, decoded text, numbers of arithmetic, lists
//! that grew and left their old place behind. Wiping each of them where it is used was tried, and one was always missed.
//! Here all of them end. What it costs is in `docs/limits.md`.
//!
//! Zstandard allocates through this as well (feature `with-rust-allocator` of its crate). The tables of libdeflate do
//! not: they hold codes, never content.

#![allow(unsafe_code, reason = "the argument stands at each use")]

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, with blocks that are overwritten before they are given back.
pub(crate) struct Wiping;

/// Largest block that is overwritten, in bytes. Larger ones are mappings of their own, which go back to the kernel when
/// they are freed and leave the process with that (`DEFAULT_MMAP_THRESHOLD_MAX` of glibc on 64 bits; musl, macOS and Windows
/// have lower ones).
const LARGEST: usize = 32 << 20;

// SAFETY: every block comes from `System` and goes back to it with the layout it was asked for, so its promises are kept
// on. A block is written to only between the call that frees it and the call that gives it back, when by the contract of
// `GlobalAlloc` nobody else has a reference to it and all of its `layout.size()` bytes belong to us.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() <= LARGEST {
            // SAFETY: the block is `layout.size()` bytes long and nobody else's.
            unsafe { block.write_bytes(0, layout.size()) };
            // Stores to memory that is freed next are dead, and the compiler may leave them out: not if the pointer goes
            // where it cannot see.
            std::hint::black_box(block);
        }
        // SAFETY: the block came from `System` with this layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.size() > LARGEST {
            // A mapping of its own: the kernel moves its pages and leaves nothing behind.
            // SAFETY: the caller's promises are those that `System` asks for.
            return unsafe { System.realloc(block, layout, size) };
        }
        // SAFETY: the caller promises that `size` is not zero and does not overflow when it is rounded up to the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the layout is not of size zero.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: both blocks are at least that long, and a fresh one overlaps nothing.
            unsafe { std::ptr::copy_nonoverlapping(block, moved, layout.size().min(size)) };
            // SAFETY: the old block came from here with this layout and is not used again.
            unsafe { self.dealloc(block, layout) };
        }
        moved
    }
}
