//! A configuration's text as a tree with positions, and the reading of values out of it.
//! Pure: no I/O, no clock, no randomness.
//!
//! The text is strict JSON. Whoever reads it never stops at a mistake: what is wrong is noted
//! with its place, something harmless is taken instead, and the reading goes on, so that one run
//! finds every mistake. [`Section`] is what a room reads its own part from.

mod problem;
mod reader;
mod said;
mod scalar;
mod secret;
mod section;
mod syntax;
mod text;
mod url;

pub use self::{
    problem::{ConfigError, ConfigProblem},
    reader::Overlays,
    scalar::span,
};
pub(crate) use self::{
    problem::{Mistakes, clipped, is_invisible, shown},
    reader::{Found, Reader},
    said::Said,
    scalar::{DurationRange, Raw, Refusal, duration, millis, text},
    secret::secret_in,
    section::Section,
    text::MOST_BYTES,
    url::{is_loopback, web_address},
};

/// A value, and where it begins.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    /// The offset of its first byte.
    pub(crate) at: usize,
    /// What it is.
    pub(crate) value: Value<'a>,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(&'a str),
    /// A text.
    Text(std::borrow::Cow<'a, str>),
    /// A list.
    List(Vec<Node<'a>>),
    /// An object, in the order of the text; a key may be there twice.
    Object(Vec<Member<'a>>),
}

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    /// The key.
    pub(crate) key: std::borrow::Cow<'a, str>,
    /// The offset of its first byte.
    pub(crate) key_at: usize,
    /// The value.
    pub(crate) node: Node<'a>,
}
