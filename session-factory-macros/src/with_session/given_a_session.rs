//! Finds callers that give a session to `f`, although `f` opens its own. The compiler's error advises
//! to remove the argument; the code then compiles, but the work runs in a separate transaction.
//!
//! Only callers without the attribute are examined here; `session_use` corrects the calls in annotated
//! functions. A macro sees only its own function, so this module reads the source file. It reports a call
//! only if the mistake is certain: the file has exactly one function of that name, and no correct call of it.

use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{
    Expr, ExprCall, ExprMethodCall, FnArg, ImplItemFn, ItemFn, Macro, PatIdent, Token, UseTree,
};

use super::args::Args;
use super::attrs;
use super::input::Function;
use super::place::Place;
use super::session_param::parameters;
use super::source::Source;
use super::types::{behind_references, is_session, mentions};
use crate::diagnostics::{Errors, pretty};

/// Reports the first call that gives a session to this function.
pub(super) fn report(
    args: &Args,
    function: &Function,
    place: Place,
    source: Option<&Source>,
    errors: &mut Errors,
) {
    let name = &function.sig.ident;
    let (Some(call), Some(joined)) = (call(function, place, source), args.joined.name(name)) else {
        return;
    };
    let written = pretty(&call);
    let meant = written.replacen(&format!("{name}("), &format!("{joined}("), 1);
    let message = format!(
        "`{name}` opens a session of its own, and this file calls `{written}`; to run it in that session write \
         `{meant}`"
    );
    errors.on(name, message);
}

/// The first call that gives a session to this function.
pub(super) fn call(function: &Function, place: Place, source: Option<&Source>) -> Option<Expr> {
    let name = function.sig.ident.to_string();
    let source = source.filter(|_| matches!(place, Place::Free | Place::Associated))?;
    let is_method = function.sig.receiver().is_some();
    if !is_method && place == Place::Associated {
        return None;
    }
    let (_, first) = parameters(function).next()?;
    if !is_session(behind_references(&first.ty)) || !source.calls_with_a_session(&name) {
        return None;
    }
    let mut calls = Calls {
        name: &name,
        parameters: function
            .sig
            .inputs
            .iter()
            .filter(|input| matches!(input, FnArg::Typed(_)))
            .count(),
        is_method,
        is_annotated: false,
        functions: 0,
        wrong: None,
        is_uncertain: false,
    };
    for item in &source.items()? {
        calls.visit_item(item);
    }
    calls
        .wrong
        .filter(|_| calls.functions == 1 && !calls.is_uncertain)
}

struct Calls<'a> {
    name: &'a str,
    /// The number of the function's parameters, as the user wrote it.
    parameters: usize,
    /// True if the function is called as `users.rename(…)`.
    is_method: bool,
    /// True while the visitor is inside a function with the attribute.
    is_annotated: bool,
    functions: usize,
    wrong: Option<Expr>,
    /// True if a call is correct or is in a macro, or if the name means something else somewhere.
    is_uncertain: bool,
}

impl Calls<'_> {
    fn inside(&mut self, attrs: &[syn::Attribute], visit: impl FnOnce(&mut Self)) {
        let outer = self.is_annotated;
        self.is_annotated |= attrs.iter().any(attrs::is_own);
        visit(self);
        self.is_annotated = outer;
    }
}

impl Calls<'_> {
    fn called(&mut self, arguments: &Punctuated<Expr, Token![,]>, call: impl FnOnce() -> Expr) {
        let is_borrow =
            matches!(arguments.first(), Some(Expr::Reference(first)) if first.mutability.is_some());
        if arguments.len() != self.parameters || !is_borrow {
            self.is_uncertain = true;
        } else if !self.is_annotated && self.wrong.is_none() {
            self.wrong = Some(call());
        }
        for argument in arguments {
            self.visit_expr(argument);
        }
    }
}

impl<'ast> Visit<'ast> for Calls<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if function.sig.ident == self.name {
            self.functions += 1;
        }
        self.inside(&function.attrs, |calls| {
            visit::visit_item_fn(calls, function);
        });
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if function.sig.ident == self.name {
            self.functions += 1;
        }
        self.inside(&function.attrs, |calls| {
            visit::visit_impl_item_fn(calls, function);
        });
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        let is_it = !self.is_method
            && matches!(&*call.func, Expr::Path(path) if path.path.is_ident(self.name));
        if !is_it {
            return visit::visit_expr_call(self, call);
        }
        self.called(&call.args, || Expr::Call(call.clone()));
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if !self.is_method || call.method != self.name {
            return visit::visit_expr_method_call(self, call);
        }
        self.visit_expr(&call.receiver);
        self.called(&call.args, || Expr::MethodCall(call.clone()));
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        // The name is used as a value, or it follows a module's name.
        let last = path.path.segments.last();
        self.is_uncertain |= last.is_some_and(|last| last.ident == self.name);
    }

    fn visit_pat_ident(&mut self, pat: &'ast PatIdent) {
        self.is_uncertain |= pat.ident == self.name;
    }

    fn visit_use_tree(&mut self, tree: &'ast UseTree) {
        if !matches!(tree, UseTree::Glob(_)) {
            self.is_uncertain |= mentions(tree.to_token_stream(), self.name);
        }
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        self.is_uncertain |= mentions(invocation.tokens.clone(), self.name);
    }
}
