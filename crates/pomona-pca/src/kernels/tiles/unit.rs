//! The tile unit itself: whether the processor has it and the system lends it, and its shape.

use std::arch::asm;
use std::sync::OnceLock;

/// Number of `arch_prctl` on x86-64 Linux.
const ARCH_PRCTL: usize = 158;
/// `ARCH_REQ_XCOMP_PERM`: ask for a large register state.
const REQUEST: usize = 0x1023;
/// `XFEATURE_XTILEDATA`.
const TILE_DATA: usize = 18;

/// Whether the processor has the instructions that the tile kernels use, and the system lets this
/// process use them.
///
/// Asks the system the first time: Linux keeps the 8 KB of tile registers from processes that have
/// not asked (`Documentation/arch/x86/xstate.rst`).
pub(super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && has_tiles()
            && permitted()
    })
}

/// CPUID leaf 7: bit 24 of EDX is AMX-TILE and bit 25 AMX-INT8.
fn has_tiles() -> bool {
    let highest = std::arch::x86_64::__cpuid(0).eax;
    highest >= 7 && {
        let edx = std::arch::x86_64::__cpuid_count(7, 0).edx;
        edx & (1 << 24) != 0 && edx & (1 << 25) != 0
    }
}

fn permitted() -> bool {
    if cfg!(any(not(target_os = "linux"), miri)) {
        return false;
    }
    let mut result = ARCH_PRCTL;
    // SAFETY: a system call that changes only what this process may use.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") result,
            in("rdi") REQUEST,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    result == 0
}

/// The layout that `ldtilecfg` reads.
#[repr(C, align(64))]
struct Shape {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Gives all eight tiles sixteen rows of 64 bytes.
///
/// # Safety
/// [`is_available`] is true.
pub(super) unsafe fn configure() {
    let mut shape = Shape {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: [0; 16],
        rows: [0; 16],
    };
    shape.row_bytes[..8].fill(64);
    shape.rows[..8].fill(16);
    // SAFETY: the unit is there, and reads 64 bytes.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &raw const shape, options(nostack, preserves_flags, readonly));
    }
}

/// Gives the tiles back, so that the system need not save them at the next switch of threads.
///
/// # Safety
/// [`is_available`] is true.
pub(super) unsafe fn release() {
    // SAFETY: the unit is there.
    unsafe {
        asm!("tilerelease", options(nostack, preserves_flags, nomem));
    }
}
