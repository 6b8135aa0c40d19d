//! Expands `KEYS`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

use crate::session_factory::docs;
use crate::session_factory::input::Backend;
use crate::session_factory::literals::literal;
use crate::session_factory::model::{Field, Model, Source};

const WHEN_BUILT: &str = "Fixed when the program is built";

/// All entries of one factory.
pub(super) fn keys(model: &Model<'_>) -> Vec<TokenStream> {
    let of_fields = model.fields.iter().flat_map(|field| {
        let companions = companions(field, model);
        key(field, model).into_iter().chain(companions)
    });
    of_fields.chain(backend(model)).collect()
}

/// The entry of a field, if it has a key.
fn key(field: &Field<'_>, model: &Model<'_>) -> Option<TokenStream> {
    let krate = &model.krate;
    let (key, ty, default, required, secret, build) = match &field.source {
        Source::Constant(_) => return None,
        Source::Build {
            key, ty, default, ..
        } => {
            let optional = default.is_none();
            (key, ty, default, !optional, false, true)
        }
        Source::Key {
            key,
            ty,
            default,
            required,
            secret,
        } => (key, ty, default, *required, *secret, false),
    };
    let setting = field.name.unraw().to_string();
    let user_doc = docs::text_of(&field.user_docs);
    let doc = if user_doc.is_empty() {
        &field.doc
    } else {
        &user_doc
    };
    let group = if build { WHEN_BUILT } else { field.group };
    let default = default.as_ref().map(|default| quote!(.default(#default)));
    let range = field.range.as_ref().map(|range| quote!(.range(#range)));
    let required = (required && !build).then(|| quote!(.required()));
    let secret = secret.then(|| quote!(.secret()));
    let build = build.then(|| quote!(.build()));
    Some(quote! {
        #krate::config::Key::new(#key, #setting, #ty)
            #default #range #required #secret #build .group(#group).doc(#doc)
    })
}

/// The entries of a field's companion keys.
fn companions(field: &Field<'_>, model: &Model<'_>) -> Vec<TokenStream> {
    let krate = &model.krate;
    let (setting, group) = (field.name.unraw().to_string(), field.group);
    let entry = |companion: &crate::session_factory::model::CompanionKey| {
        let (key, ty, doc) = (&companion.key, companion.ty, &companion.doc);
        let part = Ident::new(companion.part, Span::call_site());
        let secret = companion.secret.then(|| quote!(.secret()));
        quote! {
            #krate::config::Key::new(#key, #setting, #ty)
                .part(#krate::__private::Part::#part) #secret .group(#group).doc(#doc)
        }
    };
    field.companions.iter().map(entry).collect()
}

/// The entry of the key that names the backend.
fn backend(model: &Model<'_>) -> Option<TokenStream> {
    let krate = &model.krate;
    let Some(Backend::BuildEnv(variable)) = &model.factory.backend else {
        return None;
    };
    let key = &variable.key;
    let default = match variable.default.as_ref().and_then(literal) {
        Some(syn::Lit::Str(default)) => Some(quote!(.default(#default))),
        _ => None,
    };
    Some(quote! {
        #krate::config::Key::new(#key, "backend", "postgres, mysql or sqlite")
            #default .build().group(#WHEN_BUILT).doc("Which database it is for.")
    })
}
