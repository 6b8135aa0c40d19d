//! Rejects what is wrong, and builds the model.

use std::collections::HashMap;

use proc_macro2::Ident;
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{Attribute, Lit, Path, Token, Visibility};

use super::backend::{Backend, backend, driver, is_named};
use super::cross_checks;
use super::input::{Backend as Written, Factory, Setting, Value};
use super::key_name::is_key;
use super::literals::literal;
use super::model::Model;
use super::neighbours::{self, has_type};
use super::settings::{GLOBALS, STANDARD, Standard};
use super::twice::is_declared_before;
use crate::diagnostics::{Errors, pretty};

/// The model of one factory. A wrong setting is reported and keeps its default.
pub(super) fn validate<'a>(factory: &'a Factory, errors: &mut Errors) -> Model<'a> {
    let written = factory.backend.as_ref();
    let backend = written.and_then(|written| backend(written, errors));
    let mut validator = Validator {
        krate: syn::parse_quote!(::session_factory),
        prefix: String::new(),
        dotenv: None,
        backend,
        keys: HashMap::new(),
        built: Vec::new(),
        vis: &factory.vis,
        errors,
    };
    if let Some(Written::BuildEnv(variable)) = written {
        validator.built.push(variable.key.value());
    }
    let settings = validator.distinct(factory);
    validator.globals(&settings);
    let setting = |standard: &Standard| {
        settings
            .iter()
            .copied()
            .find(|setting| setting.name == standard.name)
    };
    let mut fields: Vec<_> = STANDARD
        .iter()
        .map(|standard| validator.standard(factory, standard, setting(standard)))
        .collect();
    fields.extend(settings.iter().filter_map(|setting| validator.own(setting)));
    for field in &fields {
        validator.claim_also(factory, field);
    }
    let Validator {
        krate,
        dotenv,
        built,
        errors,
        ..
    } = validator;
    let model = Model {
        factory,
        config: config(factory, errors),
        is_declared: is_declared(factory, errors),
        driver: backend
            .zip(written)
            .filter(|(backend, written)| is_named(*backend, written))
            .map(|(backend, written)| driver(backend, written, &krate)),
        fields,
        built,
        dotenv,
        krate,
    };
    cross_checks::settings(&model, errors);
    cross_checks::replica(&model, backend, errors);
    model
}

/// The name of the configuration's type. If the application already has a type of that name, this
/// function reports it and returns another name, so that the two types cause no further errors.
fn config(factory: &Factory, errors: &mut Errors) -> Ident {
    let name = &factory.name;
    let config = format_ident!("{name}Config");
    if !has_type(name, &config.to_string()) {
        return config;
    }
    let message = format!(
        "this generates the type `{config}`, and the module has one of that name; write another name for yours"
    );
    errors.on(name, message);
    format_ident!("__SessionFactoryConfigOf{name}")
}

/// True if the application already has a type of the factory's name; that is reported.
fn is_declared(factory: &Factory, errors: &mut Errors) -> bool {
    let name = &factory.name;
    let is_declared = has_type(name, &name.to_string());
    if is_declared {
        let message = format!(
            "this declares the type `{name}`, and the module has one of that name; write another name for one of them"
        );
        errors.on(name, message);
    }
    is_declared
}

/// Reports and removes each factory that has the name of an earlier one.
pub(super) fn distinct(factories: Vec<Factory>, errors: &mut Errors) -> Vec<Factory> {
    let mut distinct: Vec<Factory> = Vec::new();
    for factory in factories {
        let name = &factory.name;
        if distinct.iter().any(|other| other.name == *name) || is_declared_before(name) {
            errors.on(
                name,
                format!("there are two factories `{name}`; write another name for one of them"),
            );
        } else {
            distinct.push(factory);
        }
    }
    distinct
}

pub(super) struct Validator<'e> {
    pub(super) krate: Path,
    pub(super) prefix: String,
    pub(super) dotenv: Option<proc_macro2::Span>,
    pub(super) backend: Option<Backend>,
    /// Each key and the setting that uses it.
    pub(super) keys: HashMap<String, String>,
    /// The keys that the macro read from the compiler's environment.
    pub(super) built: Vec<String>,
    /// The factory's visibility.
    pub(super) vis: &'e Visibility,
    pub(super) errors: &'e mut Errors,
}

