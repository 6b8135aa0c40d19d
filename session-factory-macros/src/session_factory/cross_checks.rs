//! Mistakes that appear only when settings or factories are compared.

use std::time::Duration;

use super::backend::Backend;
use super::input::Value;
use super::model::{Model, Source};
use super::number::Number;
use crate::diagnostics::Errors;

/// The same value as `Settings::SHORTEST_LEAK` in the runtime crate. Change both together.
const SHORTEST_LEAK: Duration = Duration::from_secs(2);

/// Reports settings of one factory that contradict each other in every environment.
pub(super) fn settings(model: &Model<'_>, errors: &mut Errors) {
    let known = |setting| model.known(setting);
    if let (Some(idle), Some(life)) = (known("idle_timeout"), known("pool_recycle"))
        && idle.number >= life.number
        // The user turned `idle_timeout` off, so its value is not checked.
        && !matches!(idle.number, Number::Duration(Duration::MAX))
    {
        let message = "a connection is closed after `pool_recycle` anyway, so this never applies; write an \
                       `idle_timeout` that is shorter than `pool_recycle`";
        errors.at(idle.span, message);
    }
    if let Some(leak) = known("leak_threshold")
        && let Number::Duration(threshold) = leak.number
        && threshold < SHORTEST_LEAK
    {
        let message = "a session that holds its connection for less than two seconds is no leak; write a `leak_threshold` of at \
                       least `\"2s\"`";
        errors.at(leak.span, message);
    }
    if let (Some(size), Some(overflow)) = (known("pool_size"), known("max_overflow"))
        && let (Number::Integer(size), Number::Integer(more)) = (size.number, overflow.number)
        && size + more > i128::from(u32::MAX)
    {
        let message =
            "`pool_size` and `max_overflow` come to more than 4294967295; write smaller numbers";
        errors.at(overflow.span, message);
    }
}

/// Reports `replica_url` on a backend without replicas.
pub(super) fn replica(model: &Model<'_>, backend: Option<Backend>, errors: &mut Errors) {
    let written =
        model.factory.settings.iter().find(|setting| {
            setting.name == "replica_url" && !matches!(setting.value, Value::Standard)
        });
    if let (Some(setting), Some(backend)) = (written, backend)
        && !backend.has_replicas()
    {
        let message = format!(
            "only PostgreSQL has replicas, and this is `{}`; remove `replica_url`",
            backend.name()
        );
        errors.on(&setting.name, message);
    }
}

/// Reports a key that two factories read as different types, although the environment has one text for it.
pub(super) fn factories(models: &[Model<'_>], errors: &mut Errors) {
    let mut seen: Vec<(&str, String, &Model<'_>, String)> = Vec::new();
    for model in models {
        for field in &model.fields {
            let (Source::Key { key, ty, .. } | Source::Build { key, ty, .. }) = &field.source
            else {
                continue;
            };
            let bare = bare(ty);
            match seen.iter().find(|(other, ..)| other == key) {
                // Validation has already reported two settings of one factory that share a key.
                Some((_, other, first, setting))
                    if *other != bare && !std::ptr::eq(*first, model) =>
                {
                    let message = format!(
                        "`{key}` is a `{other}` in `{}` (for `{setting}`), and a `{bare}` here; write another \
                         key, or the same type",
                        first.factory.name
                    );
                    errors.at(key_span(model, field), message);
                }
                Some(_) => {}
                None => seen.push((key, bare, model, field.name.to_string())),
            }
        }
    }
}

/// A type's name without path, `Option` and case: the same for `Option<std::time::Duration>` and `duration`.
fn bare(ty: &str) -> String {
    let ty = ty
        .strip_prefix("Option<")
        .and_then(|ty| ty.strip_suffix('>'))
        .unwrap_or(ty);
    let name = ty.rsplit("::").next().unwrap_or(ty);
    name.replace(' ', "").to_ascii_lowercase()
}

fn key_span(model: &Model<'_>, field: &super::model::Field<'_>) -> proc_macro2::Span {
    let setting = model
        .factory
        .settings
        .iter()
        .find(|setting| setting.name == field.name);
    match setting.map(|setting| &setting.value) {
        Some(Value::Env(variable) | Value::BuildEnv(variable)) => variable.key.span(),
        _ => field.name.span(),
    }
}
