//! A subscriber that keeps every span.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Mutex, MutexGuard, OnceLock};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

#[derive(Debug, Clone)]
pub struct Kept {
    pub id: u64,
    pub name: &'static str,
    pub parent: Option<u64>,
    pub follows: Vec<u64>,
    pub fields: BTreeMap<String, String>,
    pub is_open: bool,
    handles: usize,
    metadata: &'static Metadata<'static>,
}

impl Kept {
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("-", String::as_str)
    }
}

#[derive(Default)]
pub struct Collector(Mutex<Vec<Kept>>);

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = RefCell::default();
}

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();

/// The process's subscriber.
pub fn collector() -> &'static Collector {
    COLLECTOR.get_or_init(|| {
        let collector: &'static Collector = Box::leak(Box::default());
        tracing::subscriber::set_global_default(Handle(collector)).unwrap();
        collector
    })
}

impl Collector {
    fn spans(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap()
    }

    pub fn all(&self) -> Vec<Kept> {
        self.spans().clone()
    }

    /// The newest span with this `otel.name`.
    pub fn newest(&self, name: &str) -> Option<Kept> {
        let spans = self.spans();
        let is_it = |span: &&Kept| span.field("otel.name") == name;
        spans.iter().rev().find(is_it).cloned()
    }
}

struct Values<'fields>(&'fields mut BTreeMap<String, String>);

impl Visit for Values<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

struct Handle(&'static Collector);

impl Subscriber for Handle {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("session_factory") || metadata.target() == "spans"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut spans = self.0.spans();
        let id = spans.len() as u64 + 1;
        let mut fields = BTreeMap::new();
        attributes.record(&mut Values(&mut fields));
        let parent = match attributes.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if attributes.is_contextual() => {
                ENTERED.with_borrow(|entered| entered.last().copied())
            }
            None => None,
        };
        spans.push(Kept {
            id,
            name: attributes.metadata().name(),
            parent,
            follows: Vec::new(),
            fields,
            is_open: true,
            handles: 1,
            metadata: attributes.metadata(),
        });
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut spans = self.0.spans();
        let span = &mut spans[span.into_u64() as usize - 1];
        assert!(span.is_open, "{} is recorded after its end", span.name);
        values.record(&mut Values(&mut span.fields));
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        let follows = follows.into_u64();
        self.0.spans()[span.into_u64() as usize - 1]
            .follows
            .push(follows);
    }

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        ENTERED.with_borrow_mut(|entered| {
            let at = entered.iter().rposition(|id| *id == span.into_u64());
            entered.remove(at.expect("an entered span"));
        });
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.0.spans()[span.into_u64() as usize - 1].handles += 1;
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let mut spans = self.0.spans();
        let span = &mut spans[span.into_u64() as usize - 1];
        span.handles -= 1;
        span.is_open = span.handles > 0;
        !span.is_open
    }

    fn current_span(&self) -> Current {
        let Some(id) = ENTERED.with_borrow(|entered| entered.last().copied()) else {
            return Current::none();
        };
        let metadata = self.0.spans()[id as usize - 1].metadata;
        Current::new(Id::from_u64(id), metadata)
    }
}