impl Validator<'_> {
    /// Removes and reports settings that are written twice.
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

    /// Reads what concerns the factory as a whole: the prefix, `.env`, and the runtime crate's
    /// path.
    fn globals(&mut self, settings: &[&Setting]) {
        for setting in settings {
            if GLOBALS.contains(&setting.name.unraw().to_string().as_str())
                && let Some(range) = &setting.range
            {
                let message = format!("`{}` has no range; remove it", setting.name);
                self.errors.on(range, message);
            }
            match &setting.value {
                Value::Broken => {}
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
                value if setting.name == "dotenv" => match value {
                    Value::Constant(value) => match literal(value) {
                        Some(Lit::Bool(on)) => {
                            self.dotenv = on.value.then(|| setting.name.span());
                        }
                        _ => self.bad_dotenv(value),
                    },
                    _ => self.bad_dotenv(&setting.name),
                },
                _ => {}
            }
        }
    }

    fn bad_prefix(&mut self, tokens: impl ToTokens) {
        let message = "expected letters, digits and `_` that the default keys begin with; write `prefix = \"REPORTS_\"`";
        self.errors.on(tokens, message);
    }

    fn bad_dotenv(&mut self, tokens: impl ToTokens) {
        let message = "expected a boolean, as `.env` is read or is not; write `dotenv = true`";
        self.errors.on(tokens, message);
    }

    /// Reports a companion key of this field that a different setting reads. This check runs after
    /// all written keys are known, so that the error points at the key that the user wrote.
    fn claim_also(&mut self, factory: &Factory, field: &super::model::Field<'_>) {
        for companion in &field.companions {
            let Some(other) = self.keys.get(&companion.key) else {
                continue;
            };
            let span = factory
                .settings
                .iter()
                .find(|setting| setting.name.unraw() == other.as_str())
                .map_or_else(
                    || factory.name.span(),
                    |setting| match &setting.value {
                        Value::Env(variable) | Value::BuildEnv(variable) => variable.key.span(),
                        _ => setting.name.span(),
                    },
                );
            let message = format!(
                "`{}` reads `{}` when its own key is not set; write another key for `{other}`",
                field.name, companion.key,
            );
            self.errors.at(span, message);
        }
    }
}

/// Reports and removes wrong derives above the factories, and backends that are factories
/// themselves.
pub(super) fn headers(factories: &mut [Factory], errors: &mut Errors) {
    let names: Vec<_> = factories
        .iter()
        .map(|factory| factory.name.clone())
        .collect();
    for factory in factories {
        for attr in &mut factory.attrs {
            without_values(attr, errors);
        }
        let Some(Written::Written(path)) = &factory.backend else {
            continue;
        };
        let last = path.segments.last().map(|last| &last.ident);
        let is_factory = |name: &&Ident| names.contains(name) || neighbours::is_factory(name);
        if let Some(other) = last.filter(is_factory) {
            let message = format!(
                "`{other}` is a factory; write a backend, as in `{}(Postgres)`",
                factory.name
            );
            errors.on(other, message);
            factory.backend = None;
        }
    }
}

/// Removes derives that would create or serialize a factory's value: a factory has no values.
fn without_values(attr: &mut Attribute, errors: &mut Errors) {
    const TRAITS: [&str; 3] = ["Default", "Serialize", "Deserialize"];
    if !attr.path().is_ident("derive") {
        return;
    }
    let Ok(traits) = attr.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated) else {
        return;
    };
    let is_refused = |path: &Path| {
        let last = path.segments.last();
        last.is_some_and(|last| TRAITS.iter().any(|name| last.ident == name))
    };
    let (refused, kept): (Vec<_>, Vec<_>) = traits.into_iter().partition(is_refused);
    for path in &refused {
        let name = pretty(path);
        let message =
            format!("a factory is never a value, and cannot be `{name}`; remove `{name}`");
        errors.on(path, message);
    }
    if !refused.is_empty() {
        *attr = syn::parse_quote!(#[derive(#(#kept),*)]);
    }
}
