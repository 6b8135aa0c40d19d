//! Every rejection, and what is left when there is none: the model.

use std::collections::HashMap;

use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Ident, Lit, Path};

use super::backend::driver;
use super::checks::{as_text, is_key, is_text};
use super::docs::text_of;
use super::input::{Factory, Setting, Value};
use super::model::{Field, Model, Source};
use super::own_keys::OwnType;
use super::settings::{Kind, STANDARD, Standard, names};
use super::values::literal;
use crate::diagnostics::{Errors, did_you_mean};

/// The model of one factory. A setting that is wrong is left at its default, and noted.
pub(super) fn validate<'a>(factory: &'a Factory, errors: &mut Errors) -> Model<'a> {
    let mut validator = Validator {
        krate: syn::parse_quote!(::session_factory),
        prefix: String::new(),
        keys: HashMap::new(),
        errors,
    };
    let settings = validator.distinct(factory);
    validator.globals(&settings);
    let written = |standard: &Standard| {
        settings
            .iter()
            .copied()
            .find(|setting| setting.name == standard.name)
    };
    // Keys that are written out are claimed first, so that a clash is blamed on the second of those.
    let mut fields: Vec<_> = STANDARD
        .iter()
        .map(|standard| validator.standard(factory, standard, written(standard)))
        .collect();
    fields.extend(settings.iter().filter_map(|setting| validator.own(setting)));
    let Validator { krate, errors, .. } = validator;
    let driver = driver(&factory.backend, &krate, errors);
    Model {
        factory,
        driver,
        fields,
        krate,
    }
}

/// The factories without those of a name that another one has.
pub(super) fn distinct(factories: Vec<Factory>, errors: &mut Errors) -> Vec<Factory> {
    let mut distinct: Vec<Factory> = Vec::new();
    for factory in factories {
        let name = &factory.name;
        if distinct.iter().any(|other| other.name == *name) {
            errors.on(
                name,
                format!("a second factory of the name `{name}`; write another name"),
            );
        } else {
            distinct.push(factory);
        }
    }
    distinct
}

pub(super) struct Validator<'e> {
    krate: Path,
    prefix: String,
    /// Each key with the setting that has it.
    pub(super) keys: HashMap<String, String>,
    pub(super) errors: &'e mut Errors,
}

