//! The imports between files. A re-export counts as an import of the file that defines the item.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use crate::source::{self, Module, Segments};

/// The files of a crate and their imports.
pub(crate) struct Graph {
    files: BTreeSet<String>,
    /// From a file, to a file, and a path that causes the import.
    edges: BTreeMap<(String, String), String>,
}

impl Graph {
    pub(crate) fn read(root: &Path) -> Self {
        let modules = Modules(source::read(root));
        let mut edges = BTreeMap::new();
        for (at, module) in &modules.0 {
            let private = module.imports.iter().filter(|(_, _, private)| *private);
            let imported = private.map(|(_, path, _)| path);
            for path in imported.chain(&module.mentions) {
                let to = modules.file_of(at, path);
                if let Some(to) = to.filter(|to| **to != module.file) {
                    let key = (module.file.clone(), to.clone());
                    edges.entry(key).or_insert_with(|| path.join("::"));
                }
            }
        }
        let files = modules.0.into_values().map(|module| module.file).collect();
        Self { files, edges }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    pub(crate) fn edges(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let edges = self.edges.iter();
        edges.map(|((from, to), path)| (from.as_str(), to.as_str(), path.as_str()))
    }

    /// The sets of files that import each other in a circle.
    pub(crate) fn circles(&self) -> Vec<BTreeSet<String>> {
        let reached: BTreeMap<_, _> = self.files().map(|file| (file, self.reach(file))).collect();
        let mut circles = BTreeSet::new();
        for (file, others) in &reached {
            if others.contains(file) {
                let both = others.iter().filter(|other| reached[*other].contains(file));
                circles.insert(both.map(|&other| other.to_owned()).collect());
            }
        }
        circles.into_iter().collect()
    }

    fn reach<'a>(&'a self, from: &'a str) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(file) = open.pop() {
            for (of, to, _) in self.edges() {
                if of == file && reached.insert(to) {
                    open.push(to);
                }
            }
        }
        reached
    }
}

struct Modules(HashMap<Segments, Module>);

enum Found<'a> {
    Module(Segments),
    ItemOf(&'a String),
}

impl Modules {
    /// The file that defines the item of a path in the module `at`. `None` for items of other
    /// crates and for modules: a path through a module counts where it is written.
    fn file_of(&self, at: &[String], path: &[String]) -> Option<&String> {
        match self.find(at, path, 0)? {
            Found::ItemOf(file) => Some(file),
            Found::Module(_) => None,
        }
    }

    fn find(&self, at: &[String], path: &[String], depth: usize) -> Option<Found<'_>> {
        let mut at = at.to_vec();
        for (index, name) in path.iter().enumerate() {
            match name.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => {
                    at.pop()?;
                }
                name => match self.lookup(&at, name, index + 1 == path.len(), depth)? {
                    Found::Module(next) => at = next,
                    item @ Found::ItemOf(_) => return Some(item),
                },
            }
        }
        (!path.is_empty()).then_some(Found::Module(at))
    }

    fn lookup(&self, at: &[String], name: &str, last: bool, depth: usize) -> Option<Found<'_>> {
        // Two re-exports may point at each other.
        if depth > 16 {
            return None;
        }
        let module = self.0.get(at)?;
        let child = [at, &[name.to_owned()]].concat();
        let is_module = self.0.contains_key(&child);
        let is_item = module.items.iter().any(|item| item == name);
        if is_item && (last || !is_module) {
            return Some(Found::ItemOf(&module.file));
        }
        if is_module {
            return Some(Found::Module(child));
        }
        let named = module.imports.iter().filter(|(own, ..)| own == name);
        let named = named.map(|(_, path, _)| path.clone());
        let globbed = module.globs.iter().map(|glob| {
            let mut path = glob.clone();
            path.push(name.to_owned());
            path
        });
        // Skip an import of another crate's item with the same name: it would resolve to itself.
        let paths = named.chain(globbed).filter(|path| path[0] != name);
        let mut found = paths.filter_map(|path| self.find(at, &path, depth + 1));
        found.next()
    }
}
