//! Where `$ref` and its kin lead, as the Python package `referencing` finds it. Nothing is fetched here.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use url::Url;

use super::dialect::Dialect;
use crate::json::Value;

/// Where a schema stands: the URI that references in it are relative to, and those of the schemas on the way here.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    base: String,
    /// The latest one first.
    previous: Vec<String>,
}

/// The schemas within a document that have a name of their own.
#[derive(Debug)]
pub(super) struct References {
    dialect: Dialect,
    /// By URI without a fragment.
    resources: HashMap<String, Pointer>,
    /// By URI and anchor.
    anchors: HashMap<(String, String), Anchor>,
    /// Every reference of the document with the URI it is relative to.
    used: Vec<(String, String)>,
}

/// The way from the root of the document to a place in it.
type Pointer = Vec<String>;

#[derive(Debug)]
struct Anchor {
    place: Pointer,
    is_dynamic: bool,
}

/// A reference that leads nowhere within its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lost {
    /// To another document, by its URI.
    Elsewhere(String),
    /// To a place that is not in this document.
    Nowhere,
}

impl References {
    /// Finds the names and references of a document.
    pub(super) fn of(document: &Value, dialect: Dialect) -> Self {
        let mut found =
            Self { dialect, resources: HashMap::new(), anchors: HashMap::new(), used: Vec::new() };
        let root = found.id_of(document).unwrap_or_default();
        found.resources.insert(root.clone(), Vec::new());
        found.walk(document, &root, &mut Vec::new());
        found
    }

    /// The scope of the whole document.
    pub(super) fn root_scope(&self, document: &Value) -> Scope {
        Scope { base: self.id_of(document).unwrap_or_default(), previous: Vec::new() }
    }

    /// The first reference that cannot be followed, with the reason.
    pub(super) fn first_lost(&self, document: &Value) -> Option<(&str, Lost)> {
        self.lost(document).next()
    }

    /// Why references cannot be followed, for all that cannot.
    pub(super) fn all_lost(&self, document: &Value) -> Vec<Lost> {
        self.lost(document).map(|(_, lost)| lost).collect()
    }

