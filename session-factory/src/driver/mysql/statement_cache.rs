//! The prepared statements of one connection.

use std::collections::HashMap;

use diesel::connection::CacheSize;

use super::protocol::session_state::Nature;

/// The most prepared statements of one connection. A server allows 16,382 for all its connections together.
const KEPT: usize = 256;

/// A statement that the server has prepared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prepared {
    pub(super) id: u32,
    pub(super) nature: Nature,
}

/// The cached prepared statements, all for one schema and one mode.
#[derive(Debug)]
pub(super) struct Cache {
    kept: HashMap<String, (Prepared, u64)>,
    pub(super) size: usize,
    /// Counts uses, because the least recently used statement is dropped first.
    clock: u64,
    /// The ids of dropped statements, to be closed with the next command.
    pub(super) spent: Vec<u32>,
}

impl Cache {
    pub(super) fn new(statements: Option<usize>) -> Self {
        let size = if statements == Some(0) { 0 } else { KEPT };
        Self {
            kept: HashMap::new(),
            size,
            clock: 0,
            spent: Vec::new(),
        }
    }

    pub(super) fn size(&self) -> CacheSize {
        if self.size == 0 {
            CacheSize::Disabled
        } else {
            CacheSize::Unbounded
        }
    }

    pub(super) fn set_size(&mut self, size: CacheSize) {
        self.size = if matches!(size, CacheSize::Disabled) {
            0
        } else {
            KEPT
        };
        if self.size == 0 {
            self.clear();
        }
    }

    pub(super) fn get(&mut self, sql: &str) -> Option<Prepared> {
        self.clock += 1;
        let (prepared, used) = self.kept.get_mut(sql)?;
        *used = self.clock;
        Some(*prepared)
    }

    pub(super) fn put(&mut self, sql: &str, prepared: Prepared) {
        if self.kept.len() >= self.size {
            let oldest = self.kept.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(sql, _)| sql.clone()) {
                self.forget(&oldest);
            }
        }
        self.kept.insert(sql.to_owned(), (prepared, self.clock));
    }

    fn forget(&mut self, sql: &str) {
        if let Some((prepared, _)) = self.kept.remove(sql) {
            self.spent.push(prepared.id);
        }
    }

    pub(super) fn clear(&mut self) {
        self.spent
            .extend(self.kept.drain().map(|(_, (prepared, _))| prepared.id));
    }

    /// Call after a reset, in which the server closed all prepared statements.
    pub(super) fn was_reset(&mut self) {
        self.kept.clear();
        self.spent.clear();
    }
}
