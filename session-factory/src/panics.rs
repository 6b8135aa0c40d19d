//! Contains panics from the application's code that the crate calls: an instrumentation, a
//! subscriber, a destructor. The crate's own work around such a call continues.

use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;

/// Calls the application's code. Returns `None` if the code panicked; the panic hook has then printed the panic.
pub(crate) fn contained<T>(call: impl FnOnce() -> T) -> Option<T> {
    forgotten(catch_unwind(AssertUnwindSafe(call)))
}

/// Like `contained`, for a future whose polls may call the application's code.
pub(crate) async fn contained_async<T>(future: impl Future<Output = T>) -> Option<T> {
    forgotten(AssertUnwindSafe(future).catch_unwind().await)
}

fn forgotten<T>(caught: std::thread::Result<T>) -> Option<T> {
    // The application also wrote the panic's payload, whose destructor may panic: it is leaked (`mem::forget`).
    caught.map_err(std::mem::forget).ok()
}

/// A value whose destructor runs the application's code: a connection drops the instrumentation
/// that was set on it.
pub(crate) struct Contained<T>(Option<T>);

impl<T> Contained<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// Drops the value now.
    pub(crate) fn end(&mut self) {
        let value = self.0.take();
        let _panicked = contained(move || drop(value));
    }
}

impl<T> Deref for Contained<T> {
    type Target = T;

    #[allow(clippy::expect_used)] // the value is taken in `drop` alone
    fn deref(&self) -> &T {
        self.0.as_ref().expect("present until dropped")
    }
}

impl<T> DerefMut for Contained<T> {
    #[allow(clippy::expect_used)] // as above
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("present until dropped")
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    #[test]
    fn a_panic_and_its_payload_s_panic_stay_inside() {
        assert_eq!(contained(|| 7), Some(7));
        let panicked = contained(|| std::panic::panic_any(PanicsWhenDropped));
        assert_eq!(panicked, None::<()>);
    }

    #[test]
    fn a_destructor_s_panic_stays_inside_while_another_panic_unwinds() {
        let unwound = contained(|| {
            let _value = Contained::new(PanicsWhenDropped);
            panic!("on purpose");
        });
        assert_eq!(unwound, None::<()>);
    }
}
