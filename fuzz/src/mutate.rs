//! Small changes to tokens, at any depth.

use fastrand::Rng;
use proc_macro2::{Group, TokenStream, TokenTree};

use crate::arbitrary::{self, pick};

/// Changes the tokens in a few places. Inserted tokens come from `donor`.
pub(crate) fn mutate(rng: &mut Rng, tokens: TokenStream, donor: &TokenStream) -> TokenStream {
    // Usually one change, because users usually make one mistake.
    let most = rng.usize(1..5);
    let changes = rng.usize(1..=most);
    (0..changes).fold(tokens, |tokens, _| change(rng, tokens, donor))
}

/// Makes one change at a random place.
fn change(rng: &mut Rng, tokens: TokenStream, donor: &TokenStream) -> TokenStream {
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    let groups: Vec<usize> = (0..trees.len())
        .filter(|at| matches!(trees[*at], TokenTree::Group(_)))
        .collect();
    if !groups.is_empty()
        && rng.u8(..5) < 2
        && let at = *pick(rng, &groups)
        && let TokenTree::Group(group) = &trees[at]
    {
        let inside = change(rng, group.stream(), donor);
        trees[at] = Group::new(group.delimiter(), inside).into();
        return trees.into_iter().collect();
    }
    here(rng, &mut trees, donor);
    trees.into_iter().collect()
}

/// Makes one change at this level.
fn here(rng: &mut Rng, trees: &mut Vec<TokenTree>, donor: &TokenStream) {
    let at = rng.usize(..=trees.len());
    if at == trees.len() {
        trees.extend(inserted(rng, donor));
        return;
    }
    match rng.u8(..16) {
        0..=3 => drop(trees.remove(at)),
        4 | 5 => trees.insert(at, trees[at].clone()),
        6 | 7 => {
            let other = rng.usize(..trees.len());
            trees.swap(at, other);
        }
        8 | 9 => {
            let new = inserted(rng, donor);
            trees.splice(at..=at, new);
        }
        10 | 11 => {
            let new = inserted(rng, donor);
            trees.splice(at..at, new);
        }
        // Cut off, like code that is still being typed.
        12 => trees.truncate(at),
        13 => {
            let end = (at + 1 + rng.usize(..4)).min(trees.len());
            let inside = trees.drain(at..end).collect();
            trees.insert(at, arbitrary::group(rng, inside).into());
        }
        _ => {
            if let TokenTree::Group(group) = &trees[at] {
                let inside = group.stream();
                if rng.bool() {
                    trees.splice(at..=at, inside);
                } else {
                    trees[at] = arbitrary::group(rng, inside).into();
                }
            } else {
                trees.remove(at);
            }
        }
    }
}

/// A few tokens to insert: random ones, or the donor's.
fn inserted(rng: &mut Rng, donor: &TokenStream) -> Vec<TokenTree> {
    let donated: Vec<TokenTree> = donor.clone().into_iter().collect();
    if donated.is_empty() || rng.bool() {
        let mut tokens = TokenStream::new();
        arbitrary::tree(rng, 2, &mut tokens);
        return tokens.into_iter().collect();
    }
    let start = rng.usize(..donated.len());
    let end = (start + 1 + rng.usize(..3)).min(donated.len());
    donated[start..end].to_vec()
}
