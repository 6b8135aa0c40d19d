//! An observer came after the first session.

/// The factory has opened a session already: [`Factory::observe`](crate::Factory::observe) added no observer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{factory} has opened a session already, so the observer was not added: it would have missed what came before; call \
     {factory}::observe() before anything else uses {factory}, or Factory::observed_by() where the factory is made"
)]
pub struct ObservedTooLate {
    factory: &'static str,
}

impl ObservedTooLate {
    pub(crate) fn of(factory: &'static str) -> Self {
        Self { factory }
    }
}
