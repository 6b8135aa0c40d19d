//! One input: the macro, and its tokens.

use std::fmt;

use fastrand::Rng;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::arbitrary::{self, pick};
use crate::corpus::Corpus;
use crate::mutate::mutate;
use crate::signatures;

/// The input of a macro.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    WithSession {
        args: TokenStream,
        item: TokenStream,
    },
    SessionFactory {
        tokens: TokenStream,
    },
}

impl Input {
    /// The input of this number, which is always the same.
    pub(crate) fn nth(seed: u64, index: u64, corpus: &Corpus) -> Self {
        let mut rng = Rng::with_seed(seed.rotate_left(32) ^ index);
        // Neighbouring seeds give similar first numbers, so skip them.
        let _warm_up = [rng.u64(..), rng.u64(..)];
        Self::any(&mut rng, corpus)
    }

    fn any(rng: &mut Rng, corpus: &Corpus) -> Self {
        match rng.u8(..20) {
            0..=7 => changed_function(rng, corpus),
            8 | 9 => {
                let function = pick(rng, &corpus.functions);
                Self::WithSession {
                    args: arbitrary::stream(rng, 8, 3),
                    item: function.item.clone(),
                }
            }
            10..=14 => {
                let (args, item) = signatures::function(rng);
                Self::WithSession { args, item }
            }
            15 => Self::WithSession {
                args: arbitrary::stream(rng, 8, 3),
                item: arbitrary::stream(rng, 24, 5),
            },
            16 => Self::SessionFactory {
                tokens: arbitrary::stream(rng, 24, 5),
            },
            _ => changed_factory(rng, corpus),
        }
    }

    /// True if the input has no token that an error could point at.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::WithSession { item, .. } => item.is_empty(),
            Self::SessionFactory { tokens } => tokens.is_empty(),
        }
    }

    /// The same tokens, each with a place: they are formatted as text and parsed again. Tokens that
    /// do not survive that (other macros can create such tokens) stay unchanged, and the result is
    /// `false`.
    pub(crate) fn located(self, rng: &mut Rng) -> (Self, bool) {
        let mut all = true;
        let mut locate = |tokens: TokenStream| {
            let Ok(read) = tokens.to_string().parse() else {
                all = false;
                return tokens;
            };
            invisible_groups(rng, read)
        };
        let input = match self {
            Self::WithSession { args, item } => Self::WithSession {
                args: locate(args),
                item: locate(item),
            },
            Self::SessionFactory { tokens } => Self::SessionFactory {
                tokens: locate(tokens),
            },
        };
        (input, all)
    }
}

fn changed_function(rng: &mut Rng, corpus: &Corpus) -> Input {
    let [function, options, donor] = [(); 3].map(|()| pick(rng, &corpus.functions));
    let mut args = if rng.bool() {
        function.args.clone()
    } else {
        options.args.clone()
    };
    let mut item = function.item.clone();
    match rng.u8(..8) {
        0..=3 => item = mutate(rng, item, &donor.item),
        4 | 5 => args = mutate(rng, args, &donor.args),
        6 => {
            item = mutate(rng, item, &donor.item);
            args = mutate(rng, args, &donor.args);
        }
        _ => {}
    }
    Input::WithSession { args, item }
}

fn changed_factory(rng: &mut Rng, corpus: &Corpus) -> Input {
    let [factory, donor] = [(); 2].map(|()| pick(rng, &corpus.factories));
    Input::SessionFactory {
        tokens: mutate(rng, factory.clone(), donor),
    }
}

/// Restores the invisible groups that formatting loses; `macro_rules!` creates them around
/// fragments.
fn invisible_groups(rng: &mut Rng, tokens: TokenStream) -> TokenStream {
    if rng.u8(..4) > 0 {
        return tokens;
    }
    tokens
        .into_iter()
        .map(|tree| {
            let span = tree.span();
            let tree = match tree {
                TokenTree::Group(group) => {
                    let inside = invisible_groups(rng, group.stream());
                    let mut changed = Group::new(group.delimiter(), inside);
                    changed.set_span(span);
                    changed.into()
                }
                tree => tree,
            };
            if rng.u8(..8) > 0 {
                return tree;
            }
            let mut group = Group::new(Delimiter::None, tree.into());
            group.set_span(span);
            group.into()
        })
        .collect()
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WithSession { args, item } if args.is_empty() => {
                write!(f, "#[with_session]\n{item}")
            }
            Self::WithSession { args, item } => write!(f, "#[with_session({args})]\n{item}"),
            Self::SessionFactory { tokens } => write!(f, "session_factory! {{ {tokens} }}"),
        }
    }
}
