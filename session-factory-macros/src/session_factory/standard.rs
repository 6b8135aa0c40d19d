//! Builds the fields of the standard settings.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::build::{self, Built};
use super::checks::with_range;
use super::companion_keys;
use super::input::{Factory, Setting, Value, Variable};
use super::meant::{Line, declaration, meant};
use super::model::{Field, Known, Source};
use super::range::Range;
use super::settings::{Kind, Standard};
use super::validate::Validator;
use super::values::{Checked, check_text, expected};

/// What validation found for one setting.
struct Found {
    read: TokenStream,
    source: Source,
    known: Option<Known>,
}

impl Validator<'_> {
    /// The field of a standard setting, written by the user or not.
    pub(super) fn standard<'a>(
        &mut self,
        factory: &Factory,
        standard: &Standard,
        written: Option<&'a Setting>,
    ) -> Field<'a> {
        let name = written.map_or_else(
            || Ident::new(standard.name, factory.name.span()),
            |setting| setting.name.clone(),
        );
        let mut user_docs = Vec::new();
        let mut range = None;
        if let Some(setting) = written {
            user_docs.extend(self.only_docs(&setting.attrs));
            if let Some(ty) = &setting.ty {
                let message = match (&setting.range, &setting.value) {
                    (Some(range), Value::Standard) => format!(
                        "`{name}` is a setting and has its type already; write `{name}: {}`",
                        range.source()
                    ),
                    (Some(range), value) => format!(
                        "`{name}` is a setting and has its type already; write `{}`",
                        declaration(
                            standard.name,
                            None,
                            Some(range),
                            &written_value(standard, value)
                        )
                    ),
                    (None, Value::Standard) => format!(
                        "`{name}` is a setting and has its type already; remove this line, or write \
                         `{name} = env(\"{}\")`",
                        standard.key
                    ),
                    (None, value) => format!(
                        "`{name}` is a setting and has its type already; write `{}`, or, for a key of your \
                         own, another name",
                        without_type(standard, value)
                    ),
                };
                self.errors.on(ty, message);
            }
            range = setting.range.as_ref().filter(|range| {
                let bounds = standard.kind.bounds();
                self.range(range, bounds, &name)
            });
        }
        let found = match written.map(|setting| &setting.value) {
            Some(Value::Constant(value)) => self.constant(standard, value, range),
            Some(Value::BuildEnv(variable)) => self.built(standard, variable, range),
            _ => None,
        };
        let found = match found {
            Some(found) => found,
            None => self.key_of(
                standard,
                written.map(|setting| &setting.value),
                &name,
                range,
            ),
        };
        let mut companions = Vec::new();
        if let (true, Source::Key { key, .. }) = (standard.kind.is_secret(), &found.source) {
            companions.push(companion_keys::file(key));
            let by_default = *key == format!("{}{}", self.prefix, standard.key);
            let has_server = self
                .backend
                .is_some_and(super::backend::Backend::has_server);
            if standard.kind == Kind::Url && by_default && has_server {
                companions.extend(companion_keys::parts(key, &self.prefix));
            }
        }
        Field {
            name,
            ty: self.type_of(standard.kind),
            user_docs,
            doc: self.doc(standard),
            read: found.read,
            standard: true,
            own_type: None,
            group: standard.group,
            range: range.map(Range::words),
            source: found.source,
            known: found.known,
            companions,
        }
    }

    fn constant(
        &mut self,
        standard: &Standard,
        value: &syn::Expr,
        range: Option<&Range>,
    ) -> Option<Found> {
        let key = format!("{}{}", self.prefix, standard.key);
        let line = Line::of(standard.name, None, range, None, key);
        let checked = self.value(standard, value, &line)?;
        let (setting, text, tokens) = (standard.name, &checked.text, &checked.tokens);
        let some = quote!(::core::option::Option::Some);
        Some(Found {
            read: quote!(__session_factory_reader.constant(#setting, #text, #some(#tokens))),
            known: known(&checked, true, syn::spanned::Spanned::span(value)),
            source: Source::Constant(checked.text),
        })
    }

    /// Reads a `build_env` value. `None` after reporting what is wrong.
    fn built(
        &mut self,
        standard: &Standard,
        variable: &Variable,
        range: Option<&Range>,
    ) -> Option<Found> {
        let key = self.key(&variable.key);
        let line = Line {
            name: standard.name,
            ty: None,
            range,
            key: key.clone(),
            function: Some("build_env".to_owned()),
        };
        if standard.kind.is_secret() {
            self.build_env_on_a_secret(&variable.function, &line);
            return None;
        }
        self.claim(&key, standard.name, variable.key.span());
        let found = build::read(variable, self.errors)?;
        self.built.push(key.clone());
        let default = variable
            .default
            .as_ref()
            .and_then(|default| self.value(standard, default, &line));
        let default_text = default.as_ref().map(|default| default.text.clone());
        let private = &self.krate;
        let (checked, span, from) = match found {
            Built::Set(text) => {
                let checked = check_text(standard.kind, &text);
                let problem = match &checked {
                    Err(expected) => Some(expected.clone()),
                    Ok(checked) => range
                        .filter(|range| {
                            checked.number.is_some_and(|number| !range.contains(number))
                        })
                        .map(|range| format!("expected a value in {}", range.words())),
                };
                if let Some(expected) = problem {
                    build::malformed(&variable.key, &expected, &text, self.errors);
                    return None;
                }
                (checked.ok()?, variable.key.span(), quote!(Build))
            }
            Built::Default(value) => {
                let span = syn::spanned::Spanned::span(value);
                (default?, span, quote!(Default))
            }
            Built::Unset if standard.kind.is_optional() => {
                let tokens = quote!(::core::option::Option::None);
                let checked = Checked {
                    text: String::new(),
                    tokens,
                    number: None,
                };
                (checked, variable.key.span(), quote!(NotSet))
            }
            Built::Unset => {
                build::unset(&variable.key, &expected(standard.kind), self.errors);
                return None;
            }
        };
        let (setting, text, tokens) = (standard.name, &checked.text, &checked.tokens);
        let some = quote!(::core::option::Option::Some);
        let from = quote!(#private::__private::Source::#from);
        let read = quote!(__session_factory_reader.built(#setting, #text, #some(#tokens), #from));
        Some(Found {
            read,
            known: known(&checked, true, span),
            source: Source::Build {
                key,
                ty: standard.kind.words().to_owned(),
                value: checked.text,
                default: default_text,
            },
        })
    }

    /// A setting that the program reads at start-up.
    fn key_of(
        &mut self,
        standard: &Standard,
        value: Option<&Value>,
        name: &Ident,
        range: Option<&Range>,
    ) -> Found {
        let mut key = format!("{}{}", self.prefix, standard.key);
        let mut default = standard.default.map(str::to_owned);
        let mut written = None;
        let mut span = name.span();
        if let Some(Value::Env(variable)) = value {
            key = self.key(&variable.key);
            span = variable.key.span();
            let line = Line::of(
                standard.name,
                None,
                range,
                Some(variable.function.to_string()),
                key.clone(),
            );
            if let Some(value) = &variable.default
                && let Some(checked) = self.value(standard, value, &line)
            {
                written = known(&checked, false, syn::spanned::Spanned::span(value));
                default = Some(checked.text);
            }
        }
        // A written default is checked above; the standard one is checked only if none is written.
        if matches!(
            value,
            None | Some(Value::Standard | Value::Env(Variable { default: None, .. }))
        ) {
            self.default_in_range(standard, range);
        }
        self.claim(&key, standard.name, span);
        let read = read(standard);
        let read = range.map_or(read.clone(), |range| {
            let bounds = standard.kind.bounds().map(|bounds| range.tokens(bounds));
            with_range(standard.name, &read, bounds, standard.kind.is_optional())
        });
        Found {
            read,
            known: written,
            source: Source::Key {
                key,
                ty: standard.kind.words().to_owned(),
                default,
                required: standard.kind == Kind::Url,
                secret: standard.kind.is_secret(),
            },
        }
    }

    fn doc(&self, standard: &Standard) -> String {
        match self.backend {
            Some(backend) if standard.kind == Kind::OptionalUrl && !backend.has_replicas() => {
                format!(
                    "Replicas are read on PostgreSQL alone, and this is {}: leave it unset.",
                    backend.name()
                )
            }
            _ => standard.doc.to_owned(),
        }
    }

    /// Checks the setting's standard default, which applies because the user wrote none.
    fn default_in_range(&mut self, standard: &Standard, range: Option<&Range>) {
        let (Some(range), Some(default)) = (range, standard.default) else {
            return;
        };
        let number = check_text(standard.kind, default)
            .ok()
            .and_then(|checked| checked.number);
        if number.is_some_and(|number| !range.contains(number)) {
            let message = format!(
                "the default of `{}`, {default}, is not in this range; write a range with it, or another default: \
                 `{}: {} = env(\"{}{}\", default = …)`",
                standard.name,
                standard.name,
                range.source(),
                self.prefix,
                standard.key
            );
            self.errors.on(range, message);
        }
    }

    fn type_of(&self, kind: Kind) -> TokenStream {
        let krate = &self.krate;
        let option = quote!(::core::option::Option);
        let duration = quote!(::core::time::Duration);
        match kind {
            Kind::Url => quote!(#krate::config::SecretUrl),
            Kind::OptionalUrl => quote!(#option<#krate::config::SecretUrl>),
            Kind::Bool => quote!(::core::primitive::bool),
            Kind::Size | Kind::Count => quote!(::core::primitive::u32),
            Kind::Duration => duration,
            Kind::OptionalDuration => quote!(#option<#duration>),
            Kind::OptionalCount => quote!(#option<::core::primitive::usize>),
            Kind::OptionalSize => quote!(#option<::core::primitive::u32>),
            Kind::Choice(choice) => {
                let ty = Ident::new(choice.ty, proc_macro2::Span::call_site());
                quote!(#krate::config::#ty)
            }
        }
    }
}

/// The setting's line without the type that the user gave it.
fn without_type(standard: &Standard, value: &Value) -> String {
    declaration(standard.name, None, None, &written_value(standard, value))
}

/// The value as the user wrote it, or as the user meant it.
fn written_value(standard: &Standard, value: &Value) -> String {
    match value {
        Value::Constant(value) => meant(standard.kind, value),
        value => value.source(),
    }
    .unwrap_or_else(|| format!("env(\"{}\")", standard.key))
}

fn known(checked: &Checked, fixed: bool, span: proc_macro2::Span) -> Option<Known> {
    let number = checked.number?;
    Some(Known {
        number,
        fixed,
        span,
    })
}

fn read(standard: &Standard) -> TokenStream {
    let name = standard.name;
    let call = match standard.kind {
        Kind::Url => quote!(url::<__SessionFactoryDriver>),
        Kind::OptionalUrl => quote!(optional_url::<__SessionFactoryDriver>),
        Kind::Bool => quote!(read::<::core::primitive::bool>),
        Kind::Size => quote!(size),
        Kind::Count => quote!(read::<::core::primitive::u32>),
        Kind::Duration => quote!(duration),
        Kind::OptionalDuration => quote!(optional_duration),
        Kind::OptionalCount => quote!(read::<::core::option::Option<::core::primitive::usize>>),
        Kind::OptionalSize => quote!(optional_size),
        Kind::Choice(_) => quote!(read),
    };
    quote!(__session_factory_reader.#call(#name))
}