impl Validator<'_> {
    /// The settings without those that are written a second time.
    fn distinct<'a>(&mut self, factory: &'a Factory) -> Vec<&'a Setting> {
        let mut settings: Vec<&Setting> = Vec::new();
        for setting in &factory.settings {
            if settings.iter().any(|other| other.name == setting.name) {
                let message = format!("`{}` is set twice; write it once", setting.name);
                self.errors.on(&setting.name, message);
            } else {
                settings.push(setting);
            }
        }
        settings
    }

    /// What is about the factory as a whole: the prefix, and where the runtime is.
    fn globals(&mut self, settings: &[&Setting]) {
        for setting in settings {
            match &setting.value {
                Value::Crate(path) => self.krate = path.clone(),
                value if setting.name == "prefix" => match value {
                    Value::Constant(value) => match literal(value) {
                        Some(Lit::Str(prefix)) if is_key(&prefix.value()) => {
                            self.prefix = prefix.value();
                        }
                        _ => self.bad_prefix(value),
                    },
                    _ => self.bad_prefix(&setting.name),
                },
                _ => {}
            }
        }
    }

    fn bad_prefix(&mut self, tokens: impl ToTokens) {
        let message = "a prefix is the beginning of the keys' names; write `prefix = \"REPORTS_\"`";
        self.errors.on(tokens, message);
    }

    /// The field of a standard setting, whether it is written or not.
    fn standard<'a>(
        &mut self,
        factory: &Factory,
        standard: &Standard,
        written: Option<&'a Setting>,
    ) -> Field<'a> {
        let name = written.map_or_else(
            || Ident::new(standard.name, factory.name.span()),
            |setting| setting.name.clone(),
        );
        let default_key = format!("{}{}", self.prefix, standard.key);
        let mut key = default_key.clone();
        let mut default = standard.default.map(str::to_owned);
        let mut constant = None;
        let mut user_docs = Vec::new();
        if let Some(setting) = written {
            user_docs.extend(self.only_docs(&setting.attrs));
            if let Some(ty) = &setting.ty {
                let message = format!(
                    "`{name}` is a setting of every factory and has its type already; \
                     remove the type, or give your own key another name"
                );
                self.errors.on(ty, message);
            }
            match &setting.value {
                Value::Env {
                    key: literal,
                    default: value,
                } => {
                    key = self.key(literal);
                    if let Some(checked) = value
                        .as_ref()
                        .and_then(|value| self.value(standard, value, &key))
                    {
                        default = Some(checked.text);
                    }
                }
                Value::BuildEnv(token) => {
                    self.build_env(token, &name, standard.kind.is_secret(), &key);
                }
                Value::Constant(value) => constant = self.value(standard, value, &key),
                Value::Crate(_) => {}
            }
        }
        let ty = self.type_of(standard.kind);
        let doc = standard.doc.to_owned();
        if let Some(constant) = constant {
            let tokens = constant.tokens;
            let read = quote!(::core::option::Option::Some(#tokens));
            let source = Source::Constant(constant.text);
            return Field {
                name,
                ty,
                user_docs,
                doc,
                read,
                standard: true,
                source,
            };
        }
        let span = match written.map(|setting| &setting.value) {
            Some(Value::Env { key, .. }) => key.span(),
            _ => name.span(),
        };
        self.claim(&key, standard.name, span);
        let read = read(standard);
        let kind = standard.kind;
        let source = Source::Key {
            key,
            ty: kind.words().to_owned(),
            default,
            required: kind == Kind::Url,
            secret: kind.is_secret(),
        };
        Field {
            name,
            ty,
            user_docs,
            doc,
            read,
            standard: true,
            source,
        }
    }

    /// The field of one of the application's own keys.
    fn own<'a>(&mut self, setting: &'a Setting) -> Option<Field<'a>> {
        let name = &setting.name;
        let text = name.unraw().to_string();
        if names().any(|standard| standard == text) || text == "prefix" || text == "crate" {
            return None;
        }
        let Some(ty) = &setting.ty else {
            let guess = did_you_mean(&text, names().chain(["prefix", "crate"]));
            let message = format!(
                "unknown setting `{name}`{guess}; if it is a key of your own, write its type: \
                 `{name}: u32 = …`"
            );
            self.errors.on(name, message);
            return None;
        };
        let own = OwnType::of(ty);
        let user_docs: Vec<_> = self.only_docs(&setting.attrs).collect();
        let doc = text_of(&user_docs);
        let krate = self.krate.clone();
        let (read, source) = match &setting.value {
            Value::Env {
                key: literal,
                default,
            } => {
                let key = self.key(literal);
                self.claim(&key, &text, literal.span());
                let default = default
                    .as_ref()
                    .filter(|value| self.own_value(&own, value, &key));
                let read = match default {
                    Some(value) if !is_text(value) => {
                        quote!(__session_factory_reader.read_or::<#ty>(#text, || #value))
                    }
                    _ => quote!(__session_factory_reader.read::<#ty>(#text)),
                };
                let default = default.map(as_text);
                let required = default.is_none() && !own.optional;
                let source = Source::Key {
                    key,
                    ty: own.words(),
                    default,
                    required,
                    secret: own.secret,
                };
                (read, source)
            }
            Value::BuildEnv(token) => {
                self.build_env(token, name, own.secret, "KEY");
                return None;
            }
            Value::Constant(value) => {
                if !self.own_value(&own, value, "KEY") {
                    return None;
                }
                (
                    own.constant(value, &krate),
                    Source::Constant(as_text(value)),
                )
            }
            Value::Crate(_) => return None,
        };
        let ty = ty.to_token_stream();
        Some(Field {
            name: name.clone(),
            ty,
            user_docs,
            doc,
            read,
            standard: false,
            source,
        })
    }

    fn type_of(&self, kind: Kind) -> proc_macro2::TokenStream {
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
        }
    }
}

fn read(standard: &Standard) -> proc_macro2::TokenStream {
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
    };
    quote!(__session_factory_reader.#call(#name))
}
