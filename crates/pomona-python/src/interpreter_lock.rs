//! What callbacks of C must know of the interpreter: whether this thread holds its lock, and how it hears of Ctrl-C.

use std::ffi::c_int;
use std::sync::OnceLock;

/// `PyGILState_Check`.
type Check = unsafe extern "C" fn() -> c_int;

/// Whether this thread holds the interpreter's lock.
///
/// The function of CPython is not in its stable interface, which this library is linked with, so it is looked for
/// by its name. Where there is none the answer is no.
pub(crate) fn is_held() -> bool {
    static CHECK: OnceLock<Option<Check>> = OnceLock::new();
    let check = CHECK.get_or_init(|| {
        // SAFETY: a name that ends in NUL.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"PyGILState_Check".as_ptr()) };
        // SAFETY: a symbol of this name is this function in every CPython, and null is None.
        unsafe { std::mem::transmute::<*mut libc::c_void, Option<Check>>(found) }
    });
    match check {
        // SAFETY: it may be called by any thread at any time.
        Some(check) => unsafe { check() == 1 },
        None => false,
    }
}

/// Raises SIGINT for Python once more: its handler runs when the main thread runs Python again.
pub(crate) fn interrupt_again() {
    // SAFETY: it may be called by any thread at any time.
    unsafe { pyo3::ffi::PyErr_SetInterrupt() }
}
