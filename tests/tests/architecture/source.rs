//! A module's declarations, imports and paths.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// The segments of a path.
pub(crate) type Segments = Vec<String>;

/// One module, inline or in its own file.
pub(crate) struct Module {
    /// The module's file, relative to the source folder.
    pub(crate) file: String,
    pub(crate) items: Vec<String>,
    /// Each import: its name in this module, its path, and true if it is private to this file.
    pub(crate) imports: Vec<(String, Segments, bool)>,
    pub(crate) globs: Vec<Segments>,
    /// The paths in the module's code.
    pub(crate) mentions: Vec<Segments>,
}

/// All modules in a source folder by path, without tests.
pub(crate) fn read(root: &Path) -> HashMap<Segments, Module> {
    let mut reader = Reader {
        root,
        modules: HashMap::new(),
    };
    reader.file(&root.join("lib.rs"), Vec::new());
    reader.modules
}

struct Reader<'a> {
    root: &'a Path,
    modules: HashMap<Segments, Module>,
}

impl Reader<'_> {
    fn file(&mut self, file: &Path, module: Segments) {
        let text = fs::read_to_string(file).unwrap();
        let parsed =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.module(file, module, parsed.items);
    }

    fn module(&mut self, file: &Path, path: Segments, items: Vec<Item>) {
        let relative = file.strip_prefix(self.root).unwrap();
        let mut found = Module {
            file: relative.to_str().unwrap().to_owned(),
            items: Vec::new(),
            imports: Vec::new(),
            globs: Vec::new(),
            mentions: Vec::new(),
        };
        for item in items {
            if is_test(attributes(&item)) {
                continue;
            }
            if let Some(name) = name_of(&item) {
                found.items.push(name);
            }
            match item {
                Item::Mod(inner) => {
                    let mut child = path.clone();
                    child.push(inner.ident.to_string());
                    match inner.content {
                        Some((_, items)) => self.module(file, child, items),
                        None => self.file(&file_of(file, &inner.ident.to_string()), child),
                    }
                }
                item => found.visit_item(&item),
            }
        }
        self.modules.insert(path, found);
    }
}

fn file_of(parent: &Path, name: &str) -> PathBuf {
    let stem = parent.file_stem().unwrap();
    let folder = if stem == "mod" || stem == "lib" {
        parent.parent().unwrap().to_owned()
    } else {
        parent.with_extension("")
    };
    let flat = folder.join(format!("{name}.rs"));
    if flat.exists() {
        flat
    } else {
        folder.join(name).join("mod.rs")
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let tokens = match &attribute.meta {
            syn::Meta::List(list) if attribute.path().is_ident("cfg") => list.tokens.to_string(),
            _ => return attribute.path().is_ident("test"),
        };
        tokens == "test"
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => &[],
    }
}

fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

impl Module {
    fn import(&mut self, tree: &UseTree, mut before: Segments, private: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before, private);
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                if name == "self" {
                    let last = before.last().unwrap().clone();
                    self.imports.push((last, before, private));
                } else {
                    before.push(name.clone());
                    self.imports.push((name, before, private));
                }
            }
            UseTree::Rename(rename) => {
                if rename.ident != "self" {
                    before.push(rename.ident.to_string());
                }
                self.imports
                    .push((rename.rename.to_string(), before, private));
            }
            UseTree::Glob(_) => self.globs.push(before),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before.clone(), private);
                }
            }
        }
    }

    /// Collects paths in a macro's input: names joined by `::`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Segments::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.mentions.push(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.mentions.push(std::mem::take(&mut path));
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.mentions.push(path);
    }
}

impl<'ast> Visit<'ast> for Module {
    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        if import.leading_colon.is_none() {
            let private = matches!(import.vis, Visibility::Inherited);
            self.import(&import.tree, Segments::new(), private);
        }
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter();
            self.mentions
                .push(segments.map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }
}