    fn lost<'a>(&'a self, document: &Value) -> impl Iterator<Item = (&'a str, Lost)> {
        self.used.iter().filter_map(move |(base, reference)| {
            let scope = Scope { base: base.clone(), previous: Vec::new() };
            let lost = self.look_up(document, &scope, reference).err()?;
            Some((reference.as_str(), lost))
        })
    }

    /// The scope within `schema`, if it has a URI of its own.
    pub(super) fn entered(&self, schema: &Value, scope: &Scope) -> Option<Scope> {
        let id = self.id_of(schema)?;
        Some(Scope { base: join(&scope.base, &id), previous: scope.previous.clone() })
    }

    /// The schema that a `$ref` or `$dynamicRef` means, with its scope.
    pub(super) fn look_up<'a>(
        &self,
        document: &'a Value,
        scope: &Scope,
        reference: &str,
    ) -> Result<(&'a Value, Scope), Lost> {
        let (uri, fragment) = match reference.strip_prefix('#') {
            Some(fragment) => (scope.base.clone(), fragment.to_owned()),
            None => {
                let joined = join(&scope.base, reference);
                let (uri, fragment) = joined.split_once('#').unwrap_or((&joined, ""));
                (uri.to_owned(), fragment.to_owned())
            }
        };
        let root = self.resources.get(&uri).ok_or_else(|| Lost::Elsewhere(uri.clone()))?;
        let inner = scope.moved_to(uri.clone());
        if fragment.is_empty() {
            return Ok((locate(document, root).ok_or(Lost::Nowhere)?, inner));
        }
        if fragment.starts_with('/') {
            let root = locate(document, root).ok_or(Lost::Nowhere)?;
            return self.follow(root, &fragment, inner).ok_or(Lost::Nowhere);
        }
        let anchor = self.anchor(&uri, &fragment).ok_or(Lost::Nowhere)?;
        let mut place = &anchor.place;
        if !anchor.is_dynamic {
            return Ok((locate(document, place).ok_or(Lost::Nowhere)?, inner));
        }
        // The outermost schema on the way here that has the same dynamic anchor.
        for uri in &inner.previous {
            match self.anchor(uri, &fragment) {
                Some(outer) if outer.is_dynamic => place = &outer.place,
                Some(_) | None => (),
            }
        }
        let schema = locate(document, place).ok_or(Lost::Nowhere)?;
        let inner = self.entered(schema, &inner).unwrap_or(inner);
        Ok((schema, inner))
    }

    /// The schema that a `$recursiveRef` means (Draft 2019-09, section 8.2.4.2.1).
    pub(super) fn look_up_recursive<'a>(
        &self,
        document: &'a Value,
        scope: &Scope,
    ) -> Result<(&'a Value, Scope), Lost> {
        let is_anchor = |schema: &Value| schema.get("$recursiveAnchor") == Some(&Value::Bool(true));
        let mut found = self.look_up(document, scope, "#")?;
        if is_anchor(found.0) {
            for uri in &scope.previous {
                let next = self.look_up(document, scope, uri)?;
                if !is_anchor(next.0) {
                    break;
                }
                found = next;
            }
        }
        Ok(found)
    }

    fn anchor(&self, uri: &str, name: &str) -> Option<&Anchor> {
        self.anchors.get(&(uri.to_owned(), name.to_owned()))
    }

    /// Follows a JSON pointer (RFC 6901) and the URIs of the schemas on its way.
    fn follow<'a>(
        &self,
        root: &'a Value,
        pointer: &str,
        mut scope: Scope,
    ) -> Option<(&'a Value, Scope)> {
        let pointer = percent_decode_str(pointer.get(1..)?).decode_utf8_lossy();
        let mut schema = root;
        for segment in pointer.split('/') {
            schema = step(schema, &segment.replace("~1", "/").replace("~0", "~"))?;
            scope = self.entered(schema, &scope).unwrap_or(scope);
        }
        Some((schema, scope))
    }

    fn id_of(&self, schema: &Value) -> Option<String> {
        let is_ignored = self.dialect.reference_stands_alone() && schema.get("$ref").is_some();
        let id = schema.get(self.dialect.id_keyword()).and_then(Value::as_str);
        let id = id.filter(|_| !is_ignored)?;
        // An anchor of Draft 4 to 7 is no URI.
        (!id.starts_with('#')).then(|| id.trim_end_matches('#').to_owned())
    }

    fn walk(&mut self, schema: &Value, base: &str, place: &mut Pointer) {
        let Some(members) = schema.as_object() else { return };
        let mut base = base.to_owned();
        if !place.is_empty()
            && let Some(id) = self.id_of(schema)
        {
            base = join(&base, &id);
            self.resources.insert(base.clone(), place.clone());
        }
        let mut anchor = |name: &str, is_dynamic| {
            let anchor = Anchor { place: place.clone(), is_dynamic };
            self.anchors.insert((base.clone(), name.to_owned()), anchor);
        };
        for (keyword, value) in members {
            let text = value.as_str();
            match (keyword.as_str(), text) {
                ("$anchor", Some(name)) => anchor(name, false),
                ("$dynamicAnchor", Some(name)) => anchor(name, true),
                ("$id" | "id", Some(id)) if id.starts_with('#') => anchor(&id[1..], false),
                ("$ref" | "$dynamicRef", Some(reference)) => {
                    self.used.push((base.clone(), reference.to_owned()));
                }
                _ => (),
            }
        }
        for (keyword, value) in members {
            place.push(keyword.to_string());
            self.walk_keyword(keyword, value, &base, place);
            place.pop();
        }
    }

    fn walk_keyword(&mut self, keyword: &str, value: &Value, base: &str, place: &mut Pointer) {
        match super::applicator(keyword) {
            Some(super::Applicator::Schema) => self.walk(value, base, place),
            Some(super::Applicator::Schemas) => self.walk_all(value, base, place),
            Some(super::Applicator::Either) if value.as_array().is_some() => {
                self.walk_all(value, base, place);
            }
            Some(super::Applicator::Either) => self.walk(value, base, place),
            None => (),
        }
    }

    fn walk_all(&mut self, value: &Value, base: &str, place: &mut Pointer) {
        let named = value.as_object().into_iter().flatten();
        let items = value.as_array().into_iter().flatten().enumerate();
        let named = named.map(|(name, schema)| (name.to_string(), schema));
        for (name, schema) in named.chain(items.map(|(index, item)| (index.to_string(), item))) {
            place.push(name);
            self.walk(schema, base, place);
            place.pop();
        }
    }
}

impl Scope {
    fn moved_to(&self, uri: String) -> Self {
        let mut previous = self.previous.clone();
        if !self.base.is_empty() && (previous.is_empty() || uri != self.base) {
            previous.insert(0, self.base.clone());
        }
        Self { base: uri, previous }
    }
}

fn locate<'a>(document: &'a Value, place: &Pointer) -> Option<&'a Value> {
    place.iter().try_fold(document, |schema, segment| step(schema, segment))
}

fn step<'a>(schema: &'a Value, segment: &str) -> Option<&'a Value> {
    match schema {
        Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
        _ => schema.get(segment),
    }
}

/// RFC 3986, section 5.2; a document without a URI of its own has the empty one.
fn join(base: &str, reference: &str) -> String {
    /// Stands for the empty base while two relative references are joined.
    const NOWHERE: &str = "nowhere:///";
    if base.is_empty() {
        return reference.to_owned();
    }
    let absolute = Url::parse(base).or_else(|_| Url::parse(NOWHERE)?.join(base));
    let joined = absolute.and_then(|base| base.join(reference)).map(String::from);
    joined.map_or_else(
        |_| reference.to_owned(),
        |uri| uri.strip_prefix(NOWHERE).map_or(uri.clone(), str::to_owned),
    )
}
