//! Who is at work. A test that waits for a stand-in holds up no other: there is a thread for each, and so many turns.

use std::{
    cell::Cell,
    sync::{Condvar, LazyLock, Mutex, PoisonError},
};

static FREE: LazyLock<Mutex<usize>> = LazyLock::new(|| {
    let turns = std::env::var("DAYFLY_DATABASES_TURNS").map(|turns| turns.parse().expect("DAYFLY_DATABASES_TURNS"));
    Mutex::new(turns.unwrap_or(10))
});
static PASSED: Condvar = Condvar::new();

/// A turn, until its test's thread ends.
struct Turn;

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        PASSED.notify_one();
    }
}

thread_local! {
    static MINE: Cell<Option<Turn>> = const { Cell::new(None) };
}

/// Waits for a turn, unless this test has one.
pub(crate) fn take() {
    let mine = MINE.take().unwrap_or_else(|| {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        *PASSED.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn
    });
    MINE.set(Some(mine));
}

/// Gives it to whoever can use it.
pub(crate) fn pass() {
    drop(MINE.take());
}
