//! Panics: on purpose they are nothing to talk about, any other must not be. Tokio catches those of
//! tasks, and nobody would hear of them.

use std::{cell::RefCell, panic};

use super::{
    broken::{Broken, Verdict, broken_if},
    meddle::PLANTED,
};

/// What a drill says.
const DRILL: &str = "a drill";

thread_local! {
    /// The first panic of this thread, which is one run's.
    static FIRST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics are seen.
pub(crate) fn watch() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<&str>().copied();
        if text == Some(DRILL) {
            return;
        }
        if text != Some(PLANTED) {
            usual(info);
        }
        FIRST.with_borrow_mut(|first| *first = first.take().or_else(|| Some(info.to_string())));
    }));
}

/// There must have been none.
pub(crate) fn none() -> Verdict {
    let first = FIRST.take();
    broken_if(first.is_some(), Broken::Panic, || first.unwrap_or_default())
}
